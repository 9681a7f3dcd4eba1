/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "spyvfs.h"

#include <stdlib.h>

sqlite3_vfs *spy_real_vfs;
static sqlite3_vfs spy;
static const sqlite3_io_methods *spy_methods;
static SpyOpen spy_opened;

#define REAL SPY_REAL
#define IO   SPY_IO

static int through_close(sqlite3_file *f)
{
    int rc = IO(f)->xClose(REAL(f));
    free(REAL(f));
    return rc;
}
static int through_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return IO(f)->xRead(REAL(f), p, n, at);
}
static int through_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return IO(f)->xWrite(REAL(f), p, n, at);
}
static int through_truncate(sqlite3_file *f, sqlite3_int64 n) { return IO(f)->xTruncate(REAL(f), n); }
static int through_sync(sqlite3_file *f, int flags) { return IO(f)->xSync(REAL(f), flags); }
static int through_size(sqlite3_file *f, sqlite3_int64 *n) { return IO(f)->xFileSize(REAL(f), n); }
static int through_lock(sqlite3_file *f, int x) { return IO(f)->xLock(REAL(f), x); }
static int through_unlock(sqlite3_file *f, int x) { return IO(f)->xUnlock(REAL(f), x); }
static int through_reserved(sqlite3_file *f, int *x) { return IO(f)->xCheckReservedLock(REAL(f), x); }
static int through_control(sqlite3_file *f, int op, void *p) { return IO(f)->xFileControl(REAL(f), op, p); }
static int through_sector(sqlite3_file *f) { return IO(f)->xSectorSize(REAL(f)); }
static int through_can(sqlite3_file *f) { return IO(f)->xDeviceCharacteristics(REAL(f)); }
static int through_map(sqlite3_file *f, int i, int n, int x, void volatile **p)
{
    return IO(f)->xShmMap(REAL(f), i, n, x, p);
}
static int through_shm_lock(sqlite3_file *f, int o, int n, int x)
{
    return IO(f)->xShmLock(REAL(f), o, n, x);
}
static void through_barrier(sqlite3_file *f) { IO(f)->xShmBarrier(REAL(f)); }
static int through_unmap(sqlite3_file *f, int x) { return IO(f)->xShmUnmap(REAL(f), x); }

sqlite3_io_methods spy_through(void)
{
    return (sqlite3_io_methods){.iVersion = 2,
                                .xClose = through_close,
                                .xRead = through_read,
                                .xWrite = through_write,
                                .xTruncate = through_truncate,
                                .xSync = through_sync,
                                .xFileSize = through_size,
                                .xLock = through_lock,
                                .xUnlock = through_unlock,
                                .xCheckReservedLock = through_reserved,
                                .xFileControl = through_control,
                                .xSectorSize = through_sector,
                                .xDeviceCharacteristics = through_can,
                                .xShmMap = through_map,
                                .xShmLock = through_shm_lock,
                                .xShmBarrier = through_barrier,
                                .xShmUnmap = through_unmap};
}

static int spy_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)v;
    SpyFile *f = (SpyFile *)file;
    *f = (SpyFile){0};
    int rc = spy_opened ? spy_opened(f, name) : SQLITE_OK;
    if (rc != SQLITE_OK) return rc;
    f->real = calloc(1, (size_t)spy_real_vfs->szOsFile);
    if (!f->real) return SQLITE_NOMEM;
    rc = spy_real_vfs->xOpen(spy_real_vfs, name, f->real, flags, out);
    if (f->real->pMethods)
        f->base.pMethods = spy_methods;
    else
        free(f->real);
    return rc;
}

int spy_install(const char *name, const sqlite3_io_methods *methods, SpyOpen open,
                int (*remove)(sqlite3_vfs *, const char *, int))
{
    spy_real_vfs = sqlite3_vfs_find(NULL);
    spy_methods = methods;
    spy_opened = open;
    spy = *spy_real_vfs;
    spy.zName = name;
    spy.szOsFile = sizeof(SpyFile);
    spy.xOpen = spy_open;
    if (remove) spy.xDelete = remove;
    return sqlite3_vfs_register(&spy, 1);
}

void spy_uninstall(void) { sqlite3_vfs_register(spy_real_vfs, 1); }
