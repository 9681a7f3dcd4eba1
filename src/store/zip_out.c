/* SPDX-License-Identifier: MulanPSL-2.0 */
/* See zip_out.h. Every archive has the zip64 end records, so that large ones take no path of their own. */
#include "store/zip_out.h"

#include "base/sm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    VERSION = 45, /* zip64 (§4.4.3) */
    UTF8 = 0x800, /* §4.4.4 bit 11 */
    STORED = 0,
    DEFLATED = 8,
    LOCAL_SIZE = 30,
    LOCAL_EXTRA = 20, /* zip64 of a local header: both sizes (§4.5.3) */
    READ_SIZE = 1 << 20,
    NAME_MAX_SIZE = 512,
};
static const size_t directory_max = (size_t)16 << 30; /* 100 million entries */
static const uint64_t small = 0xFFFFFFFF;             /* fields of 4 bytes hold less than this */

struct ZipOut {
    int fd;
    char *path, *partial;
    int64_t at; /* bytes written */
    Buf dir;    /* the central directory so far */
    int64_t n;  /* entries */
    uint16_t time, date;
    Buf scratch;
    bool finished;
    /* the streamed entry that is being written */
    char name[NAME_MAX_SIZE];
    int64_t begun; /* where its header lies, -1 = none */
    uint32_t crc;
    int64_t size;
};

static void le(Buf *b, uint64_t x, int n)
{
    for (int i = 0; i < n; i++) buf_addc(b, (char)(x >> (8 * i) & 0xff));
}

static int io(const ZipOut *z, const char *what, Err *err)
{
    int e = errno;
    err_io(err, e, "%s '%s'", what, z->path);
    return e == ENOSPC || e == EDQUOT || e == EFBIG
               ? err_hint(err, "磁盘空间不够：换一个位置，或腾出空间再做")
               : -(int)ERR_IO;
}

static int put(ZipOut *z, Str s, Err *err)
{
    while (s.n) {
        ssize_t n = write(z->fd, s.p, s.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io(z, "不能写", err);
        z->at += n;
        s = str_from(s, (size_t)n);
    }
    return 0;
}

/* Not so when another process has renamed it meanwhile. */
static bool same_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int zip_out_new(const char *path, ZipOut **ret, Err *err)
{
    __attribute__((cleanup(zip_out_freep))) ZipOut *z = xcalloc(1, sizeof *z);
    size_t n = strlen(path) + sizeof ".partial";
    z->fd = -1;
    z->begun = -1;
    z->path = xstrdup(path);
    buf_init(&z->dir, directory_max);
    buf_init(&z->scratch, 64 << 20);
    if (access(path, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "'%s' 已经存在", path),
               err_hint(err, "换一个文件名，备份从不覆盖旧的");
    char *partial = xmalloc(n);
    snprintf(partial, n, "%s.partial", path);
    z->fd = open(partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (z->fd >= 0 && (flock(z->fd, LOCK_EX | LOCK_NB) != 0 || !same_file(z->fd, partial))) {
        free(partial);
        return err_set(err, ERR_CONFLICT, "另一个进程正在写 '%s'", path);
    }
    if (z->fd < 0 || ftruncate(z->fd, 0) != 0) {
        free(partial);
        return io(z, "不能建", err);
    }
    z->partial = partial;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    z->time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
    z->date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
    *ret = TAKE(z);
    return 0;
}

/* What local and central header share: from "version needed" to the two sizes (§4.3.7). */
static void common(const ZipOut *z, Buf *b, int method, uint32_t crc, uint64_t packed, uint64_t size)
{
    le(b, VERSION, 2);
    le(b, UTF8, 2);
    le(b, (uint64_t)method, 2);
    le(b, z->time, 2);
    le(b, z->date, 2);
    le(b, crc, 4);
    le(b, packed, 4);
    le(b, size, 4);
}

/* §4.3.7: the header before an entry. Streamed ones hold their sizes in the zip64 extra field. */
static void local_header(const ZipOut *z, Buf *b, const char *name, int method, uint32_t crc, uint64_t packed,
                         uint64_t size, bool streamed)
{
    le(b, 0x04034b50, 4);
    common(z, b, method, crc, streamed ? small : packed, streamed ? small : size);
    le(b, strlen(name), 2);
    le(b, streamed ? LOCAL_EXTRA : 0, 2);
    buf_adds(b, name);
    if (!streamed) return;
    le(b, 1, 2);
    le(b, 16, 2);
    le(b, size, 8);
    le(b, packed, 8);
}

/* §4.3.12: the entry in the directory; zip64 only for the fields that need it. */
static int note(ZipOut *z, const char *name, int method, uint32_t crc, uint64_t packed, uint64_t size,
                int64_t offset, Err *err)
{
    Buf *b = &z->dir;
    const bool wide = size >= small || packed >= small, far = (uint64_t)offset >= small;
    const size_t extra = (wide ? 16u : 0) + (far ? 8u : 0);
    le(b, 0x02014b50, 4);
    le(b, 3 << 8 | VERSION, 2); /* made on Unix */
    common(z, b, method, crc, wide ? small : packed, wide ? small : size);
    le(b, strlen(name), 2);
    le(b, extra ? extra + 4 : 0, 2);
    le(b, 0, 6);                       /* comment, disk, internal attributes: none */
    le(b, (uint64_t)0100600 << 16, 4); /* a regular file, for its owner only */
    le(b, far ? small : (uint64_t)offset, 4);
    buf_adds(b, name);
    if (extra) {
        le(b, 1, 2);
        le(b, extra, 2);
    }
    if (wide) {
        le(b, size, 8);
        le(b, packed, 8);
    }
    if (far) le(b, (uint64_t)offset, 8);
    z->n++;
    return b->over ? err_set(err, ERR_TOO_LARGE, "备份里的文件过多") : 0;
}

static bool deflate_into(Str bytes, Buf *out)
{
    z_stream s = {0};
    if (deflateInit2(&s, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    size_t cap = deflateBound(&s, bytes.n);
    char *packed = xmalloc(cap);
    s.next_in = (Bytef *)(uintptr_t)bytes.p;
    s.avail_in = (uInt)bytes.n;
    s.next_out = (Bytef *)packed;
    s.avail_out = (uInt)cap;
    bool smaller = deflate(&s, Z_FINISH) == Z_STREAM_END && s.total_out < bytes.n;
    if (smaller) buf_add(out, str_n(packed, s.total_out));
    free(packed);
    deflateEnd(&s);
    return smaller;
}

int zip_out_add(ZipOut *z, const char *name, Str bytes, Err *err)
{
    _cleanup_buf_ Buf packed;
    buf_init(&packed, bytes.n + 1);
    if (bytes.n > (size_t)1 << 30 || strlen(name) >= NAME_MAX_SIZE)
        return err_set(err, ERR_TOO_LARGE, "'%s' 过大", name);
    const bool smaller = bytes.n && deflate_into(bytes, &packed);
    const Str body = smaller ? buf_str(&packed) : bytes;
    const int method = smaller ? DEFLATED : STORED;
    const uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)(bytes.p ? bytes.p : ""), bytes.n);
    const int64_t offset = z->at;
    buf_clear(&z->scratch);
    local_header(z, &z->scratch, name, method, crc, body.n, bytes.n, false);
    TRY(put(z, buf_str(&z->scratch), err));
    TRY(put(z, body, err));
    return note(z, name, method, crc, body.n, bytes.n, offset, err);
}

int zip_out_begin(ZipOut *z, const char *name, Err *err)
{
    if (strlen(name) >= sizeof z->name) return err_set(err, ERR_TOO_LARGE, "'%s' 过长", name);
    snprintf(z->name, sizeof z->name, "%s", name);
    z->begun = z->at;
    z->crc = 0;
    z->size = 0;
    buf_clear(&z->scratch);
    local_header(z, &z->scratch, name, STORED, 0, 0, 0, true);
    return put(z, buf_str(&z->scratch), err);
}

int zip_out_put(ZipOut *z, Str bytes, Err *err)
{
    z->crc = (uint32_t)crc32_z(z->crc, (const Bytef *)(bytes.p ? bytes.p : ""), bytes.n);
    z->size += (int64_t)bytes.n;
    return put(z, bytes, err);
}

int zip_out_end(ZipOut *z, Err *err)
{
    const uint64_t size = (uint64_t)z->size;
    const int64_t offset = z->begun;
    buf_clear(&z->scratch);
    local_header(z, &z->scratch, z->name, STORED, z->crc, size, size, true);
    const Str h = buf_str(&z->scratch);
    if (pwrite(z->fd, h.p, h.n, offset) != (ssize_t)h.n) return io(z, "不能写", err);
    z->begun = -1;
    return note(z, z->name, STORED, z->crc, size, size, offset, err);
}

int zip_out_undo(ZipOut *z, Err *err)
{
    const int64_t offset = z->begun;
    z->begun = -1;
    if (offset < 0) return 0;
    if (ftruncate(z->fd, offset) != 0 || lseek(z->fd, offset, SEEK_SET) != offset)
        return io(z, "不能写", err);
    z->at = offset;
    return 0;
}

int64_t zip_out_size(const ZipOut *z) { return z->at; }

/* §4.3.14–16: zip64 end record, its locator, end record; the comment comes behind. */
static void end_records(const ZipOut *z, Buf *b)
{
    const uint64_t start = (uint64_t)z->at, size = z->dir.n, n = (uint64_t)z->n;
    le(b, 0x06064b50, 4);
    le(b, 44, 8);
    le(b, 3 << 8 | VERSION, 2);
    le(b, VERSION, 2);
    le(b, 0, 8);
    le(b, n, 8);
    le(b, n, 8);
    le(b, size, 8);
    le(b, start, 8);
    le(b, 0x07064b50, 4);
    le(b, 0, 4);
    le(b, start + size, 8);
    le(b, 1, 4);
    le(b, 0x06054b50, 4);
    le(b, 0, 4);
    le(b, n < 0xFFFF ? n : 0xFFFF, 2);
    le(b, n < 0xFFFF ? n : 0xFFFF, 2);
    le(b, size < small ? size : small, 4);
    le(b, start < small ? start : small, 4);
    le(b, ZIP_SUM_SIZE, 2);
}

/* Reads the file back, so that the sum is of what the disk gives. */
static int sum_of(ZipOut *z, char ret[ZIP_SUM_SIZE + 1], Err *err)
{
    _cleanup_sm3_ Sm3 *h = sm3_new();
    char *bytes = xmalloc(READ_SIZE);
    int64_t at = 0;
    ssize_t n = 0;
    while (at < z->at && (n = pread(z->fd, bytes, READ_SIZE, at)) > 0) {
        sm3_add(h, str_n(bytes, (size_t)n));
        at += n;
    }
    free(bytes);
    if (at != z->at) return io(z, "不能读回", err);
    snprintf(ret, 5, "sm3:");
    sm3_end_hex(h, ret + 4);
    return 0;
}

static int sync_folder(const ZipOut *z, Err *err)
{
    const char *slash = strrchr(z->path, '/');
    char *dir = xstrdup(slash ? z->path : ".");
    if (slash) dir[slash == z->path ? 1 : slash - z->path] = 0;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int r = ok ? 0 : io(z, "目录落盘失败", err);
    if (fd >= 0) close(fd);
    return r;
}

int zip_out_finish(ZipOut *z, int64_t *ret_size, Err *err)
{
    char sum[ZIP_SUM_SIZE + 1];
    buf_clear(&z->scratch);
    end_records(z, &z->scratch);
    TRY(put(z, buf_str(&z->dir), err));
    TRY(put(z, buf_str(&z->scratch), err));
    TRY(sum_of(z, sum, err));
    TRY(put(z, str_n(sum, ZIP_SUM_SIZE), err));
    if (fsync(z->fd) != 0) return io(z, "落盘失败", err);
    if (access(z->path, F_OK) == 0) return err_set(err, ERR_CONFLICT, "'%s' 已经存在", z->path);
    if (rename(z->partial, z->path) != 0) return io(z, "不能改名", err);
    z->finished = true;
    *ret_size = z->at;
    return sync_folder(z, err);
}

void zip_out_free(ZipOut *z)
{
    if (!z) return;
    if (z->partial && !z->finished) unlink(z->partial);
    if (z->fd >= 0) close(z->fd);
    buf_done(&z->dir);
    buf_done(&z->scratch);
    free(z->path);
    free(z->partial);
    free(z);
}

void zip_out_freep(ZipOut **z)
{
    zip_out_free(*z);
    *z = NULL;
}
