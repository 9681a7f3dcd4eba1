/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * A disk that fails, for stories: LD_PRELOAD this library with FAULT_DIR (files below it) and FAULT_FILE, a
 * file that says what is wrong now and may change while the program runs:
 *
 *     (empty)      nothing
 *     full         no byte more: ENOSPC from every write and from making a file
 *     half         a write puts half of its bytes, the next gives ENOSPC
 *     io           EIO from every write and fsync
 *     fsync        EIO from fsync only: the bytes are in the cache, nobody knows where else
 *     readonly     EROFS from opening for writing, making, renaming; EIO from writes to what is open
 *     clock N      the wall clock is N seconds off
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FD_MAX = 65536 };
static unsigned char watched[FD_MAX]; /* 1: below FAULT_DIR, 2: also not */
static __thread bool halved;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void fault(char ret[64])
{
    const char *path = getenv("FAULT_FILE");
    ret[0] = 0;
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    long n = syscall(SYS_read, fd, ret, 63);
    syscall(SYS_close, fd);
    ret[n > 0 ? n : 0] = 0;
}

static bool below(const char *path)
{
    const char *dir = getenv("FAULT_DIR");
    return dir && path && !strncmp(path, dir, strlen(dir));
}

static bool on(int fd)
{
    char link[64], path[PATH_MAX];
    if (fd < 0 || fd >= FD_MAX) return false;
    if (!watched[fd]) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = 0;
        watched[fd] = below(path) ? 1 : 2;
    }
    return watched[fd] == 1;
}

/* What the write of n bytes becomes: n, less, or -1 with errno. */
static ssize_t allowed(int fd, size_t n)
{
    char what[64];
    if (!on(fd)) return (ssize_t)n;
    fault(what);
    if (!strcmp(what, "full")) return errno = ENOSPC, -1;
    if (!strcmp(what, "io") || !strcmp(what, "readonly")) return errno = EIO, -1;
    if (strcmp(what, "half") != 0 || n < 2) return (ssize_t)n;
    halved = !halved;
    return halved ? (ssize_t)(n / 2) : (errno = ENOSPC, -1);
}

ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t may = allowed(fd, n);
    return may < 0 ? -1 : REAL(write)(fd, p, (size_t)may);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t may = allowed(fd, n);
    return may < 0 ? -1 : REAL(pwrite)(fd, p, (size_t)may, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    ssize_t may = allowed(fd, n);
    return may < 0 ? -1 : REAL(pwrite64)(fd, p, (size_t)may, at);
}

static int sync_fault(int fd)
{
    char what[64];
    if (!on(fd)) return 0;
    fault(what);
    return !strcmp(what, "io") || !strcmp(what, "fsync") ? (errno = EIO, -1) : 0;
}

int fsync(int fd) { return sync_fault(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return sync_fault(fd) ? -1 : REAL(fdatasync)(fd); }

int ftruncate(int fd, off_t n)
{
    char what[64];
    if (on(fd) && (fault(what), !strcmp(what, "io") || !strcmp(what, "readonly"))) return errno = EIO, -1;
    return REAL(ftruncate)(fd, n);
}

int close(int fd)
{
    if (fd >= 0 && fd < FD_MAX) watched[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

static int open_fault(const char *path, int flags)
{
    char what[64];
    if (!(flags & (O_WRONLY | O_RDWR | O_CREAT)) || !below(path)) return 0;
    fault(what);
    if (!strcmp(what, "readonly")) return errno = EROFS, -1;
    if (!strcmp(what, "full") && flags & O_CREAT && access(path, F_OK) != 0) return errno = ENOSPC, -1;
    return 0;
}

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list ap;                                                                                          \
        va_start(ap, flags);                                                                                 \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                                \
        va_end(ap);                                                                                          \
        if (open_fault(path, flags)) return -1;                                                              \
        int fd = REAL(name)(path, flags, mode);                                                              \
        if (fd >= 0 && fd < FD_MAX) watched[fd] = 0;                                                         \
        return fd;                                                                                           \
    }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to)
{
    char what[64];
    if (below(to) && (fault(what), !strcmp(what, "readonly"))) return errno = EROFS, -1;
    return REAL(rename)(from, to);
}

static long clock_shift(void)
{
    char what[64];
    fault(what);
    return strncmp(what, "clock ", 6) ? 0 : strtol(what + 6, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, id, ret);
    if (r == 0 && id == CLOCK_REALTIME) ret->tv_sec += clock_shift();
    return r;
}

time_t time(time_t *ret)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (ret) *ret = t.tv_sec;
    return t.tv_sec;
}
