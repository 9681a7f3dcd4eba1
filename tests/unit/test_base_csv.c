/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/csv: grammar, damage, charsets, gzip; the real Shaanxi files when they are there. */
#include "unit.h"
#include "base/csv.h"
#include "base/ident.h"

#include <dirent.h>
#include <zlib.h>

/* All records as text: cells joined by |, records by /, faults as !name. */
static Str shown(Arena *a, Str text, const CsvOptions *opt)
{
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord rec;
    Err err = ERR_INIT;
    Buf b;
    buf_init(&b, 1 << 24);
    int rc = csv_open_mem(text, opt, &r, &err);
    while (rc == 0 && (rc = csv_next(r, &rec, &err)) > 0) {
        static const char *const faults[CSV_FAULT_N] = {"", "!quote", "!bytes", "!long", "!wide"};
        if (b.n) buf_addc(&b, '/');
        buf_addf(&b, "%lld%s:", (long long)rec.line, faults[rec.fault]);
        for (size_t i = 0; i < rec.n && rec.fault != CSV_TOO_WIDE; i++) {
            if (i) buf_addc(&b, '|');
            buf_add(&b, rec.cells[i]);
        }
        rc = 0;
    }
    if (rc < 0) buf_addf(&b, "ERR %s", err_name(err.code));
    Str out = buf_dup(a, &b);
    buf_done(&b);
    return out;
}

static void grammar__table(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"a", "1:a"},
        {"a,b\n", "1:a|b"},
        {"a,b\r\nc,d\r\n", "1:a|b/2:c|d"},
        {"a\rb\r", "1:a/2:b"},
        {",\n", "1:|"},
        {"a,\n", "1:a|"},
        {"\n\n\na\n\nb", "4:a/6:b"},
        {"\"a,b\",c", "1:a,b|c"},
        {"\"a\"\"b\",\"\"", "1:a\"b|"},
        {"\"a\nb\",c\nd", "1:a\nb|c/3:d"},
        {"\"a\r\nb\",c\r\nd", "1:a\r\nb|c/3:d"},
        {"a\"b,c\"\n", "1:a\"b|c\""},
        {"\"ab\"c,d\n", "1:\"ab\"c|d"},
        {"\"ab\" ,d\n", "1:ab|d"},
        {"a, \"b\"\n", "1:a| \"b\""},
        {"\xEF\xBB\xBF\"a\",b\n", "1:a|b"},
        {"\"abc\nx,y\nz,w\n", "1!quote:/2:x|y/3:z|w"},
        {"1,\"abc\nfoo,\"N\",\"x\"\nlast,1\n", "1!quote:/2:foo|N|x/3:last|1"},
        {"x\n\"abc", "1:x/2!quote:"},
        {"a,b\xFF\nc\xE6\xB8,渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭",
         "1!bytes:a|b\xEF\xBF\xBD/"
         "2!bytes:c\xEF\xBF\xBD\xEF\xBF\xBD|渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭渭"},
        {"\xD0\xD5\xC3\xFB,1\n\xB3\xC2\xB3\xC2,2\n", "1:姓名|1/2:陈陈|2"},
        {"a\xFF\xFF\n", "ERR INPUT"},
    };
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) assert_text(shown(a, str_c(rows[i].in), NULL), rows[i].out);
    assert_text(shown(a, S("a;b"), &(CsvOptions){.sep = ';'}), "1:a|b");
    assert_text(
        shown(a, S("\xB3\xC2\xFF,x\ny"), &(CsvOptions){.charset_given = true, .charset = CHARSET_GB18030}),
        "1!bytes:陈\xEF\xBF\xBD|x/2:y");
    assert_text(shown(a, ((Str){"a\0b,渭南\nc", 12}), NULL), "1!bytes:a b|渭南/2:c");
}

static Str repeat(Arena *a, char c, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memset(p, c, n);
    return str_n(p, n);
}

static void caps__give_a_fault_and_go_on(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf b;
    buf_init(&b, 64 << 20);
    buf_add(&b, repeat(a, 'x', CSV_CELL_MAX + 10)); /* a long plain cell */
    buf_adds(&b, ",1\nok,1\n\"");
    buf_add(&b, repeat(a, 'y', CSV_CELL_MAX * 3)); /* a long quoted one on one line */
    buf_adds(&b, "\",1\nok,2\n\"open\n");
    for (int i = 0; i < 300000; i++) buf_adds(&b, "line\n"); /* an open quote over more than the cap */
    buf_add(&b, repeat(a, ',', CSV_COLUMNS_MAX));
    buf_adds(&b, "\nend");
    Str s = shown(a, buf_str(&b), NULL);
    assert_true(str_starts(s, S("1!long:/2:ok|1/3!long:/4:ok|2/5!quote:/6:line/7:line")));
    assert_true(str_ends(s, S("/300005:line/300006!wide:/300007:end")));
}

static Str gzipped(Arena *a, Str s)
{
    z_stream z = {0};
    char *out = arena_alloc(a, s.n + 1000);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)s.p;
    z.avail_in = (unsigned)s.n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)(s.n + 1000);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return str_n(out, n);
}

static void gzip__read_and_truncation_told(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf b;
    buf_init(&b, 1 << 20);
    Str one = gzipped(a, S("a,b\n")), two = gzipped(a, S("c,d\n"));
    buf_add(&b, one);
    buf_add(&b, two);
    assert_text(shown(a, buf_str(&b), NULL), "1:a|b/2:c|d");
    assert_text(shown(a, str_n(one.p, one.n - 4), NULL), "ERR INPUT");
    assert_text(shown(a, str_n(one.p, 5), NULL), "ERR INPUT");
    assert_text(shown(a, gzipped(a, S("\xD0\xD5\xC3\xFB\n")), NULL), "1:姓名");
}

static void writer__reads_back(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf b;
    buf_init(&b, 1000);
    const Str cells[] = {S("a"), S("b,c"), S("d\"e"), S("f\ng"), S(""), S(" x "), S("渭南")};
    csv_write_record(&b, cells, COUNT(cells));
    csv_write_record(&b, &(Str){"", 0}, 1);
    assert_text(buf_str(&b), "a,\"b,c\",\"d\"\"e\",\"f\ng\",,\" x \",渭南\r\n\"\"\r\n");
    assert_text(shown(a, buf_str(&b), NULL), "1:a|b,c|d\"e|f\ng|| x |渭南/3:");
}

static void fault__has_a_sentence(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord rec;
    assert_int_equal(csv_open_mem(S("a\n\"b"), NULL, &r, NULL), 0);
    assert_int_equal(csv_next(r, &rec, NULL), 1);
    assert_int_equal(csv_fault_text(a, &rec).n, 0);
    assert_int_equal(csv_next(r, &rec, NULL), 1);
    assert_true(str_find_str(csv_fault_text(a, &rec), S("第 2 行的引号")) == 0);
    assert_text(rec.raw, "\"b");
    assert_int_equal(csv_next(r, &rec, NULL), 0);
    assert_int_equal(csv_next(r, &rec, NULL), 0);
    CsvReader *none = NULL;
    assert_int_equal(csv_open_path("/nowhere", NULL, &none, NULL), -ERR_NOT_FOUND);
}

/* SOURCE.txt of the files states: 30,823 parsed rows, 30,813 credit codes pass. */
static void shaanxi__codes_pass_as_counted(void **state)
{
    (void)state;
    const char *shared = getenv("SHARED");
    char path[600];
    snprintf(path, sizeof path, "%s/data/enterprise-registry-shaanxi", shared ? shared : "../shared");
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("skipped: no folder enterprise-registry-shaanxi\n");
        skip();
    }
    long rows = 0, pass = 0, faults[CSV_FAULT_N] = {0}, wide = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strstr(e->d_name, ".csv")) continue;
        _cleanup_csv_ CsvReader *r = NULL;
        CsvRecord rec;
        Err err = ERR_INIT;
        char file[1000];
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (csv_open_path(file, NULL, &r, &err) < 0) fail_msg("%s: %s", file, err.msg);
        int rc;
        while ((rc = csv_next(r, &rec, &err)) > 0) {
            faults[rec.fault]++;
            if (rec.number == 1) continue;
            rows++;
            wide += rec.n != 10;
            pass += rec.n > 1 && ident_credit(rec.cells[1], NULL, NULL) == 0;
        }
        assert_int_equal(rc, 0);
    }
    closedir(dir);
    print_message("shaanxi: %ld rows, %ld codes pass, %ld bad quotes, %ld bad bytes, %ld of another width\n",
                  rows, pass, faults[CSV_BAD_QUOTE], faults[CSV_BAD_BYTES], wide);
    assert_true(pass >= 30813);
}

static void separator__by_what_lines_agree_on(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char sep;
    } rows[] = {{"a,b\n1,2\n", ','},
                {"a;b;c\n1,5;2;3\n1,5;2;3\n", ';'},
                {"a\tb\n\"x,y\"\t2\n", '\t'},
                {"a|b|c\n1|2|3", '|'},
                {"a,b,c\nx;y,2,3\nx;y,2,3\n", ','},
                {"title\n\na;b\nc;d\n", ';'},
                {"one\ntwo\n", ','},
                {"", ','},
                {"a,\"x\ny;z;w\",c\n1,2,3\n", ','}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_csv_ CsvReader *r = NULL;
        CsvOptions o = {.find_sep = true};
        Err err = ERR_INIT;
        assert_int_equal(csv_open_mem(str_c(rows[i].text), &o, &r, &err), 0);
        if (csv_separator(r) != rows[i].sep) fail_msg("%s: %c", rows[i].text, csv_separator(r));
    }
}

/* The same two records whatever the charset, also with a character on the edge of a piece. */
static void charset__utf16_reads_as_utf8(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++)
        for (size_t pad = 0; pad < 3; pad++) {
            _cleanup_csv_ CsvReader *r = NULL;
            CsvRecord rec;
            Err err = ERR_INIT;
            size_t n = 40000 + pad, at = 0;
            char *text = xmalloc(n * 2 + 40);
            uint16_t units[] = {0xFEFF, 0x540D, ','};
            for (size_t i = 0; i < n + 8; i++) {
                static const uint16_t tail[] = {'\n', 0xD83D, 0xDE00, ',', 'x'};
                uint16_t u = i < 3 ? units[i] : i < n + 3 ? 0x6E2D : tail[i - n - 3];
                text[at++] = (char)(big ? u >> 8 : u & 255);
                text[at++] = (char)(big ? u & 255 : u >> 8);
            }
            assert_int_equal(csv_open_mem(str_n(text, at), NULL, &r, &err), 0);
            assert_int_equal(csv_charset(r), big ? CHARSET_UTF16BE : CHARSET_UTF16LE);
            assert_int_equal(csv_next(r, &rec, &err), 1);
            assert_int_equal(rec.fault, CSV_OK);
            assert_text(rec.cells[0], "名");
            assert_int_equal(rec.cells[1].n, 3 * n);
            assert_int_equal(csv_next(r, &rec, &err), 1);
            assert_text(rec.cells[0], "😀");
            assert_text(rec.cells[1], "x");
            assert_int_equal(csv_next(r, &rec, &err), 0);
            free(text);
        }
}

UNIT_MAIN(cmocka_unit_test(separator__by_what_lines_agree_on), cmocka_unit_test(charset__utf16_reads_as_utf8),
          cmocka_unit_test(grammar__table), cmocka_unit_test(caps__give_a_fault_and_go_on),
          cmocka_unit_test(gzip__read_and_truncation_told), cmocka_unit_test(writer__reads_back),
          cmocka_unit_test(fault__has_a_sentence), cmocka_unit_test(shaanxi__codes_pass_as_counted))
