/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "faultvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    pthread_mutex_t lock;
    Fault f;
    int seen;
    bool met;
} plan = {.lock = PTHREAD_MUTEX_INITIALIZER};

void fault_arm(Fault f)
{
    pthread_mutex_lock(&plan.lock);
    plan.f = f;
    plan.seen = 0;
    plan.met = false;
    pthread_mutex_unlock(&plan.lock);
}

bool fault_disarm(void)
{
    pthread_mutex_lock(&plan.lock);
    plan.f.call = FAULT_NONE;
    bool met = plan.met;
    pthread_mutex_unlock(&plan.lock);
    return met;
}

static bool fails(FaultCall call)
{
    pthread_mutex_lock(&plan.lock);
    bool hit = plan.f.call == call && (++plan.seen == plan.f.n || (plan.f.stays && plan.seen > plan.f.n));
    plan.met |= hit;
    pthread_mutex_unlock(&plan.lock);
    return hit;
}

/* --- files ------------------------------------------------------------------------------------------- */

typedef struct Spy {
    sqlite3_file base;
    sqlite3_file *real;
} Spy;

static sqlite3_vfs *unix_vfs;
#define REAL(f) (((Spy *)(f))->real)
#define IO(f)   (REAL(f)->pMethods)

static int spy_close(sqlite3_file *f)
{
    int rc = IO(f)->xClose(REAL(f));
    free(REAL(f));
    return rc;
}
static int spy_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return IO(f)->xRead(REAL(f), p, n, at);
}
static int spy_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!fails(FAULT_WRITE)) return IO(f)->xWrite(REAL(f), p, n, at);
    if (plan.f.half && n > 1) (void)IO(f)->xWrite(REAL(f), p, n / 2, at);
    return plan.f.code;
}
static int spy_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fails(FAULT_TRUNCATE) ? plan.f.code : IO(f)->xTruncate(REAL(f), n);
}
static int spy_sync(sqlite3_file *f, int flags)
{
    return fails(FAULT_SYNC) ? plan.f.code : IO(f)->xSync(REAL(f), flags);
}
static int spy_size(sqlite3_file *f, sqlite3_int64 *n) { return IO(f)->xFileSize(REAL(f), n); }
static int spy_lock(sqlite3_file *f, int x) { return IO(f)->xLock(REAL(f), x); }
static int spy_unlock(sqlite3_file *f, int x) { return IO(f)->xUnlock(REAL(f), x); }
static int spy_reserved(sqlite3_file *f, int *x) { return IO(f)->xCheckReservedLock(REAL(f), x); }
static int spy_control(sqlite3_file *f, int op, void *p) { return IO(f)->xFileControl(REAL(f), op, p); }
static int spy_sector(sqlite3_file *f) { return IO(f)->xSectorSize(REAL(f)); }
static int spy_can(sqlite3_file *f) { return IO(f)->xDeviceCharacteristics(REAL(f)); }
static int spy_map(sqlite3_file *f, int i, int n, int x, void volatile **p)
{
    return fails(FAULT_MAP) ? plan.f.code : IO(f)->xShmMap(REAL(f), i, n, x, p);
}
static int spy_shm_lock(sqlite3_file *f, int o, int n, int x) { return IO(f)->xShmLock(REAL(f), o, n, x); }
static void spy_barrier(sqlite3_file *f) { IO(f)->xShmBarrier(REAL(f)); }
static int spy_unmap(sqlite3_file *f, int x) { return IO(f)->xShmUnmap(REAL(f), x); }

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = spy_close,
                                           .xRead = spy_read,
                                           .xWrite = spy_write,
                                           .xTruncate = spy_truncate,
                                           .xSync = spy_sync,
                                           .xFileSize = spy_size,
                                           .xLock = spy_lock,
                                           .xUnlock = spy_unlock,
                                           .xCheckReservedLock = spy_reserved,
                                           .xFileControl = spy_control,
                                           .xSectorSize = spy_sector,
                                           .xDeviceCharacteristics = spy_can,
                                           .xShmMap = spy_map,
                                           .xShmLock = spy_shm_lock,
                                           .xShmBarrier = spy_barrier,
                                           .xShmUnmap = spy_unmap};

static int spy_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    Spy *spy = (Spy *)f;
    spy->base.pMethods = NULL;
    if (fails(FAULT_OPEN)) return plan.f.code;
    spy->real = calloc(1, (size_t)unix_vfs->szOsFile);
    if (!spy->real) return SQLITE_NOMEM;
    int rc = unix_vfs->xOpen(unix_vfs, name, spy->real, flags, out);
    if (spy->real->pMethods)
        spy->base.pMethods = &methods;
    else
        free(spy->real);
    return rc;
}

static int spy_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    return fails(FAULT_DELETE) ? plan.f.code : unix_vfs->xDelete(unix_vfs, name, sync);
}

/* --- memory ------------------------------------------------------------------------------------------ */

static sqlite3_mem_methods memory;

static void *spy_malloc(int n) { return fails(FAULT_MALLOC) ? NULL : memory.xMalloc(n); }
static void *spy_realloc(void *p, int n) { return fails(FAULT_MALLOC) ? NULL : memory.xRealloc(p, n); }

static void install(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "faultvfs: %s\n", what);
    exit(1);
}

void fault_install(void)
{
    static sqlite3_vfs spy;
    install(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) == SQLITE_OK, "SQLite is at work already");
    sqlite3_mem_methods mine = memory;
    mine.xMalloc = spy_malloc;
    mine.xRealloc = spy_realloc;
    install(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK, "allocator");
    unix_vfs = sqlite3_vfs_find(NULL);
    spy = *unix_vfs;
    spy.zName = "fault";
    spy.szOsFile = sizeof(Spy);
    spy.xOpen = spy_open;
    spy.xDelete = spy_delete;
    install(sqlite3_vfs_register(&spy, 1) == SQLITE_OK, "VFS");
}
