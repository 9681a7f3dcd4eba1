/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A VFS between SQLite and its own, for tests: every call goes through, but for those that a test takes over.
 */
#include <sqlite3.h>

typedef struct SpyFile {
    sqlite3_file base;
    sqlite3_file *real;
    int tag; /* the test's own; 0 at first */
} SpyFile;

#define SPY_REAL(f) (((SpyFile *)(f))->real)
#define SPY_IO(f)   (SPY_REAL(f)->pMethods)

extern sqlite3_vfs *spy_real_vfs;

/* Calls that go through, to begin with: take over what you want to see. */
sqlite3_io_methods spy_through(void);
/* Before a file is opened: an error to be given instead, or SQLITE_OK; may set the tag. */
typedef int (*SpyOpen)(SpyFile *f, const char *name);
/* Becomes the default VFS under this name; `open` and `remove` (a file is deleted) may be NULL. A code of
 * SQLite. */
int spy_install(const char *name, const sqlite3_io_methods *methods, SpyOpen open,
                int (*remove)(sqlite3_vfs *, const char *, int));
void spy_uninstall(void);
