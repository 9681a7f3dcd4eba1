/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Faults of the system under what the store does itself: each open, write, fsync, rename and mkdir of a
 * blob's way fails once and from then on (the linker's --wrap puts these here before the C library's), and a
 * data folder lies on a file system that cannot carry SQLite.
 */
#include "testdb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    int n, seen, why; /* the n-th call fails with errno `why`; n = 0: none */
    bool stays, met;
    long fs; /* what statfs says the file system is; 0 = the truth */
} plan;

static bool fails(void)
{
    if (!plan.n || !(++plan.seen == plan.n || (plan.stays && plan.seen > plan.n))) return false;
    plan.met = true;
    errno = plan.why;
    return true;
}

int __real_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode);
int __wrap_open64(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : __real_open64(path, flags, mode);
}
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (!fails()) return __real_write(fd, p, n > 1000 ? n / 2 : n); /* the system may take less */
    return -1;
}
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) { return fails() ? -1 : __real_fsync(fd); }
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) { return fails() ? -1 : __real_rename(from, to); }
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode) { return fails() ? -1 : __real_mkdir(path, mode); }
int __real_statfs64(const char *path, struct statfs *ret);
int __wrap_statfs64(const char *path, struct statfs *ret);
int __wrap_statfs64(const char *path, struct statfs *ret)
{
    int r = __real_statfs64(path, ret);
    if (plan.fs) ret->f_type = plan.fs;
    return r;
}

/* --- blobs ------------------------------------------------------------------------------------------- */

static int put(Store *s, const char *bytes, size_t n, char id[BLOB_ID_SIZE], Err *err)
{
    BlobWriter *w;
    int64_t size;
    TRY(blob_begin(s, &w, err));
    int r = blob_write(w, str_n(bytes, n), err);
    if (r < 0) {
        blob_abort(w);
        return r;
    }
    return blob_commit(w, id, &size, err);
}

static int left_behind(const char *dir)
{
    char path[256];
    int n = 0;
    snprintf(path, sizeof path, "%s/blobs/tmp", dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* A blob whose way fails at its n-th call is refused with `code`, leaves nothing in tmp, and is there whole
   after the next try. True while the n-th call was made. */
static bool blob_fault(TestDb *t, int n, int why, bool stays, ErrCode code)
{
    static int serial;
    enum { SIZE = 20000 };
    char bytes[SIZE], id[BLOB_ID_SIZE];
    Store *s = testdb_store(t);
    Err err = ERR_INIT;
    memset(bytes, 'x', sizeof bytes);
    snprintf(bytes, sizeof bytes, "%d", ++serial);
    plan.seen = 0;
    plan.met = false;
    plan.why = why;
    plan.stays = stays;
    plan.n = n;
    int r = put(s, bytes, SIZE, id, &err);
    plan.n = 0;
    assert_int_equal(r, plan.met ? -(int)code : 0);
    if (r < 0) assert_non_null(strstr(err.msg, strerror(why)));
    assert_int_equal(left_behind(testdb_dir(t)), 0);
    err = ERR_INIT;
    if (put(s, bytes, SIZE, id, &err) < 0)
        fail_msg("call %d, errno %d: does not recover: %s", n, why, err.msg);
    assert_int_equal(blob_verify(s, id, &err), 0);
    assert_int_equal(left_behind(testdb_dir(t)), 0);
    return plan.met;
}

static void test_blobs(void **state)
{
    (void)state;
    static const struct {
        int why;
        ErrCode code;
    } faults[] = {{ENOSPC, ERR_FULL}, {EDQUOT, ERR_FULL}, {EFBIG, ERR_FULL},
                  {EIO, ERR_IO},      {EROFS, ERR_IO},    {EMFILE, ERR_IO}};
    TestDb *t = testdb_new(NULL);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (int stays = 0; stays < 2; stays++) {
            int n = 1;
            while (blob_fault(t, n, faults[i].why, stays, faults[i].code)) n++;
            assert_true(n > 8); /* open, writes, fsync, mkdir, rename, two folders' open and fsync */
        }
    testdb_free(t);
}

/* A write that was interrupted by a signal goes on. */
static void test_interrupted(void **state)
{
    (void)state;
    char id[BLOB_ID_SIZE];
    TestDb *t = testdb_new(NULL);
    Err err = ERR_INIT;
    plan.seen = 0;
    plan.why = EINTR;
    plan.stays = false;
    plan.n = 2; /* after the open: the first write */
    assert_int_equal(put(testdb_store(t), "interrupted", 11, id, &err), 0);
    plan.n = 0;
    assert_int_equal(blob_verify(testdb_store(t), id, &err), 0);
    testdb_free(t);
}

/* --- file systems ------------------------------------------------------------------------------------ */

static void test_file_systems(void **state)
{
    (void)state;
    static const long remote[] = {0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546};
    static const long local[] = {0xef53 /* ext4 */,      0x58465342 /* XFS */,     0x9123683e /* Btrfs */,
                                 0x01021994 /* tmpfs */, 0x794c7630 /* overlay */, 0x2fc12fc1 /* ZFS */};
    TestDb *t = testdb_new(NULL);
    const StoreOptions o = {.dir = testdb_dir(t), .url = testdb_url(t), .lock = true};
    testdb_close(t);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        Store *s;
        Err err = ERR_INIT;
        plan.fs = remote[i];
        int r = store_open(&o, &s, &err);
        /* On PostgreSQL the folder holds files only. */
        assert_int_equal(r, testdb_is_postgres() ? 0 : -(int)ERR_USAGE);
        if (r == 0) store_free(s);
        if (r < 0) assert_non_null(strstr(err.msg, "网络文件系统"));
        if (r < 0) assert_true(err.hint[0]);
    }
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        Store *s;
        Err err = ERR_INIT;
        plan.fs = local[i];
        assert_int_equal(store_open(&o, &s, &err), 0);
        store_free(s);
    }
    plan.fs = 0;
    testdb_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blobs), cmocka_unit_test(test_interrupted),
                                       cmocka_unit_test(test_file_systems)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
