/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/xlsx: typed cells out and in again, and workbooks as others write them, made here by hand. */
#include "unit.h"

#include "model/xlsx_int.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- a workbook made by hand --------------------------------------------------------------------------- */

typedef struct Part {
    const char *name, *text;
    size_t n; /* 0: the text's length */
} Part;

static const char rels[] = "<Relationships><Relationship Id=\"r\" Type=\"http://x/officeDocument\" "
                           "Target=\"xl/workbook.xml\"/></Relationships>";
static const char book_rels[] =
    "<Relationships><Relationship Id=\"a\" Type=\"http://x/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
    "<Relationship Id=\"b\" Type=\"http://x/worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/>"
    "<Relationship Id=\"s\" Type=\"http://x/sharedStrings\" Target=\"sharedStrings.xml\"/>"
    "<Relationship Id=\"y\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";

#define BOOK(more, sheets)                                                                                   \
    "<workbook xmlns=\"http://m\" xmlns:r=\"http://r\"><workbookPr" more "/><sheets>" sheets                 \
    "</sheets></workbook>"
#define SHEET1      "<sheet name=\"甲\" sheetId=\"1\" r:id=\"a\"/>"
#define SHEET(rows) "<worksheet xmlns=\"http://m\"><sheetData>" rows "</sheetData></worksheet>"
#define STYLES                                                                                               \
    "<styleSheet><numFmts><numFmt numFmtId=\"164\" "                                                         \
    "formatCode=\"yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;\"/>"                                   \
    "<numFmt numFmtId=\"165\" formatCode=\"[h]:mm\"/></numFmts><cellXfs><xf numFmtId=\"0\"/><xf "            \
    "numFmtId=\"14\"/>"                                                                                      \
    "<xf numFmtId=\"22\"/><xf numFmtId=\"164\"/><xf numFmtId=\"165\"/><xf "                                  \
    "numFmtId=\"4\"/></cellXfs></styleSheet>"

static int workbook(const Part *parts, size_t n)
{
    char path[64];
    int fd = memfd_create("book", MFD_CLOEXEC), code;
    snprintf(path, sizeof path, "/tmp/test_model_xlsx_%d.xlsx", (int)getpid());
    unlink(path);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(z);
    for (size_t i = 0; i < n; i++) {
        size_t size = parts[i].n ? parts[i].n : strlen(parts[i].text);
        zip_source_t *s = zip_source_buffer(z, parts[i].text, size, 0);
        assert_true(zip_file_add(z, parts[i].name, s, ZIP_FL_ENC_UTF_8) >= 0);
    }
    assert_int_equal(zip_close(z), 0);
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, f)) > 0) assert_int_equal(write(fd, piece, got), got);
    fclose(f);
    unlink(path);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* All rows of the sheet, cells joined by |, a fault as !…, rows by newline with their number. */
static Str read_fd(Arena *a, int fd, const char *sheet, Err *err)
{
    XlsxReader *r;
    XlsxRow row;
    Buf b;
    int rc = xlsx_open(a, fd, &r, err);
    if (rc == 0) rc = xlsx_sheet(r, str_c(sheet), err);
    buf_init(&b, 1 << 20);
    while (rc >= 0 && (rc = xlsx_next(r, a, &row, err)) > 0) {
        buf_addf(&b, "%d:", (int)row.number);
        for (size_t i = 0; i < row.n; i++)
            buf_addf(&b, "%s%s" STR_FMT, i ? "|" : "", row.cells[i].fault.n ? "!" : "",
                     STR_ARG(row.cells[i].fault.n ? row.cells[i].fault : row.cells[i].text));
        buf_addc(&b, '\n');
    }
    Str s = rc < 0 ? str_fmt(a, "%s", err->msg) : buf_dup(a, &b);
    buf_done(&b);
    close(fd);
    return s;
}

static Str read_sheet(Arena *a, const char *book, const char *sheet, const char *strings)
{
    Err err = ERR_INIT;
    Part parts[] = {{"_rels/.rels", rels, 0},
                    {"xl/workbook.xml", book, 0},
                    {"xl/_rels/workbook.xml.rels", book_rels, 0},
                    {"xl/styles.xml", STYLES, 0},
                    {"xl/worksheets/sheet1.xml", sheet, 0},
                    {"xl/worksheets/sheet2.xml", SHEET("<row><c t=\"str\"><v>second</v></c></row>"), 0},
                    {"xl/sharedStrings.xml", strings ? strings : "<sst/>", 0}};
    return read_fd(a, workbook(parts, COUNT(parts)), "", &err);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------ */

static void cells__of_every_kind(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Str s = read_sheet(
        a, BOOK("", SHEET1),
        SHEET("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"s\"><v>1</v></c></row>"
              "<row r=\"3\"><c r=\"A3\"><v>0.1</v></c><c r=\"B3\" t=\"b\"><v>1</v></c>"
              "<c r=\"C3\" t=\"inlineStr\"><is><t xml:space=\"preserve\"> a_x000D_b </t></is></c>"
              "<c r=\"D3\" t=\"e\"><v>#N/A</v></c><c r=\"E3\"><f>1+1</f><v>2</v></c><c r=\"F3\"><f>A1</f></c>"
              "<c r=\"G3\" t=\"str\"><f>A1</f><v>文</v></c><c r=\"H3\"/><c r=\"I3\"><v>1.5E-5</v></c></row>"
              "<row><c t=\"s\"><v>9</v></c><c><v>916100000000000000</v></c><c "
              "t=\"d\"><v>2024-05-01</v></c></row>"),
        "<sst><si><t>名称</t></si><si><r><t>丰</t></r><rPh><t>feng</t></rPh><r><t>富</t></r></si></sst>");
    assert_text(s, "1:名称||丰富\n"
                   "3:0.1|true| a\rb |!是公式的错误 "
                   "#N/A|2|!公式没有保存结果；用表格软件打开、保存一次再导入|文||0.000015\n"
                   "4:!指向表格里没有的文字|!数字超过 15 "
                   "位，表格软件已经丢掉了后面的位数；把这一列设为文本，重新填写|2024-05-01\n");
}

static void dates__by_format_and_system(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    const char *rows = SHEET(
        "<row><c s=\"1\"><v>45413</v></c><c s=\"2\"><v>45413.354166666664</v></c><c s=\"3\"><v>61</v></c>"
        "<c s=\"3\"><v>59</v></c><c s=\"1\"><v>60</v></c><c s=\"4\"><v>1.5</v></c><c s=\"5\"><v>45413</v></c>"
        "<c s=\"2\"><v>0.5</v></c><c s=\"1\"><v>-1</v></c></row>");
    assert_text(
        read_sheet(a, BOOK("", SHEET1), rows, NULL),
        "1:2024-05-01|2024-05-01 08:30:00|1900-03-01|1900-02-28|!1900-02-29 不是日期|36:00:00|45413|12:00:00|"
        "!日期超出范围\n");
    Str s = read_sheet(a, BOOK(" date1904=\"1\"", SHEET1), rows, NULL);
    assert_true(str_starts(s, S("1:2028-05-02|2028-05-02 08:30:00|1904-03-02|")));
}

static void format__date_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        unsigned kind;
    } rows[] = {{"General", 0},
                {"0.00", 0},
                {"#,##0.00\"元/d\"", 0},
                {"yyyy\\-mm\\-dd", 1},
                {"m\"月\"d\"日\"", 1},
                {"h:mm", 2},
                {"[h]:mm:ss", 2},
                {"yyyy-mm-dd hh:mm", 3},
                {"[Red]0.0", 0},
                {"[mm]:ss", 2},
                {"0.00E+00", 0},
                {"mmm", 1},
                {"0;\"d\"", 0},
                {"[$-804]yyyy", 1},
                {"mm:ss", 2}};
    for (size_t i = 0; i < COUNT(rows); i++)
        if (format_code(str_c(rows[i].code)) != rows[i].kind) fail_msg("%s", rows[i].code);
}

static void sheets__first_visible_or_named(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Err err = ERR_INIT;
    const char *book =
        BOOK("", "<sheet name=\"藏\" state=\"hidden\" r:id=\"a\"/><sheet name=\"图\" r:id=\"none\"/>"
                 "<sheet name=\"乙\" r:id=\"b\"/>");
    assert_text(read_sheet(a, book, SHEET(""), NULL), "1:second\n");
    Part parts[] = {{"_rels/.rels", rels, 0},
                    {"xl/workbook.xml", book, 0},
                    {"xl/_rels/workbook.xml.rels", book_rels, 0},
                    {"xl/worksheets/sheet1.xml", SHEET("<row><c t=\"str\"><v>first</v></c></row>"), 0},
                    {"xl/worksheets/sheet2.xml", SHEET(""), 0}};
    assert_text(read_fd(a, workbook(parts, COUNT(parts)), "藏", &err), "1:first\n");
    assert_text(read_fd(a, workbook(parts, COUNT(parts)), "丁", &err), "表格里没有工作表 “丁”");
    assert_string_equal(err.hint, "有：藏、乙");
}

static void hostile__refused_with_a_reason(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Err err = ERR_INIT;
    Str s = read_sheet(
        a, BOOK("", SHEET1),
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><worksheet><sheetData><row><c t=\"str\">"
        "<v>&e;</v></c></row></sheetData></worksheet>",
        NULL);
    assert_true(str_find_str(s, S("文档类型或实体")) >= 0);
    s = read_sheet(a, BOOK("", SHEET1), "<worksheet><sheetData><row><c><v>1</v>", NULL);
    assert_true(str_find_str(s, S("XML 已损坏")) >= 0);
    /* 400 MB of one letter, 0.4 MB packed */
    size_t n = 400u << 20;
    char *big = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    memcpy(big, "<worksheet><sheetData><row>", 27);
    for (size_t i = 27; i + 4 <= n; i += 4) memcpy(big + i, "<c/>", 4);
    Part parts[] = {{"xl/workbook.xml", BOOK("", SHEET1), 0},
                    {"xl/_rels/workbook.xml.rels", book_rels, 0},
                    {"xl/worksheets/sheet1.xml", big, n}};
    s = read_fd(a, workbook(parts, COUNT(parts)), "", &err);
    assert_true(str_find_str(s, S("压缩比例不正常")) >= 0);
    munmap(big, n);
    static const struct {
        const char *bytes, *say;
    } heads[] = {
        {"PK\3\4 nothing behind", "不完整"}, {"\xD0\xCF\x11\xE0 old", "密码"}, {"a,b\n", "开头不对"}};
    for (size_t i = 0; i < COUNT(heads); i++) {
        int fd = memfd_create("x", MFD_CLOEXEC);
        assert_true(write(fd, heads[i].bytes, strlen(heads[i].bytes)) > 0);
        s = read_fd(a, fd, "", &err);
        assert_true(str_find_str(s, str_c(heads[i].say)) >= 0);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

/* --- writing
 * ------------------------------------------------------------------------------------------------- */

static int to_fd(void *ctx, Str bytes, Err *err)
{
    (void)err;
    return write(*(int *)ctx, bytes.p, bytes.n) == (ssize_t)bytes.n ? 0 : -1;
}

static void written__reads_again_equal(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Err err = ERR_INIT;
    Xlsx *x;
    const Field money = {.type = F_MONEY, .storage = STORE_NUM, .scale = 2},
                number = {.type = F_INT, .storage = STORE_INT}, day = {.type = F_DATE, .storage = STORE_DATE},
                at = {.type = F_DATETIME, .storage = STORE_AT}, yes = {.type = F_BOOL, .storage = STORE_BOOL},
                text = {.type = F_TEXT, .storage = STORE_TEXT},
                hour = {.type = F_TIME, .storage = STORE_TIME};
    const Field *fields[] = {&money, &number, &day, &at, &yes, &text, &hour, &text, &day, &at};
    Str formula = S("=cmd|' /C calc'!A0");
    Val vals[] = {V_TEXT(S("1234.50")),
                  V_INT(-42),
                  V_TEXT(S("2024-02-29")),
                  V_TEXT(S("2025-06-03T06:05:00.000000Z")),
                  V_INT(1),
                  V_TEXT(S(" a\tb\rc_x0041_ &<>\" ")),
                  V_TEXT(S("23:59:59")),
                  V_TEXT(formula),
                  V_TEXT(S("1899-12-31")),
                  V_TEXT(S("2025-06-03T06:05:00.250000Z"))};
    assert_int_equal(xlsx_new(S("表[1]/'*"), &x, &err), 0);
    for (size_t i = 0; i < COUNT(fields); i++) xlsx_column(x, str_fmt(a, "列%zu", i), fields[i]);
    assert_int_equal(xlsx_row(x, &err), 0);
    for (size_t i = 0; i < COUNT(fields); i++) xlsx_put(x, a, i, fields[i], vals[i]);
    assert_int_equal(xlsx_row(x, &err), 0);
    char *longest = arena_alloc(a, 40000);
    memset(longest, 'x', 39999);
    xlsx_put_text(x, a, 0, str_n(longest, 39999));
    xlsx_put(x, a, 1, &number, V_INT(9007199254740993)); /* more digits than a cell's number keeps */
    int fd = memfd_create("out", MFD_CLOEXEC);
    assert_int_equal(xlsx_finish(x, to_fd, &fd, &err), 0);
    assert_text(
        read_fd(a, fd, "", &err),
        "1:列0|列1|列2|列3|列4|列5|列6|列7|列8|列9\n"
        "2:1234.5|-42|2024-02-29|2025-06-03 14:05:00|true| a\tb\rc_x0041_ &<>\" |23:59:59|=cmd|' /C calc'!A0|"
        "1899-12-31|2025-06-03T14:05:00.25+08:00\n"
        "3:!导出时超过单元格的长度，没有写入原值；这一列请用 CSV 或 NDJSON|9007199254740993\n");
}

static void rows__go_on_in_a_further_sheet(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Err err = ERR_INIT;
    Xlsx *x;
    assert_int_equal(xlsx_new(S("多"), &x, &err), 0);
    xlsx_column(x, S("n"), NULL);
    for (int i = 1; i <= XLSX_ROWS_MAX + 2; i++) {
        assert_int_equal(xlsx_row(x, &err), 0);
        xlsx_put_number(x, 0, i);
    }
    int fd = memfd_create("out", MFD_CLOEXEC);
    assert_int_equal(xlsx_finish(x, to_fd, &fd, &err), 0);
    assert_text(read_fd(a, fd, "多 2", &err), "1:n\n2:1048576\n3:1048577\n");
}

UNIT_MAIN(cmocka_unit_test(cells__of_every_kind), cmocka_unit_test(dates__by_format_and_system),
          cmocka_unit_test(format__date_or_not), cmocka_unit_test(sheets__first_visible_or_named),
          cmocka_unit_test(hostile__refused_with_a_reason), cmocka_unit_test(written__reads_again_equal),
          cmocka_unit_test(rows__go_on_in_a_further_sheet))
