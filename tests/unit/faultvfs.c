/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "faultvfs.h"

#include "spyvfs.h"

#include <pthread.h>
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

static int spy_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!fails(FAULT_WRITE)) return SPY_IO(f)->xWrite(SPY_REAL(f), p, n, at);
    if (plan.f.half && n > 1) (void)SPY_IO(f)->xWrite(SPY_REAL(f), p, n / 2, at);
    return plan.f.code;
}
static int spy_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fails(FAULT_TRUNCATE) ? plan.f.code : SPY_IO(f)->xTruncate(SPY_REAL(f), n);
}
static int spy_sync(sqlite3_file *f, int flags)
{
    return fails(FAULT_SYNC) ? plan.f.code : SPY_IO(f)->xSync(SPY_REAL(f), flags);
}
static int spy_map(sqlite3_file *f, int i, int n, int x, void volatile **p)
{
    return fails(FAULT_MAP) ? plan.f.code : SPY_IO(f)->xShmMap(SPY_REAL(f), i, n, x, p);
}

static int spy_open(SpyFile *f, const char *name)
{
    (void)f;
    (void)name;
    return fails(FAULT_OPEN) ? plan.f.code : SQLITE_OK;
}

static int spy_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    return fails(FAULT_DELETE) ? plan.f.code : spy_real_vfs->xDelete(spy_real_vfs, name, sync);
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
    static sqlite3_io_methods methods;
    install(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) == SQLITE_OK, "SQLite is at work already");
    sqlite3_mem_methods mine = memory;
    mine.xMalloc = spy_malloc;
    mine.xRealloc = spy_realloc;
    install(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK, "allocator");
    methods = spy_through();
    methods.xWrite = spy_write;
    methods.xTruncate = spy_truncate;
    methods.xSync = spy_sync;
    methods.xShmMap = spy_map;
    install(spy_install("fault", &methods, spy_open, spy_delete) == SQLITE_OK, "VFS");
}
