/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int secret_file_read(Arena *a, const char *path, Str *ret, Err *err)
{
    struct stat st;
    char *text = arena_alloc(a, SECRET_FILE_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return *ret = STR_NONE, 0;
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 ? read(fd, text, SECRET_FILE_MAX + 1) : -1;
    int why = errno;
    if (fd >= 0) close(fd);
    if (n < 0) return err_set(err, ERR_IO, "%s：%s", path, strerror(why)), err_hint(err, "检查权限");
    if (st.st_mode & 077)
        return err_set(err, ERR_VERIFY, "%s 别人也能读", path), err_hint(err, "chmod 600 %s", path);
    if (n > SECRET_FILE_MAX) return err_set(err, ERR_TOO_LARGE, "%s 超过 %d 字节", path, SECRET_FILE_MAX);
    *ret = str_n(text, (size_t)n);
    return 0;
}
