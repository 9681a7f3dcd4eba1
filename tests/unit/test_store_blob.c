/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Blobs: addressed by SM3, kept once, checked. */
#include "store/store.h"

#include "testdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

/* GB/T 32905-2016 appendix A, example 1. */
#define ABC "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

static void put(Store *s, Str bytes, char id[BLOB_ID_SIZE])
{
    BlobWriter *w;
    Err err = ERR_INIT;
    int64_t size = -1;
    assert_int_equal(blob_begin(s, &w, &err), 0);
    for (size_t i = 0; i < bytes.n; i++) assert_int_equal(blob_write(w, str_n(bytes.p + i, 1), &err), 0);
    assert_int_equal(blob_commit(w, id, &size, &err), 0);
    assert_int_equal(size, bytes.n);
}

static void path_of(void *state, const char *id, char ret[512])
{
    snprintf(ret, 512, "%s/blobs/%.2s/%s", testdb_dir(state), id, id + 2);
}

static int temporary_files(void *state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/blobs/tmp", testdb_dir(state));
    DIR *d = opendir(path);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void blob__comes_back_by_its_digest(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    char id[BLOB_ID_SIZE], bytes[8];
    put(s, S("abc"), id);
    assert_string_equal(id, ABC);
    int fd;
    int64_t size;
    assert_int_equal(blob_open(s, id, &fd, &size, &err), 0);
    assert_int_equal(size, 3);
    assert_int_equal(read(fd, bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "abc", 3);
    close(fd);
    assert_int_equal(blob_verify(s, id, &err), 0);
    put(s, STR_NONE, id);
    assert_int_equal(blob_verify(s, id, &err), 0);
    assert_int_equal(temporary_files(*state), 0);
}

static void equal_blobs__are_kept_once(void **state)
{
    Store *s = testdb_store(*state);
    char id[BLOB_ID_SIZE], again[BLOB_ID_SIZE], path[512];
    struct stat before, after;
    put(s, S("一份材料"), id);
    path_of(*state, id, path);
    assert_int_equal(stat(path, &before), 0);
    put(s, S("一份材料"), again);
    assert_string_equal(id, again);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(temporary_files(*state), 0);
}

static void abort__leaves_nothing(void **state)
{
    BlobWriter *w;
    Err err = ERR_INIT;
    assert_int_equal(blob_begin(testdb_store(*state), &w, &err), 0);
    assert_int_equal(blob_write(w, S("half"), &err), 0);
    assert_int_equal(temporary_files(*state), 1);
    blob_abort(w);
    assert_int_equal(temporary_files(*state), 0);
}

static void verify__finds_a_changed_byte(void **state)
{
    Store *s = testdb_store(*state);
    Err err = ERR_INIT;
    char id[BLOB_ID_SIZE], path[512];
    put(s, S("a contract"), id);
    path_of(*state, id, path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "A", 1, 0), 1);
    close(fd);
    assert_int_equal(blob_verify(s, id, &err), -ERR_VERIFY);
    unlink(path);
    assert_int_equal(blob_verify(s, id, &err), -ERR_NOT_FOUND);
}

static void ids_from_outside__name_no_other_file(void **state)
{
    static const char *const bad[] = {"",
                                      "ab",
                                      "../lock",
                                      "/etc/passwd",
                                      ABC "0",
                                      "../../../../../../../../../../../../../../../../../../etc/passwd",
                                      "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"};
    int fd;
    Err err = ERR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(blob_open(testdb_store(*state), bad[i], &fd, NULL, &err), -ERR_NOT_FOUND);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, testdb_setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(blob__comes_back_by_its_digest), T(equal_blobs__are_kept_once),           T(abort__leaves_nothing),
        T(verify__finds_a_changed_byte),   T(ids_from_outside__name_no_other_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
