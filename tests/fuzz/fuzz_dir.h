/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* A data folder in memory for targets that read files of one; removed at the end. */
#include "base/str.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char fuzz_dir[64]; /* one folder for all inputs */

static int fuzz_dir_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void fuzz_dir_remove(void) { nftw(fuzz_dir, fuzz_dir_remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static void fuzz_dir_make(void)
{
    static const char *const folders[] = {"keys", "synth"};
    char path[80];
    snprintf(fuzz_dir, sizeof fuzz_dir, "/dev/shm/chengshu-fuzz-XXXXXX");
    if (!mkdtemp(fuzz_dir)) _exit(1);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", fuzz_dir, folders[i]);
        if (mkdir(path, 0700) != 0) _exit(1);
    }
    atexit(fuzz_dir_remove);
}

/* Makes the folder when there is none yet; false when the file could not be written. */
static inline bool fuzz_dir_put(const char *name, Str text)
{
    char path[96];
    if (!fuzz_dir[0]) fuzz_dir_make();
    snprintf(path, sizeof path, "%s/%s", fuzz_dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    if (fd >= 0) close(fd);
    return ok;
}
