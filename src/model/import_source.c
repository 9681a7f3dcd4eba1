/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Where rows come from: CSV and sheets by columns, JSON by members, all as cells in a fixed order. */
#include "model/import_int.h"

#include "base/csv.h"
#include "base/text.h"
#include "model/xlsx.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { HEAD = 4096 };

const char *const import_marks[3] = {"row", "field", "reason"};

struct Source {
    int64_t size, number;
    CsvReader *csv;
    JsonSource *json;
    XlsxReader *sheet;
    Buf text; /* JSON: the row at hand */
    NameList columns;
    bool strict;
    const ImportMap *map;
};

static void close_csv(void *p) { csv_close(p); }
static void close_text(void *p) { buf_done(p); }
static void close_fd(void *p) { close((int)(intptr_t)p); }

/* 'c' CSV, 'j' JSON, 'x' a workbook, 0 not told by the name. */
char source_kind_of_name(Str s)
{
    static const struct {
        const char *ending;
        char kind;
    } rows[] = {{".csv", 'c'},     {".tsv", 'c'},  {".txt", 'c'},  {".ndjson", 'j'}, {".jsonl", 'j'},
                {".geojson", 'j'}, {".json", 'j'}, {".xlsx", 'x'}, {".xlsm", 'x'}};
    if (str_ends(s, S(".gz"))) s.n -= 3;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str e = str_c(rows[i].ending);
        if (s.n > e.n && str_ieq(str_from(s, s.n - e.n), e)) return rows[i].kind;
    }
    return 0;
}

static char kind_by_content(int fd)
{
    char head[HEAD];
    int own = dup(fd);
    gzFile gz = own < 0 ? NULL : gzdopen(own, "rb");
    int n = gz ? gzread(gz, head, sizeof head) : 0;
    if (gz) gzclose(gz);
    if (!gz && own >= 0) close(own);
    if (lseek(fd, 0, SEEK_SET) < 0) return 'c';
    Str s = str_n(head, n > 0 ? (size_t)n : 0);
    if (xlsx_looks_like(s)) return 'x';
    if (str_starts(s, S("\xEF\xBB\xBF"))) s = str_from(s, 3);
    s = str_trim(s);
    return s.n && (s.p[0] == '{' || s.p[0] == '[') ? 'j' : 'c';
}

int source_open(Arena *a, const char *path, const SourceForm *form, Source **ret, Err *err)
{
    static const SourceForm none;
    Source *s = ARENA_NEW(a, Source);
    struct stat st;
    if (!form) form = &none;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "打不开文件 “%s”：%s", path,
                       strerror(errno));
    arena_defer(a, close_fd, (void *)(intptr_t)fd);
    if (fstat(fd, &st) == 0) s->size = st.st_size;
    if (S_ISDIR(st.st_mode)) return err_set(err, ERR_INPUT, "“%s” 是文件夹，不是文件", path);
    char kind = form->kind ? form->kind : source_kind_of_name(str_c(path));
    if (!kind) kind = kind_by_content(fd);
    buf_init(&s->text, IMPORT_ROW_MAX);
    arena_defer(a, close_text, &s->text);
    *ret = s;
    if (kind == 'j') return json_source_open(a, fd, &s->json, err);
    if (kind == 'x') {
        TRY(xlsx_open(a, fd, &s->sheet, err));
        return xlsx_sheet(s->sheet, form->sheet, err);
    }
    CsvOptions o = {form->sep, !form->sep, form->charset_given, form->charset};
    TRY(csv_open_fd(fd, &o, &s->csv, err));
    arena_defer(a, close_csv, s->csv);
    return 0;
}

bool source_is_sheet(const Source *s) { return s && s->sheet; }
char source_kind(const Source *s) { return s->json ? 'j' : s->sheet ? 'x' : 'c'; }
Charset source_charset(const Source *s) { return s->csv ? csv_charset(s->csv) : CHARSET_UTF8; }
char source_separator(const Source *s) { return s->csv ? csv_separator(s->csv) : 0; }
struct XlsxReader *source_sheet(const Source *s) { return s->sheet; }
bool source_is_json(const Source *s) { return s && s->json; }
int64_t source_size(const Source *s) { return s->size; }
int64_t source_read(const Source *s)
{
    return s->json    ? json_source_read(s->json)
           : s->sheet ? xlsx_bytes_read(s->sheet)
                      : csv_bytes_read(s->csv);
}

/* --- CSV and sheets ---------------------------------------------------------------------------- */

static bool dropped(const ImportMap *map, int64_t number)
{
    for (size_t i = 0; map && i < map->n_skip; i++)
        if (map->skip_lines[i] == number) return true;
    return false;
}

/* The last line of an export of sensitive data (record_watermark): it names who took it and is no row. */
static bool is_watermark(const SourceRow *row)
{
    return row->n && !row->fault.n && str_starts(row->cells[0], S(EXPORT_WATERMARK)) &&
           (row->n == 1 || !row->cells[1].n);
}

static int csv_record(Source *s, Arena *a, SourceRow *row, Err *err)
{
    CsvRecord rec;
    int rc = csv_next(s->csv, &rec, err);
    if (rc <= 0) return rc;
    size_t bytes = 0;
    *row = (SourceRow){.n = rec.n, .number = rec.number, .bad_cell = SIZE_MAX};
    for (size_t i = 0; i < rec.n; i++) bytes += rec.cells[i].n;
    row->cells = ARENA_ARRAY(a, Str, rec.n + 1);
    char *p = arena_alloc(a, bytes + 1);
    for (size_t i = 0; i < rec.n; i++) {
        if (rec.cells[i].n) memcpy(p, rec.cells[i].p, rec.cells[i].n);
        row->cells[i] = str_n(p, rec.cells[i].n);
        p += rec.cells[i].n;
    }
    if (!rec.fault) return 1;
    row->fault = csv_fault_text(a, &rec);
    if (rec.fault == CSV_BAD_BYTES)
        row->bad_cell = rec.bad_cell;
    else
        row->n = 0, row->raw = str_dup(a, rec.raw);
    return 1;
}

/* As wide as the header: cells behind that are empty do not stand in the file. */
static int sheet_record(Source *s, Arena *a, SourceRow *row, Err *err)
{
    XlsxRow x;
    int rc = xlsx_next(s->sheet, a, &x, err);
    if (rc <= 0) return rc;
    size_t n = x.n > s->columns.n ? x.n : s->columns.n;
    *row = (SourceRow){.n = n, .number = x.number, .bad_cell = SIZE_MAX, .cells = ARENA_ARRAY(a, Str, n + 1)};
    for (size_t i = 0; i < n; i++) row->cells[i] = S("");
    for (size_t i = 0; i < x.n; i++) {
        if (x.cells[i].text.n) row->cells[i] = x.cells[i].text;
        if (!x.cells[i].fault.n || row->fault.n) continue;
        row->bad_cell = i;
        row->fault = str_fmt(a, "第 %lld 行 " STR_FMT " 列" STR_FMT, (long long)x.number,
                             STR_ARG(xlsx_column_name(a, i)), STR_ARG(x.cells[i].fault));
    }
    return 1;
}

int source_record(Source *s, Arena *a, SourceRow *row, Err *err)
{
    return s->sheet ? sheet_record(s, a, row, err) : csv_record(s, a, row, err);
}

/* The header of a file of rejected rows; *n without the empty cells that a spreadsheet puts behind it. */
static bool is_marked(const SourceRow *rec, size_t *n)
{
    size_t last = rec->n;
    while (last && !str_trim(rec->cells[last - 1]).n) last--;
    if (last <= 3) return false;
    for (size_t k = 0; k < 3; k++)
        if (!str_is(str_trim(rec->cells[last - 3 + k]), import_marks[k])) return false;
    *n = last;
    return true;
}

/* The record that holds the header. A file of rejected rows has its header first and no lines to drop,
   whatever the map says of the original. In a sheet the header is named by its row. */
static int find_header(Source *s, Arena *a, const ImportMap *map, SourceRow *rec, size_t *n, bool *marks,
                       Err *err)
{
    int64_t left = map ? map->header : 1;
    int rc;
    for (bool first = true; (rc = source_record(s, a, rec, err)) > 0; first = false) {
        *n = rec->n;
        *marks = first && !rec->fault.n && is_marked(rec, n);
        if (*marks) return 1;
        if (s->sheet ? rec->number >= left : !dropped(map, rec->number) && --left == 0) break;
    }
    s->map = map;
    return rc;
}

int source_header(Source *s, Arena *life, const ImportMap *map, NameList *columns, bool *marks, Err *err)
{
    SourceRow rec;
    size_t n = 0;
    _cleanup_arena_ Arena *a = arena_new();
    int rc = find_header(s, a, map, &rec, &n, marks, err);
    TRY(rc);
    if (rc == 0) return err_set(err, ERR_INPUT, "文件里没有表头"), err_hint(err, "第一行要是列名");
    if (rec.fault.n) return err_set(err, ERR_INPUT, "表头读不出来：" STR_FMT, STR_ARG(rec.fault));
    for (size_t i = 0; i < n; i++)
        *ARENA_PUSH(life, columns->items, columns->n, columns->cap) = str_dup(life, str_trim(rec.cells[i]));
    s->columns = *columns;
    return 0;
}

static int next_record(Source *s, Arena *a, SourceRow *row, Err *err)
{
    int rc;
    do rc = source_record(s, a, row, err);
    while (rc > 0 && (dropped(s->map, row->number) || is_watermark(row)));
    return rc;
}

/* --- JSON -------------------------------------------------------------------------------------- */

void source_columns(Source *s, const NameList *columns, bool strict)
{
    s->columns = *columns;
    s->strict = strict;
}

static Str number_text(Arena *a, double r)
{
    double back;
    Str s = str_fmt(a, "%.15g", r);
    return str_real(s, &back) && back == r ? s : str_fmt(a, "%.17g", r);
}

static void free_text(void *p) { free(p); }

/* As a cell: what is no single value stays JSON. */
static Str cell_text(Arena *a, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_STRING: return str_n(json_string_value(j), json_string_length(j));
    case JSON_INTEGER: return str_fmt(a, "%lld", (long long)json_integer_value(j));
    case JSON_REAL: return number_text(a, json_real_value(j));
    case JSON_TRUE: return S("true");
    case JSON_FALSE: return S("false");
    case JSON_NULL: return S("");
    default: {
        char *text = json_dumps(j, JSON_COMPACT);
        if (!text) return S("");
        arena_defer(a, free_text, text);
        return str_c(text);
    }
    }
}

/* Members that a file of rejected rows has more than the original; the prefix is used where the original has
 * such itself. */
static const char *marks_of(const json_t *object)
{
    static const char *const prefixes[] = {"import_", ""};
    for (size_t i = 0; i < 2; i++) {
        char names[3][24];
        for (size_t k = 0; k < 3; k++)
            snprintf(names[k], sizeof names[k], "%s%s", prefixes[i], import_marks[k]);
        if (json_object_get(object, names[0]) && json_object_get(object, names[1]) &&
            json_object_get(object, names[2]))
            return prefixes[i];
    }
    return NULL;
}

static bool is_mark(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(key, prefix, n) != 0) return false;
    for (size_t k = 0; k < 3; k++)
        if (!strcmp(key + n, import_marks[k])) return true;
    return false;
}

static void take(const Source *s, Arena *a, SourceRow *row, const char *key, const json_t *value,
                 const char *marks)
{
    if (marks && is_mark(key, marks)) return;
    size_t i = name_find(&s->columns, str_c(key));
    if (i < s->columns.n) {
        row->vals[i] = value;
        row->cells[i] = cell_text(a, value);
    } else if (s->strict && !row->fault.n) {
        Str name = str_c(key);
        ptrdiff_t near = text_nearest(name, s->columns.items, s->columns.n);
        row->fault = near >= 0 ? str_fmt(a, "没有字段 “" STR_FMT "”；是不是 “" STR_FMT "”",
                                         STR_ARG(text_cut(name, 48)), STR_ARG(s->columns.items[near]))
                               : str_fmt(a, "没有字段 “" STR_FMT "”", STR_ARG(text_cut(name, 48)));
    }
}

void source_parse(const Source *s, Arena *a, SourceRow *row)
{
    Err err = ERR_INIT;
    json_t *tree;
    const char *key;
    json_t *value;
    row->n = s->columns.n;
    row->cells = ARENA_ARRAY(a, Str, row->n + 1);
    row->vals = ARENA_ARRAY(a, const json_t *, row->n + 1);
    if (row->fault.n) return;
    if (json_parse(a, row->raw, &tree, &err) < 0) {
        row->fault = str_dup(a, str_c(err.msg));
        return;
    }
    if (!json_is_object(tree)) {
        row->fault = S("每一行要是一个对象 { … }");
        return;
    }
    const char *marks = marks_of(tree);
    const char *type = json_string_value(json_object_get(tree, "type"));
    const json_t *props = json_object_get(tree, "properties");
    if (type && !strcmp(type, "Feature") && (json_is_object(props) || json_is_null(props))) {
        json_t *geometry = json_object_get(tree, "geometry"), *id = json_object_get(tree, "id");
        if (geometry) take(s, a, row, "geometry", geometry, NULL);
        if (id && !json_object_get(props, "id")) take(s, a, row, "id", id, NULL);
        if (json_is_null(props)) return;
        tree = (json_t *)(uintptr_t)props;
    }
    json_object_foreach(tree, key, value) take(s, a, row, key, value, marks);
}

static int next_json(Source *s, Arena *a, SourceRow *row, Err *err)
{
    const char *fault;
    int rc = json_source_next(s->json, &s->text, &fault, err);
    if (rc <= 0) return rc;
    *row = (SourceRow){.number = ++s->number,
                       .bad_cell = SIZE_MAX,
                       .fault = str_c(fault),
                       .raw = str_dup(a, buf_str(&s->text))};
    source_parse(s, a, row);
    return 1;
}

int source_next(Source *s, Arena *a, SourceRow *row, Err *err)
{
    return s->json ? next_json(s, a, row, err) : next_record(s, a, row, err);
}
