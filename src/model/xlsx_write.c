/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Rows → a workbook with typed cells. The file is one without a name, so nothing is left behind. */
#include "model/xlsx.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/value.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <xlsxwriter.h>

enum {
    PIECE = 64 << 10,
    NAME_CHARS = 28,      /* of a sheet's name; a number may follow */
    DIGITS = 15,          /* that a cell's number keeps */
    EXCEL_EPOCH = -25569, /* 1899-12-30 in days since 1970 */
    EXCEL_FIRST = -25508, /* 1900-03-01: before it spreadsheets count a day that never was */
    SCALES = 16,
};

typedef struct Column {
    Str title;
    double width;
} Column;

struct Xlsx {
    Arena *a;
    int fd;
    lxw_workbook *book;
    lxw_worksheet *sheet;
    Str name;
    int sheets;
    Column *columns;
    size_t n, cap;
    uint32_t row; /* at hand; 0 is the header */
    lxw_format *head, *date, *time, *at, *whole, *money, *decimal[SCALES];
};

static int failed(Err *err, const char *why)
{
    return err_set(err, ERR_IO, "表格写不下去：%s", why), err_hint(err, "检查磁盘空间");
}

static lxw_format *format(Xlsx *x, const char *code)
{
    lxw_format *f = workbook_add_format(x->book);
    format_set_num_format(f, code);
    return f;
}

static void make_formats(Xlsx *x)
{
    x->head = workbook_add_format(x->book);
    format_set_bold(x->head);
    format_set_bg_color(x->head, 0xE8EEF7);
    format_set_bottom(x->head, LXW_BORDER_THIN);
    x->date = format(x, "yyyy-mm-dd");
    x->time = format(x, "hh:mm:ss");
    x->at = format(x, "yyyy-mm-dd hh:mm:ss");
    x->whole = format(x, "0");
    x->money = format(x, "#,##0.00");
}

static lxw_format *decimal(Xlsx *x, int scale)
{
    char code[32] = "0";
    if (scale <= 0 || scale >= SCALES) return x->whole;
    if (!x->decimal[scale]) {
        snprintf(code, sizeof code, "0.%.*s", scale, "################");
        x->decimal[scale] = format(x, code);
    }
    return x->decimal[scale];
}

/* What a sheet's name may not hold becomes a space (ECMA-376 §18.2.19, and Excel's own rules). */
static Str sheet_name(Arena *a, Str title)
{
    char *s = str_cdup(a, text_cut(title, NAME_CHARS));
    for (char *p = s; *p; p++)
        if (strchr("[]:*?/\\'", *p) || (unsigned char)*p < 0x20) *p = ' ';
    Str name = str_trim(str_c(s));
    return name.n ? name : S("Sheet");
}

int xlsx_new(Str title, Xlsx **ret, Err *err)
{
    char path[64];
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return failed(err, strerror(errno));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    Arena *a = arena_new();
    Xlsx *x = ARENA_NEW(a, Xlsx);
    *x = (Xlsx){.a = a, .fd = fd, .name = sheet_name(a, title)};
    lxw_workbook_options o = {.constant_memory = LXW_TRUE, .use_zip64 = LXW_TRUE};
    x->book = workbook_new_opt(path, &o);
    if (!x->book) return xlsx_free(x), failed(err, "没有内存");
    make_formats(x);
    *ret = x;
    return 0;
}

void xlsx_free(Xlsx *x)
{
    if (!x) return;
    if (x->book) lxw_workbook_free(x->book);
    close(x->fd);
    arena_free(x->a);
}

/* Wide characters take two places. */
static double title_width(Str title)
{
    size_t wide = (title.n - text_chars(title)) / 2;
    return (double)(text_chars(title) + wide) + 4;
}

static double type_width(const Field *f)
{
    if (!f) return 16;
    switch (f->storage) {
    case STORE_AT: return 20;
    case STORE_DATE: return 12;
    case STORE_TIME: return 10;
    case STORE_INT: return 10;
    case STORE_NUM: return 16;
    case STORE_BOOL: return 8;
    case STORE_GEO: return 30;
    default: break;
    }
    if (f->type == F_LONGTEXT) return 40;
    if (f->type == F_CREDIT_CODE || f->type == F_PERSON_ID) return 22;
    return f->type == F_ENUM ? 16 : 24;
}

void xlsx_column(Xlsx *x, Str title, const Field *f)
{
    Column *c = ARENA_PUSH(x->a, x->columns, x->n, x->cap);
    double w = title_width(title), t = type_width(f);
    *c = (Column){str_dup(x->a, title), w > t ? w : t};
}

/* Closes the sheet at hand: the filter covers its rows. */
static void end_sheet(Xlsx *x)
{
    if (x->sheet && x->n) worksheet_autofilter(x->sheet, 0, 0, x->row, (lxw_col_t)(x->n - 1));
}

static int begin_sheet(Xlsx *x, Err *err)
{
    end_sheet(x);
    Str name = ++x->sheets == 1 ? x->name : str_fmt(x->a, STR_FMT " %d", STR_ARG(x->name), x->sheets);
    x->sheet = workbook_add_worksheet(x->book, str_cdup(x->a, name));
    if (!x->sheet) return err_set(err, ERR_INTERNAL, "不能建立工作表");
    for (size_t i = 0; i < x->n; i++)
        worksheet_set_column(x->sheet, (lxw_col_t)i, (lxw_col_t)i, x->columns[i].width, NULL);
    worksheet_freeze_panes(x->sheet, 1, 0);
    for (size_t i = 0; i < x->n; i++)
        worksheet_write_string(x->sheet, 0, (lxw_col_t)i, str_cdup(x->a, x->columns[i].title), x->head);
    x->row = 0;
    return 0;
}

/* --- cells ----------------------------------------------------------------------------------------- */

static size_t utf16_units(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80 ? 1u + ((unsigned char)s.p[i] >= 0xF0) : 0u;
    return n;
}

static bool is_escape(Str s)
{
    if (s.n < 7 || s.p[0] != '_' || s.p[1] != 'x' || s.p[6] != '_') return false;
    return strspn(s.p + 2, "0123456789abcdefABCDEF") == 4;
}

/* Text that looks like an escape (ECMA-376 §22.9.2.19) is one unless its _ is escaped itself. */
static Str escaped(Arena *a, Str s)
{
    Buf b;
    if (str_find_str(s, S("_x")) < 0) return s;
    s = str_dup(a, s);
    buf_init(&b, s.n * 8);
    for (size_t i = 0; i < s.n; i++) {
        if (is_escape(str_from(s, i))) buf_adds(&b, "_x005F");
        buf_addc(&b, s.p[i]);
    }
    s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

void xlsx_put_text(Xlsx *x, Arena *a, size_t col, Str s)
{
    if (!s.n || !x->sheet) return;
    s = escaped(a, s);
    if (s.n > XLSX_TEXT_MAX && utf16_units(s) > XLSX_TEXT_MAX) s = S(XLSX_TOO_LONG);
    worksheet_write_string(x->sheet, x->row, (lxw_col_t)col, str_cdup(a, s), NULL);
}

void xlsx_put_number(Xlsx *x, size_t col, double v)
{
    if (x->sheet) worksheet_write_number(x->sheet, x->row, (lxw_col_t)col, v, NULL);
}

static bool fits(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += s.p[i] >= '0' && s.p[i] <= '9';
    return n <= DIGITS;
}

/* A number, where a cell keeps all of its digits; false: write it as text. */
static bool put_number(Xlsx *x, size_t col, Str text, lxw_format *f)
{
    double v;
    if (!fits(text) || !str_real(text, &v)) return false;
    worksheet_write_number(x->sheet, x->row, (lxw_col_t)col, v, f);
    return true;
}

static bool put_when(Xlsx *x, size_t col, const Field *f, Str text)
{
    Date d;
    TimeOfDay t;
    int64_t us;
    int micros = 0;
    double v = 0;
    lxw_format *as = x->date;
    if (f->storage == STORE_TIME) {
        if (tod_parse(text, &t, NULL) < 0) return false;
        as = x->time;
    } else if (f->storage == STORE_DATE) {
        if (date_parse(text, &d, NULL) < 0) return false;
        t = (TimeOfDay){0};
    } else {
        if (clock_parse(text, &us, NULL) < 0) return false;
        clock_to_china(us, &d, &t, &micros);
        as = x->at;
    }
    if (micros) return false; /* a cell would lose them */
    if (f->storage != STORE_TIME) {
        if (date_to_days(d) < EXCEL_FIRST) return false;
        v = (double)(date_to_days(d) - EXCEL_EPOCH);
    }
    v += (double)(t.hour * 3600 + t.minute * 60 + t.second) / 86400;
    worksheet_write_number(x->sheet, x->row, (lxw_col_t)col, v, as);
    return true;
}

/* Titles are for people, and import understands them; where a title is not one code's alone, the code stands.
 */
static Str shown_code(const Field *f, Str code)
{
    const Code *c = f->type == F_ENUM && f->codes ? codes_find(f->codes, code) : NULL;
    return c && c->title.n && codes_match(f->codes, c->title) == c ? c->title : code;
}

void xlsx_put(Xlsx *x, Arena *a, size_t col, const Field *f, Val v)
{
    if (v.kind == VAL_NULL || !x->sheet) return;
    Str text = value_text(a, f, v);
    bool done = false;
    switch (f->storage) {
    case STORE_INT: done = put_number(x, col, text, x->whole); break;
    case STORE_NUM:
        done = put_number(x, col, text, f->type == F_MONEY ? x->money : decimal(x, f->scale));
        break;
    case STORE_DATE:
    case STORE_TIME:
    case STORE_AT: done = put_when(x, col, f, text); break;
    case STORE_BOOL:
        done = v.kind == VAL_INT;
        if (done) worksheet_write_boolean(x->sheet, x->row, (lxw_col_t)col, v.i != 0, NULL);
        break;
    case STORE_TEXT: text = shown_code(f, text); break;
    default: break;
    }
    if (!done) xlsx_put_text(x, a, col, text);
}

int xlsx_row(Xlsx *x, Err *err)
{
    if (!x->sheet || x->row == XLSX_ROWS_MAX) TRY(begin_sheet(x, err));
    x->row++;
    return 0;
}

static int hand_out(int fd, XlsxSink sink, void *ctx, Err *err)
{
    char *piece = xmalloc(PIECE);
    int rc = lseek(fd, 0, SEEK_SET) < 0 ? failed(err, strerror(errno)) : 0;
    while (rc == 0) {
        ssize_t n = read(fd, piece, PIECE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = failed(err, strerror(errno));
        if (n <= 0) break;
        rc = sink(ctx, str_n(piece, (size_t)n), err);
    }
    free(piece);
    return rc;
}

int xlsx_finish(Xlsx *x, XlsxSink sink, void *ctx, Err *err)
{
    int rc = x->sheet ? 0 : begin_sheet(x, err);
    end_sheet(x);
    lxw_error e = workbook_close(TAKE(x->book)); /* frees it, whatever comes of it */
    if (rc == 0 && e != LXW_NO_ERROR) rc = failed(err, lxw_strerror(e));
    if (rc == 0) rc = hand_out(x->fd, sink, ctx, err);
    xlsx_free(x);
    return rc;
}
