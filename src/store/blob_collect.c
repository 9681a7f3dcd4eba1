/* SPDX-License-Identifier: MulanPSL-2.0 */
/* See blob_collect.h. Only names that a blob can have are looked at; whatever else lies there is left alone.
 */
#include "store/blob_collect.h"

#include "store/backup_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct BlobSet {
    DigestSet set;
};

BlobSet *blob_set_new(void) { return xcalloc(1, sizeof(BlobSet)); }

void blob_set_free(BlobSet *s)
{
    if (!s) return;
    digests_done(&s->set);
    free(s);
}

void blob_set_freep(BlobSet **s)
{
    blob_set_free(*s);
    *s = NULL;
}

/* Exactly n digits. */
static bool is_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) return false;
    return !s[n];
}

void blob_set_add(BlobSet *s, Str id)
{
    char hex[BLOB_ID_SIZE] = "";
    if (id.n != BLOB_ID_SIZE - 1) return;
    memcpy(hex, id.p, id.n);
    if (is_hex(hex, BLOB_ID_SIZE - 1)) digests_add(&s->set, BACKUP_BLOB, hex);
}

typedef struct Sweep {
    const BlobSet *named;
    bool count_only;
    time_t before; /* only files older than this */
    BlobSweep *sum;
} Sweep;

static int sweep_file(const Sweep *w, int dir, const char *name, bool unfinished, Err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || st.st_mtime >= w->before)
        return 0;
    if (!w->count_only && unlinkat(dir, name, 0) != 0) return err_io(err, errno, "不能删除文件 %s", name);
    *(unfinished ? &w->sum->n_unfinished : &w->sum->n) += 1;
    *(unfinished ? &w->sum->bytes_unfinished : &w->sum->bytes) += st.st_size;
    return 0;
}

/* `prefix`: the two digits that the folder's name stands for; NULL = the folder of unfinished ones. */
static int sweep_folder(const Sweep *w, const char *path, const char *prefix, Err *err)
{
    DIR *d = opendir(path);
    int r = 0;
    if (!d) return errno == ENOENT ? 0 : err_io(err, errno, "不能读 '%s'", path);
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        char id[BLOB_ID_SIZE + 256];
        snprintf(id, sizeof id, "%s%s", prefix ? prefix : "", e->d_name);
        if (!is_hex(id, prefix ? BLOB_ID_SIZE - 1 : 32)) continue;
        if (!prefix || !digests_has(&w->named->set, BACKUP_BLOB, id))
            r = sweep_file(w, dirfd(d), e->d_name, !prefix, err);
    }
    closedir(d);
    return r;
}

int blob_collect(Store *s, const BlobSet *named, bool count_only, BlobSweep *ret, Err *err)
{
    char path[4096], prefix[3];
    *ret = (BlobSweep){0};
    const Sweep w = {named, count_only, time(NULL) - BLOB_YOUNG_S, ret};
    for (unsigned i = 0; i < 256; i++) {
        snprintf(prefix, sizeof prefix, "%02x", i);
        snprintf(path, sizeof path, "%s/blobs/%s", store_dir(s), prefix);
        TRY(sweep_folder(&w, path, prefix, err));
    }
    snprintf(path, sizeof path, "%s/blobs/tmp", store_dir(s));
    return sweep_folder(&w, path, NULL, err);
}
