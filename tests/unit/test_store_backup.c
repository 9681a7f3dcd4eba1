/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Backups: what goes in comes out, an increment is small, and no byte, length, line or base that is wrong
 * passes. */
#include "store/backup_int.h"
#include "store/blob_collect.h"

#include "testdb.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGIN S("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
#define OTHER  S("debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732")

static const char *at(void **state, const char *name)
{
    static char path[8][512];
    static int n;
    char *p = path[n++ % 8];
    snprintf(p, 512, "%s/%s", testdb_dir(*state), name);
    return p;
}

static void put_blob(Store *s, Str bytes, char id[BLOB_ID_SIZE])
{
    BlobWriter *w;
    Err err = ERR_INIT;
    assert_int_equal(blob_begin(s, &w, &err), 0);
    assert_int_equal(blob_write(w, bytes, &err), 0);
    assert_int_equal(blob_commit(w, id, NULL, &err), 0);
}

/* A backup of `stream`, of one blob (NULL = none) and one file. */
static int make(void **state, const char *path, const char *base, Dialect d, Str stream, const char *blob,
                Str origin, BackupTotals *t, Err *err)
{
    _cleanup_backup_ BackupWriter *w = NULL;
    BackupManifest m = {.program = S("test"),
                        .dialect = d == DIALECT_SQLITE ? S("sqlite") : S("postgres"),
                        .origin = origin,
                        .head = 7,
                        .digest = OTHER};
    TRY(backup_new(path, base, d, origin, &w, err));
    for (size_t i = 0; i < stream.n; i += 1000) /* bit by bit, at no boundary of its own */
        TRY(backup_stream(w, str_n(stream.p + i, stream.n - i < 1000 ? stream.n - i : 1000), err));
    TRY(backup_stream_end(w, err));
    if (blob) TRY(backup_blob(w, testdb_store(*state), blob, false, err));
    TRY(backup_file(w, S("systems/00-city/system.yaml"), S("name: city\n"), err));
    TRY(backup_apart(w, S("keys/root.key"), err));
    return backup_finish(w, &m, t, err);
}

typedef struct Got {
    Buf stream, blob, file;
    BackupKind kind;
    int apart;
} Got;

static int take(void *ctx, Str bytes, Err *err)
{
    Got *g = ctx;
    (void)err;
    buf_add(g->kind == BACKUP_CHUNK ? &g->stream : g->kind == BACKUP_BLOB ? &g->blob : &g->file, bytes);
    return 0;
}

static int read_back(const char *path, Got *g, Err *err)
{
    BackupItem item;
    int rc;
    _cleanup_reader_ BackupReader *r = NULL;
    TRY(backup_open(path, &r, err));
    TRY(backup_check(r, err));
    TRY(backup_rewind(r, err));
    while ((rc = backup_next(r, &item, err)) > 0) {
        g->kind = item.kind;
        if (item.kind == BACKUP_APART) g->apart++;
        if (item.kind <= BACKUP_FILE) TRY(backup_read(r, &item, take, g, err));
    }
    return rc;
}

static void got_init(Got *g)
{
    *g = (Got){0};
    buf_init(&g->stream, 64 << 20);
    buf_init(&g->blob, 1 << 20);
    buf_init(&g->file, 1 << 20);
}

static void got_done(Got *g)
{
    buf_done(&g->stream);
    buf_done(&g->blob);
    buf_done(&g->file);
}

/* Rows of a dump, as COPY writes them. */
static Str rows(Buf *b, int from, int to)
{
    buf_init(b, 64 << 20);
    for (int i = from; i < to; i++)
        buf_addf(b, "%d\tWN-%08x\t一条记录 %u\n", i, (unsigned)i * 2654435761u, (unsigned)i * 40503u);
    return buf_str(b);
}

static void what_goes_in__comes_out(void **state)
{
    for (Dialect d = 0; d < DIALECT_N; d++) {
        _cleanup_buf_ Buf b;
        Err err = ERR_INIT;
        BackupTotals t;
        Got g;
        char blob[BLOB_ID_SIZE], name[32];
        const Str stream = rows(&b, 0, 20000);
        put_blob(testdb_store(*state), S("一份材料"), blob);
        snprintf(name, sizeof name, "whole%d.zip", (int)d);
        got_init(&g);
        if (make(state, at(state, name), NULL, d, stream, blob, ORIGIN, &t, &err) < 0)
            fail_msg("%s", err.msg);
        assert_true(t.chunks > 5 && t.new_chunks == t.chunks && t.new_blobs == 1);
        if (read_back(at(state, name), &g, &err) < 0) fail_msg("%s", err.msg);
        assert_int_equal(g.stream.n, stream.n);
        assert_memory_equal(g.stream.p, stream.p, stream.n);
        assert_text(buf_str(&g.blob), "一份材料");
        assert_text(buf_str(&g.file), "name: city\n");
        assert_int_equal(g.apart, 1);
        got_done(&g);
        struct stat st; /* it holds everything: nobody else may read it, and nothing unfinished stays */
        assert_int_equal(stat(at(state, name), &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
        assert_int_not_equal(access(at(state, "whole0.zip.partial"), F_OK), 0);
    }
}

static void increment__holds_what_changed(void **state)
{
    _cleanup_buf_ Buf b, c;
    Err err = ERR_INIT;
    BackupTotals full, more, third;
    Got g;
    char blob[BLOB_ID_SIZE];
    put_blob(testdb_store(*state), S("一份材料"), blob);
    const Str stream = rows(&b, 0, 40000),
              shifted = rows(&c, -3, 40000); /* three rows at the front move all others */
    assert_int_equal(
        make(state, at(state, "1.zip"), NULL, DIALECT_POSTGRES, stream, blob, ORIGIN, &full, &err), 0);
    assert_int_equal(make(state, at(state, "2.zip"), at(state, "1.zip"), DIALECT_POSTGRES, shifted, blob,
                          ORIGIN, &more, &err),
                     0);
    assert_int_equal(make(state, at(state, "3.zip"), at(state, "2.zip"), DIALECT_POSTGRES, shifted, blob,
                          ORIGIN, &third, &err),
                     0);
    assert_true(full.chunks > 20);
    assert_true(more.new_chunks >= 1 && more.new_chunks <= 2);
    assert_int_equal(more.new_blobs, 0);
    assert_true(more.size * 4 < full.size);
    assert_int_equal(third.new_chunks, 0);
    got_init(&g);
    if (read_back(at(state, "3.zip"), &g, &err) < 0) fail_msg("%s", err.msg);
    assert_int_equal(g.stream.n, shifted.n);
    assert_memory_equal(g.stream.p, shifted.p, shifted.n);
    got_done(&g);
}

static void bases__must_be_the_right_ones(void **state)
{
    Err err = ERR_INIT;
    BackupTotals t;
    BackupReader *r = NULL;
    const Str s = S("a row\n"), s2 = S("another row\n");
    assert_int_equal(make(state, at(state, "a.zip"), NULL, DIALECT_POSTGRES, s, NULL, ORIGIN, &t, &err), 0);
    assert_int_equal(
        make(state, at(state, "b.zip"), at(state, "a.zip"), DIALECT_POSTGRES, s, NULL, ORIGIN, &t, &err), 0);
    assert_int_equal(make(state, at(state, "x.zip"), NULL, DIALECT_POSTGRES, s2, NULL, ORIGIN, &t, &err), 0);
    /* of another city, of another database, in another folder, none at all, over an old one */
    assert_int_equal(
        make(state, at(state, "c.zip"), at(state, "a.zip"), DIALECT_POSTGRES, s, NULL, OTHER, &t, &err),
        -ERR_CONFLICT);
    assert_int_equal(
        make(state, at(state, "c.zip"), at(state, "a.zip"), DIALECT_SQLITE, s, NULL, ORIGIN, &t, &err),
        -ERR_CONFLICT);
    assert_int_equal(make(state, at(state, "blobs/c.zip"), at(state, "a.zip"), DIALECT_POSTGRES, s, NULL,
                          ORIGIN, &t, &err),
                     -ERR_USAGE);
    assert_int_equal(
        make(state, at(state, "c.zip"), at(state, "no.zip"), DIALECT_POSTGRES, s, NULL, ORIGIN, &t, &err),
        -ERR_NOT_FOUND);
    assert_int_equal(make(state, at(state, "a.zip"), NULL, DIALECT_POSTGRES, s, NULL, ORIGIN, &t, &err),
                     -ERR_CONFLICT);
    assert_int_not_equal(access(at(state, "c.zip"), F_OK), 0);
    assert_int_not_equal(access(at(state, "c.zip.partial"), F_OK), 0);
    /* gone; then another backup in its place */
    assert_int_equal(rename(at(state, "a.zip"), at(state, "away.zip")), 0);
    assert_int_equal(backup_open(at(state, "b.zip"), &r, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "a.zip"));
    assert_int_equal(rename(at(state, "x.zip"), at(state, "a.zip")), 0);
    assert_int_equal(backup_open(at(state, "b.zip"), &r, &err), -ERR_VERIFY);
    assert_int_equal(rename(at(state, "away.zip"), at(state, "a.zip")), 0);
    assert_int_equal(backup_open(at(state, "b.zip"), &r, &err), 0);
    backup_close(r);
}

static size_t load(const char *path, char **ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    *ret = xmalloc((size_t)st.st_size);
    assert_int_equal(read(fd, *ret, (size_t)st.st_size), st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

static void store_bytes(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void no_wrong_byte_or_length__passes(void **state)
{
    Err err = ERR_INIT;
    BackupTotals t;
    Got g;
    char blob[BLOB_ID_SIZE], *bytes;
    put_blob(testdb_store(*state), S("material"), blob);
    assert_int_equal(
        make(state, at(state, "good.zip"), NULL, DIALECT_SQLITE, S("pages"), blob, ORIGIN, &t, &err), 0);
    const size_t n = load(at(state, "good.zip"), &bytes);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(bytes[i] ^ 0x10);
        store_bytes(at(state, "bad.zip"), bytes, n);
        bytes[i] = (char)(bytes[i] ^ 0x10);
        got_init(&g);
        const int rc = read_back(at(state, "bad.zip"), &g, &err);
        got_done(&g);
        if (rc >= 0 || !err.msg[0]) fail_msg("byte %zu of %zu may be anything", i, n);
    }
    for (size_t i = 0; i < n; i += 7) {
        store_bytes(at(state, "bad.zip"), bytes, i);
        got_init(&g);
        const int rc = read_back(at(state, "bad.zip"), &g, &err);
        got_done(&g);
        if (rc >= 0) fail_msg("the first %zu of %zu bytes are enough", i, n);
    }
    free(bytes);
}

#define SUM "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

static void wrong_lines__are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "chunk",
        "chunk " SUM,
        "chunk " SUM " -1",
        "chunk " SUM " +1",
        "chunk " SUM " 0",
        "chunk " SUM " 1048577",
        "chunk " SUM " 1 x",
        "chunk " SUM "0 1",
        "chunk " SUM " 99999999999999999999",
        "chunk  " SUM " 1",
        "thing " SUM " 1",
        "file " SUM " 1",
        "file " SUM " 1 ",
        "file " SUM " 1 /etc/passwd",
        "file " SUM " 1 ../city.db",
        "file " SUM " 1 systems/../../x",
        "file " SUM " 1 systems//x",
        "file " SUM " 1 systems/",
        "file " SUM " 1 a\\b",
        "file " SUM " 1 a\x1b[2J",
        "file " SUM " 1 .ssh/x",
        "lost " SUM " 1",
        "apart ../x",
        "apart ",
        "file 66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0 1 x",
    };
    static const char *const good[] = {"chunk " SUM " 65536", "blob " SUM " 99999999999", "lost " SUM,
                                       "file " SUM " 0 systems/00-city/a b.yaml", "apart keys/root.key"};
    char longer[BACKUP_LINE_MAX + 100];
    BackupItem item;
    Err err = ERR_INIT;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (item_parse(str_c(bad[i]), &item, &err) == 0) fail_msg("\"%s\" is taken", bad[i]);
    for (size_t i = 0; i < COUNT(good); i++) {
        _cleanup_buf_ Buf b;
        buf_init(&b, 4096);
        assert_int_equal(item_parse(str_c(good[i]), &item, &err), 0);
        item_write(&b, &item);
        assert_text(str_trim(buf_str(&b)), good[i]);
    }
    snprintf(longer, sizeof longer, "file " SUM " 1 ");
    memset(longer + strlen(longer), 'a', 300);
    assert_int_equal(item_parse(str_n(longer, 72 + 300), &item, &err), -ERR_INPUT);
}

static void damaged_file__is_named_or_noted(void **state)
{
    Err err = ERR_INIT;
    BackupTotals t;
    char blob[BLOB_ID_SIZE], gone[BLOB_ID_SIZE], name[128];
    _cleanup_backup_ BackupWriter *w = NULL;
    BackupManifest m = {.program = S("t"), .dialect = S("sqlite"), .origin = ORIGIN};
    put_blob(testdb_store(*state), S("material"), blob);
    put_blob(testdb_store(*state), S("gone"), gone);
    snprintf(name, sizeof name, "blobs/%.2s/%s", gone, gone + 2);
    unlink(at(state, name));
    snprintf(name, sizeof name, "blobs/%.2s/%s", blob, blob + 2);
    int fd = open(at(state, name), O_WRONLY);
    assert_int_equal(pwrite(fd, "M", 1, 0), 1);
    close(fd);
    assert_int_equal(make(state, at(state, "d.zip"), NULL, DIALECT_SQLITE, S("x"), blob, ORIGIN, &t, &err),
                     -ERR_VERIFY);
    assert_non_null(strstr(err.msg, blob));
    assert_int_not_equal(access(at(state, "d.zip"), F_OK), 0);
    assert_int_not_equal(access(at(state, "d.zip.partial"), F_OK), 0);
    assert_int_equal(backup_new(at(state, "d.zip"), NULL, DIALECT_SQLITE, ORIGIN, &w, &err), 0);
    assert_int_equal(backup_blob(w, testdb_store(*state), blob, true, &err), 1);
    assert_int_equal(backup_blob(w, testdb_store(*state), gone, true, &err), 1);
    assert_int_equal(backup_finish(w, &m, &t, &err), 0);
    assert_int_equal(t.lost, 2);
    Got g;
    got_init(&g);
    assert_int_equal(read_back(at(state, "d.zip"), &g, &err), 0);
    assert_int_equal(g.blob.n, 0);
    got_done(&g);
}

static void set_age(const char *path, int days)
{
    const struct timespec t[2] = {{.tv_sec = time(NULL) - days * 86400},
                                  {.tv_sec = time(NULL) - days * 86400}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void collect__takes_the_old_and_unnamed(void **state)
{
    Err err = ERR_INIT;
    BlobSweep sum;
    char id[3][BLOB_ID_SIZE], name[128];
    _cleanup_blob_set_ BlobSet *named = blob_set_new();
    static const char *const bytes[] = {"named", "unnamed", "young"};
    Store *s = testdb_store(*state);
    for (int i = 0; i < 3; i++) {
        put_blob(s, str_c(bytes[i]), id[i]);
        snprintf(name, sizeof name, "blobs/%.2s/%s", id[i], id[i] + 2);
        if (i < 2) set_age(at(state, name), 2);
    }
    store_bytes(at(state, "blobs/tmp/0123456789abcdef0123456789abcdef"), "half", 4);
    set_age(at(state, "blobs/tmp/0123456789abcdef0123456789abcdef"), 2);
    store_bytes(at(state, "blobs/tmp/README"), "mine", 4);
    set_age(at(state, "blobs/tmp/README"), 2);
    blob_set_add(named, str_c(id[0]));
    for (int counting = 1; counting >= 0; counting--) {
        assert_int_equal(blob_collect(s, named, counting, &sum, &err), 0);
        assert_int_equal(sum.n, 1);
        assert_int_equal(sum.bytes, 7);
        assert_int_equal(sum.n_unfinished, 1);
        assert_int_equal(blob_verify(s, id[1], &err), counting ? 0 : -ERR_NOT_FOUND);
    }
    assert_int_equal(blob_verify(s, id[0], &err), 0);
    assert_int_equal(blob_verify(s, id[2], &err), 0);
    assert_int_equal(access(at(state, "blobs/tmp/README"), F_OK), 0);
    /* wanted again: as young as a new one */
    snprintf(name, sizeof name, "blobs/%.2s/%s", id[2], id[2] + 2);
    set_age(at(state, name), 2);
    put_blob(s, S("young"), id[2]);
    assert_int_equal(blob_collect(s, named, false, &sum, &err), 0);
    assert_int_equal(sum.n, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, testdb_setup, testdb_teardown)
    const struct CMUnitTest tests[] = {
        T(what_goes_in__comes_out),
        T(increment__holds_what_changed),
        T(bases__must_be_the_right_ones),
        T(no_wrong_byte_or_length__passes),
        T(wrong_lines__are_refused),
        T(damaged_file__is_named_or_noted),
        T(collect__takes_the_old_and_unnamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
