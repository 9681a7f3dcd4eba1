/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Blobs: files addressed by the SM3 of their bytes, DIR/blobs/ab/cdef…. A blob is written to DIR/blobs/tmp,
 * synced, and renamed into place; then the folders are synced, so that an id that was returned survives a
 * power cut. Equal bytes are kept once. What a crash leaves in tmp belongs to nobody and may be deleted while
 * nothing writes.
 */
#include "store/store_int.h"

#include "base/sm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, READ_SIZE = 64 * 1024 };

struct BlobWriter {
    Store *store;
    int fd;
    int64_t size;
    Sm3 *sum;
    char path[PATH_SIZE];
};

static void writer_free(BlobWriter *w)
{
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    if (w->path[0]) unlink(w->path);
    sm3_free(w->sum);
    free(w);
}

static void writer_freep(BlobWriter **w) { writer_free(*w); }

static void to_hex(const uint8_t *bytes, size_t n, char *ret)
{
    for (size_t i = 0; i < n; i++) snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

/* Also keeps an id from outside from naming another path. */
static bool id_valid(const char *id)
{
    size_t n = 0;
    for (; id[n]; n++)
        if (!((id[n] >= '0' && id[n] <= '9') || (id[n] >= 'a' && id[n] <= 'f'))) return false;
    return n == BLOB_ID_SIZE - 1;
}

static int sync_dir(const char *path, Err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) != 0 ? err_io(err, errno, "目录 '%s' 落盘失败", path) : 0;
    if (fd >= 0) close(fd);
    return r;
}

int blob_begin(Store *s, BlobWriter **ret, Err *err)
{
    uint8_t random[16];
    char name[sizeof random * 2 + 1];
    random_bytes(random, sizeof random);
    to_hex(random, sizeof random, name);
    BlobWriter *w = xcalloc(1, sizeof *w);
    w->store = s;
    w->sum = sm3_new();
    snprintf(w->path, sizeof w->path, "%s/blobs/tmp/%s", s->dir, name);
    w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (w->fd < 0) {
        int r = err_io(err, errno, "无法建立临时文件 '%s'", w->path);
        w->path[0] = 0;
        writer_free(w);
        return r;
    }
    *ret = w;
    return 0;
}

int blob_write(BlobWriter *w, Str bytes, Err *err)
{
    sm3_add(w->sum, bytes);
    w->size += (int64_t)bytes.n;
    while (bytes.n) {
        ssize_t n = write(w->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_io(err, errno, "写入文件失败");
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

/* Moves the finished file to its place, or drops it when the place is taken by a file of the same size. */
static int settle(BlobWriter *w, const char *id, Err *err)
{
    char top[PATH_SIZE], dir[PATH_SIZE + 8], path[PATH_SIZE + 80];
    snprintf(top, sizeof top, "%s/blobs", w->store->dir);
    snprintf(dir, sizeof dir, "%s/%.2s", top, id);
    snprintf(path, sizeof path, "%s/%s", dir, id + 2);
    if (mkdir(dir, 0750) != 0 && errno != EEXIST) return err_io(err, errno, "无法建立目录 '%s'", dir);
    struct stat st;
    /* Another size is a damaged file: the whole one replaces it. */
    if (stat(path, &st) != 0 || st.st_size != w->size) {
        if (rename(w->path, path) != 0) return err_io(err, errno, "无法放入 '%s'", path);
        w->path[0] = 0;
    } else {
        (void)!utimensat(AT_FDCWD, path, NULL, 0); /* wanted again: not old enough to be collected */
    }
    /* Also when it was there: whoever put it may not have come to its own sync yet. */
    TRY(sync_dir(dir, err));
    return sync_dir(top, err);
}

int blob_commit(BlobWriter *w, char ret_id[BLOB_ID_SIZE], int64_t *ret_size, Err *err)
{
    __attribute__((cleanup(writer_freep))) BlobWriter *own = w;
    char id[BLOB_ID_SIZE];
    if (fsync(w->fd) != 0) return err_io(err, errno, "文件落盘失败");
    sm3_end_hex(w->sum, id);
    TRY(settle(own, id, err));
    memcpy(ret_id, id, sizeof id);
    if (ret_size) *ret_size = w->size;
    return 0;
}

void blob_abort(BlobWriter *w) { writer_free(w); }

int blob_open(Store *s, const char *id, int *ret_fd, int64_t *ret_size, Err *err)
{
    char path[PATH_SIZE + 80];
    if (!id_valid(id)) return err_set(err, ERR_NOT_FOUND, "文件不存在");
    snprintf(path, sizeof path, "%s/blobs/%.2s/%s", s->dir, id, id + 2);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return err_set(err, ERR_NOT_FOUND, "文件不存在：%s", id);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int r = err_io(err, errno, "无法打开文件 %s", id);
        if (fd >= 0) close(fd);
        return r;
    }
    *ret_fd = fd;
    if (ret_size) *ret_size = st.st_size;
    return 0;
}

int blob_verify(Store *s, const char *id, Err *err)
{
    int fd;
    TRY(blob_open(s, id, &fd, NULL, err));
    _cleanup_sm3_ Sm3 *h = sm3_new();
    char *bytes = xmalloc(READ_SIZE);
    ssize_t n;
    while ((n = read(fd, bytes, READ_SIZE)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0) sm3_add(h, str_n(bytes, (size_t)n));
    int failed = n < 0 ? errno : 0;
    free(bytes);
    close(fd);
    if (failed) return err_io(err, failed, "无法读取文件 %s", id);
    char now[BLOB_ID_SIZE];
    sm3_end_hex(h, now);
    return strcmp(now, id) == 0 ? 0 : err_set(err, ERR_VERIFY, "文件 %s 的内容已被改动", id);
}
