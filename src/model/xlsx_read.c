/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A workbook's sheets (ECMA-376 part 1 §18.2, §18.3), rows as they stand in the file, one at a time. */
#include "model/xlsx_int.h"

#include "base/csv.h"
#include "base/text.h"
#include <sys/stat.h>

enum { SHEETS_MAX = 1000, STYLES_MAX = 65536, COLUMNS_MAX = CSV_COLUMNS_MAX };

typedef struct Sheet {
    XlsxSheet is;
    Str part; /* empty: no sheet of cells */
} Sheet;

struct XlsxReader {
    Arena *a;
    zip_t *zip;
    int64_t size; /* of the file */
    Str book;     /* part of the workbook */
    Str strings_part, styles_part;
    Sheet *sheets;
    XlsxSheet *shown;
    size_t n_sheets, cap_sheets;
    bool since_1904;
    unsigned char *styles; /* cell format → NumberKind */
    size_t n_styles, cap_styles;
    Strings *strings;
    XmlPart part;
    size_t at; /* sheet that is read */
    bool open, end;
    int64_t last; /* number of the last row */
    Buf value, text;
};

bool xlsx_looks_like(Str head) { return str_starts(head, S("PK\3\4")) || str_starts(head, S("PK\5\6")); }

Str xlsx_column_name(Arena *a, size_t col)
{
    char name[8];
    size_t n = sizeof name;
    for (size_t c = col + 1; c && n; c = (c - 1) / 26) name[--n] = (char)('A' + (c - 1) % 26);
    return str_dup(a, str_n(name + n, sizeof name - n));
}

/* --- the parts besides the sheets -------------------------------------------------------------------- */

/* The part that a relation names, seen from the part that has it: "worksheets/a.xml", "/xl/a.xml", "../a". */
static Str resolve(Arena *a, Str from, Str target)
{
    size_t dir = from.n;
    if (target.n && target.p[0] == '/') return str_from(target, 1);
    while (dir && from.p[dir - 1] != '/') dir--;
    while (str_starts(target, S("../"))) {
        target = str_from(target, 3);
        for (dir = dir ? dir - 1 : 0; dir && from.p[dir - 1] != '/';) dir--;
    }
    return str_fmt(a, STR_FMT STR_FMT, (int)dir, from.p ? from.p : "", STR_ARG(target));
}

static Str relations_of(Arena *a, Str part)
{
    size_t dir = part.n;
    while (dir && part.p[dir - 1] != '/') dir--;
    return str_fmt(a, "%.*s_rels/" STR_FMT ".rels", (int)dir, part.p, STR_ARG(str_from(part, dir)));
}

static int find_book(XlsxReader *r, Err *err)
{
    _cleanup_part_ XmlPart p = {0};
    int rc;
    r->book = S("xl/workbook.xml");
    if (part_open(r->zip, S("_rels/.rels"), PART_SMALL, &p, NULL) < 0) return 0;
    while ((rc = part_next(&p, err)) > 0)
        if (part_begins(&p, "Relationship") && str_ends(part_attr(&p, r->a, "Type"), S("/officeDocument")))
            r->book = resolve(r->a, S(""), part_attr(&p, r->a, "Target"));
    return rc;
}

/* Relation ids of the sheets stand in `part` until the relations are known. */
static int read_book(XlsxReader *r, Err *err)
{
    _cleanup_part_ XmlPart p = {0};
    int rc = part_open(r->zip, r->book, PART_SMALL, &p, err);
    if (rc == -(int)ERR_NOT_FOUND)
        return err_set(err, ERR_INPUT, "这不是 .xlsx 表格"), err_hint(err, "支持 .xlsx、.csv、.json");
    TRY(rc);
    while ((rc = part_next(&p, err)) > 0) {
        if (part_begins(&p, "workbookPr")) {
            Str v = part_attr(&p, r->a, "date1904");
            r->since_1904 = str_is(v, "1") || str_is(v, "true");
        }
        if (!part_begins(&p, "sheet") || r->n_sheets >= SHEETS_MAX) continue;
        Sheet *s = ARENA_PUSH(r->a, r->sheets, r->n_sheets, r->cap_sheets);
        Str state = part_attr(&p, r->a, "state");
        *s = (Sheet){{part_attr(&p, r->a, "name"), state.n && !str_is(state, "visible")},
                     part_attr(&p, r->a, "id")};
    }
    return rc;
}

static int read_relations(XlsxReader *r, Err *err)
{
    _cleanup_part_ XmlPart p = {0};
    Str *found = ARENA_ARRAY(r->a, Str, r->n_sheets + 1);
    int rc = part_open(r->zip, relations_of(r->a, r->book), PART_SMALL, &p, err);
    while (rc >= 0 && (rc = part_next(&p, err)) > 0) {
        if (!part_begins(&p, "Relationship")) continue;
        Str type = part_attr(&p, r->a, "Type"), id = part_attr(&p, r->a, "Id");
        Str to = resolve(r->a, r->book, part_attr(&p, r->a, "Target"));
        if (str_ends(type, S("/sharedStrings"))) r->strings_part = to;
        if (str_ends(type, S("/styles"))) r->styles_part = to;
        for (size_t i = 0; str_ends(type, S("/worksheet")) && i < r->n_sheets; i++)
            if (str_eq(r->sheets[i].part, id)) found[i] = to;
    }
    r->shown = ARENA_ARRAY(r->a, XlsxSheet, r->n_sheets + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->n_sheets; i++) { /* charts are no sheets of cells */
        if (!found[i].n) continue;
        r->sheets[n] = (Sheet){r->sheets[i].is, found[i]};
        r->shown[n] = r->sheets[n].is;
        n++;
    }
    r->n_sheets = n;
    return rc;
}

static void add_style(XlsxReader *r, unsigned kind)
{
    if (r->n_styles < STYLES_MAX)
        *ARENA_PUSH(r->a, r->styles, r->n_styles, r->cap_styles) = (unsigned char)kind;
}

/* numFmts come before cellXfs. */
static int read_styles(XlsxReader *r, Err *err)
{
    _cleanup_part_ XmlPart p = {0};
    _cleanup_arena_ Arena *a = arena_new();
    struct Custom {
        int64_t id;
        unsigned kind;
    } *custom = NULL;
    size_t n = 0, cap = 0;
    bool cells = false;
    int rc = part_open(r->zip, r->styles_part, PART_SMALL, &p, NULL);
    if (rc < 0) return 0; /* then every number is a number */
    while ((rc = part_next(&p, err)) > 0) {
        int64_t id = 0;
        if (part_begins(&p, "numFmt") && n < STYLES_MAX && str_int(part_attr(&p, a, "numFmtId"), &id)) {
            struct Custom *c = ARENA_PUSH(a, custom, n, cap);
            c->id = id;
            c->kind = format_code(part_attr(&p, a, "formatCode"));
        }
        if (part_begins(&p, "cellXfs")) cells = !part_is_empty(&p);
        if (part_ends(&p, "cellXfs")) break;
        if (!cells || !part_begins(&p, "xf")) continue;
        if (!str_int(part_attr(&p, a, "numFmtId"), &id)) id = 0;
        unsigned kind = format_builtin(id);
        for (size_t i = 0; i < n && n < 5000; i++)
            if (custom[i].id == id) kind = custom[i].kind;
        add_style(r, kind);
    }
    return rc < 0 ? rc : 0;
}

static void reader_free(void *p)
{
    XlsxReader *r = p;
    part_close(&r->part);
    buf_done(&r->value);
    buf_done(&r->text);
}

int xlsx_open(Arena *a, int fd, XlsxReader **ret, Err *err)
{
    struct stat st;
    XlsxReader *r = ARENA_NEW(a, XlsxReader);
    r->a = a;
    r->size = fstat(fd, &st) == 0 ? st.st_size : 0;
    buf_init(&r->value, CSV_CELL_MAX);
    buf_init(&r->text, CSV_CELL_MAX);
    TRY(archive_open(a, fd, &r->zip, err));
    arena_defer(a, reader_free, r);
    TRY(find_book(r, err));
    TRY(read_book(r, err));
    TRY(read_relations(r, err));
    if (!r->n_sheets) return err_set(err, ERR_INPUT, "表格里没有工作表");
    TRY(read_styles(r, err));
    *ret = r;
    return 0;
}

size_t xlsx_sheets(const XlsxReader *r, const XlsxSheet **ret)
{
    *ret = r->shown;
    return r->n_sheets;
}

static int no_sheet(const XlsxReader *r, Str name, Err *err)
{
    Buf b;
    buf_init(&b, 200);
    for (size_t i = 0; i < r->n_sheets; i++)
        buf_addf(&b, "%s" STR_FMT, i ? "、" : "", STR_ARG(text_cut(r->shown[i].name, 20)));
    err_set(err, ERR_NOT_FOUND, "表格里没有工作表 “" STR_FMT "”", STR_ARG(text_cut(name, 40)));
    int rc = err_hint(err, "有：" STR_FMT, STR_ARG(text_cut_bytes(buf_str(&b), 200)));
    buf_done(&b);
    return rc;
}

int xlsx_sheet(XlsxReader *r, Str name, Err *err)
{
    size_t at = 0;
    while (at < r->n_sheets && (name.n ? !str_eq(r->shown[at].name, name) : r->shown[at].hidden)) at++;
    if (at == r->n_sheets && name.n) return no_sheet(r, name, err);
    if (at == r->n_sheets) at = 0; /* all are hidden */
    part_close(&r->part);
    r->at = at;
    r->end = false;
    r->last = 0;
    if (!r->strings) TRY(strings_load(r->a, r->zip, r->strings_part, &r->strings, err));
    int rc = part_open(r->zip, r->sheets[at].part, PART_SHEET, &r->part, err);
    r->open = rc == 0;
    return rc == -(int)ERR_NOT_FOUND ? err_set(err, ERR_INPUT, "表格里缺少工作表的内容") : rc;
}

Str xlsx_sheet_name(const XlsxReader *r) { return r->shown[r->at].name; }

int64_t xlsx_bytes_read(const XlsxReader *r)
{
    if (r->end || r->part.size <= 0) return r->end ? r->size : 0;
    double share = (double)r->part.read / (double)r->part.size;
    return (int64_t)((double)r->size * (share > 1 ? 1 : share));
}

/* --- rows ---------------------------------------------------------------------------------------------- */

typedef struct CellHead {
    size_t col;
    char type; /* s shared, i inline, t text of a formula, b, e, d, n */
    unsigned kind;
} CellHead;

/* "AB12" → 27; SIZE_MAX when it is none. */
static size_t column_of(Str ref)
{
    size_t col = 0, i = 0;
    for (; i < ref.n && i < 4 && ref.p[i] >= 'A' && ref.p[i] <= 'Z'; i++)
        col = col * 26 + (size_t)(ref.p[i] - 'A' + 1);
    return i && i < 4 ? col - 1 : SIZE_MAX;
}

static char type_of(Str t)
{
    return !t.n || str_is(t, "n")              ? 'n'
           : str_is(t, "s")                    ? 's'
           : str_is(t, "inlineStr")            ? 'i'
           : str_is(t, "str")                  ? 't'
           : t.n == 1 && strchr("bed", t.p[0]) ? t.p[0]
                                               : 't';
}

/* The attributes of <c>, looked through once. */
static CellHead cell_head(XlsxReader *r, size_t next)
{
    CellHead h = {next, 'n', NUMBER_PLAIN};
    xmlTextReaderPtr x = r->part.xml;
    while (xmlTextReaderMoveToNextAttribute(x) == 1) {
        Str name = str_c((const char *)xmlTextReaderConstLocalName(x));
        Str value = str_c((const char *)xmlTextReaderConstValue(x));
        int64_t style;
        if (str_is(name, "r") && column_of(value) != SIZE_MAX) h.col = column_of(value);
        if (str_is(name, "t")) h.type = type_of(value);
        if (str_is(name, "s") && str_int(value, &style) && style >= 0 && (size_t)style < r->n_styles)
            h.kind = r->styles[style];
    }
    xmlTextReaderMoveToElement(x);
    return h;
}

static void cell_value(XlsxReader *r, Arena *a, const CellHead *h, bool formula, XlsxCell *cell)
{
    Str v = buf_str(&r->value), shared;
    *cell = (XlsxCell){S(""), S("")};
    switch (h->type) {
    case 's':
        if (strings_get(r->strings, v, &shared))
            cell->text = str_dup(a, shared);
        else if (v.n)
            cell->fault = S("指向表格里没有的文字");
        break;
    case 'i': cell->text = str_dup(a, unescape_cell(a, buf_str(&r->text))); break;
    case 'b': cell->text = str_is(v, "1") || str_is(v, "true") ? S("true") : v.n ? S("false") : S(""); break;
    case 'e': cell->fault = str_fmt(a, "是公式的错误 " STR_FMT, STR_ARG(text_cut(v, 20))); break;
    case 'n': cell->text = number_cell(a, v, h->kind, r->since_1904, &cell->fault); break;
    default: cell->text = str_dup(a, unescape_cell(a, v)); break;
    }
    if (formula && !v.n && h->type == 'n')
        cell->fault = S("公式没有保存结果；用表格软件打开、保存一次再导入");
    if (r->value.over || r->text.over) cell->fault = S("内容太长");
    if (str_is(cell->text, XLSX_TOO_LONG))
        cell->fault = S("导出时超过单元格的长度，没有写入原值；这一列请用 CSV 或 NDJSON");
}

/* From <c> to </c>. */
static int read_cell(XlsxReader *r, Arena *a, const CellHead *h, XlsxCell *cell, Err *err)
{
    bool formula = false, aid = false;
    Buf *into = NULL;
    XmlPart *p = &r->part;
    int rc = 1;
    buf_clear(&r->value);
    buf_clear(&r->text);
    bool bare = part_is_empty(p);
    while (!bare && (rc = part_next(p, err)) > 0) {
        if (part_is_text(p)) {
            if (into && !aid) buf_add(into, part_text(p));
            continue;
        }
        if (part_ends(p, "c")) break;
        bool begins = xmlTextReaderNodeType(p->xml) == XML_READER_TYPE_ELEMENT;
        bool empty = begins && xmlTextReaderIsEmptyElement(p->xml) == 1;
        into = NULL;
        if (begins && part_begins(p, "f")) formula = true;
        if (begins && part_begins(p, "rPh")) aid = !empty;
        if (part_ends(p, "rPh")) aid = false;
        if (begins && !empty) into = part_begins(p, "v") ? &r->value : part_begins(p, "t") ? &r->text : NULL;
    }
    if (rc < 0) return rc;
    if (rc == 0) return err_set(err, ERR_INPUT, "表格文件不完整");
    cell_value(r, a, h, formula, cell);
    return 0;
}

/* From <row> to </row>. */
static int read_row(XlsxReader *r, Arena *a, XlsxRow *row, Err *err)
{
    XmlPart *p = &r->part;
    size_t next = 0, cap = 0;
    int64_t number = 0;
    int rc = 1;
    bool numbered = str_int(part_attr(p, a, "r"), &number) && number > r->last && number <= 2 * XLSX_ROWS_MAX;
    *row = (XlsxRow){.number = r->last = numbered ? number : r->last + 1};
    bool bare = part_is_empty(p);
    while (!bare && (rc = part_next(p, err)) > 0) {
        if (part_ends(p, "row")) break;
        if (!part_begins(p, "c")) continue;
        CellHead h = cell_head(r, next);
        XlsxCell cell;
        TRY(read_cell(r, a, &h, &cell, err));
        next = h.col + 1;
        if (!cell.text.n && !cell.fault.n) continue;
        if (h.col >= COLUMNS_MAX) { /* told where it is seen */
            h.col = COLUMNS_MAX;
            cell = (XlsxCell){S(""), S("列太多")};
        }
        if (h.col >= cap) {
            size_t more = h.col + 1 > cap * 2 ? h.col + 1 : cap * 2;
            XlsxCell *cells = ARENA_ARRAY(a, XlsxCell, more);
            if (row->n) memcpy(cells, row->cells, row->n * sizeof *cells);
            row->cells = cells;
            cap = more;
        }
        row->cells[h.col] = cell;
        if (h.col >= row->n) row->n = h.col + 1;
    }
    if (rc < 0) return rc;
    return rc == 0 ? err_set(err, ERR_INPUT, "表格文件不完整") : 0;
}

int xlsx_next(XlsxReader *r, Arena *a, XlsxRow *row, Err *err)
{
    int rc;
    if (!r->open || r->end) return 0;
    while ((rc = part_next(&r->part, err)) > 0) {
        if (part_ends(&r->part, "sheetData")) break;
        if (!part_begins(&r->part, "row")) continue;
        TRY(read_row(r, a, row, err));
        if (row->n) return 1;
    }
    if (rc < 0) return rc;
    r->end = true;
    return 0;
}
