/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Runs one fuzz target over every file of the folders (or files) given, so that any compiler can test the
 * corpus. */
#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 16 << 20 };

static long run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return -1;
    uint8_t *data = malloc(FILE_MAX);
    size_t n = data ? fread(data, 1, FILE_MAX, f) : 0;
    fclose(f);
    /* Exactly n bytes, so that a sanitizer sees a read beyond them. */
    uint8_t *exact = malloc(n ? n : 1);
    if (data && exact) {
        memcpy(exact, data, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(data);
    return 1;
}

static long run_folder(const char *path)
{
    long n = 0;
    DIR *dir = opendir(path);
    if (!dir) return run_file(path);
    for (struct dirent *e; (e = readdir(dir));) {
        char file[4096];
        if (e->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (run_file(file) > 0) n++;
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    long n = 0;
    for (int i = 1; i < argc; i++) {
        long k = run_folder(argv[i]);
        if (k < 0) {
            fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
        n += k;
    }
    printf("%ld inputs\n", n);
    return n ? 0 : 1;
}
