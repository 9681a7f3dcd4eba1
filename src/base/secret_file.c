/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int io(Err *err, const char *path, int why)
{
    return err_io(err, why, "%s", path), err_hint(err, "检查权限和磁盘空间");
}

int secret_file_read(Arena *a, const char *path, Str *ret, Err *err)
{
    struct stat st;
    char *text = arena_alloc(a, SECRET_FILE_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return *ret = STR_NONE, 0;
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 ? read(fd, text, SECRET_FILE_MAX + 1) : -1;
    int why = errno;
    if (fd >= 0) close(fd);
    if (n < 0) return io(err, path, why);
    if (st.st_mode & 077)
        return err_set(err, ERR_VERIFY, "%s 别人也能读", path), err_hint(err, "chmod 600 %s", path);
    if (n > SECRET_FILE_MAX) return err_set(err, ERR_TOO_LARGE, "%s 超过 %d 字节", path, SECRET_FILE_MAX);
    *ret = str_n(text, (size_t)n);
    return 0;
}

static bool put(const char *path, Str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0) close(fd);
    errno = why;
    return ok;
}

int secret_file_write(const char *path, Str text, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    const char *slash = strrchr(path, '/');
    Str dir = slash ? str_dup(a, str_n(path, (size_t)(slash - path))) : S("."),
        fresh = str_fmt(a, "%s.new", path);
    if (mkdir(dir.p, 0700) != 0 && errno != EEXIST) return io(err, dir.p, errno);
    if (!put(fresh.p, text) || rename(fresh.p, path) != 0) return io(err, path, errno);
    int fd = open(dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the name, too, must survive */
    bool ok = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0) close(fd);
    return ok ? 0 : io(err, dir.p, why);
}
