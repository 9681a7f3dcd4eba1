/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The CSV grammar over a sliding window of UTF-8 text (csv_input.c fills it). A record is first measured
 * (where does it end, is it whole), then cut into cells; nothing of it is copied unless quotes must go. When
 * a quoted cell does not end, the record is given up at its own first line end, and reading goes on at the
 * next line.
 *
 * The window holds at most one record and one piece of input: a cell that could still be closed beyond
 * CSV_RECORD_MAX is declared broken, so memory stays flat.
 */
#include "base/csv_int.h"

/* What the measuring pass found. */
typedef struct Extent {
    size_t end;       /* of the record's text, without the line end */
    size_t next;      /* where the next record begins */
    size_t first_end; /* end of its first physical line, and what follows it */
    size_t first_next;
    int64_t lines; /* physical lines it covers */
    bool broken;   /* a quoted cell does not end */
    bool too_long; /* next == 0: and its end has not been seen */
} Extent;

static bool more(CsvReader *r, size_t at, Err *err, int *rc)
{
    while (at >= r->win_n && !r->eof && *rc == 0) *rc = csv_fill(r, err);
    return *rc == 0 && at < r->win_n;
}

/* Length of the line end at `at` (1 or 2). May need one more byte. */
static size_t line_end(CsvReader *r, size_t at, Err *err, int *rc)
{
    if (r->win[at] == '\n') return 1;
    return more(r, at + 1, err, rc) && r->win[at + 1] == '\n' ? 2 : 1;
}

typedef enum Where { CELL_START, PLAIN, QUOTED, QUOTE_SEEN, CLOSED } Where;

/* A quote followed by a quote is one quote; by the cell's end or spaces, it closes; by anything else, it was
   text and the whole cell is taken as it stands (PLAIN). */
static Where step(Where w, char c, char sep)
{
    switch (w) {
    case CELL_START: return c == sep ? CELL_START : c == '"' ? QUOTED : PLAIN;
    case PLAIN: return c == sep ? CELL_START : PLAIN;
    case QUOTED: return c == '"' ? QUOTE_SEEN : QUOTED;
    case QUOTE_SEEN: return c == '"' ? QUOTED : c == sep ? CELL_START : c == ' ' ? CLOSED : PLAIN;
    case CLOSED: return c == sep ? CELL_START : c == ' ' ? CLOSED : PLAIN;
    }
    return PLAIN;
}

static Str repaired(CsvReader *r, Str s)
{
    if (text_valid(s)) return s;
    Buf b;
    buf_init(&b, s.n * 3);
    text_repair(&b, s);
    Str out = buf_dup(r->arena, &b);
    buf_done(&b);
    return out;
}

/* Bytes up to the end of the record, following quotes across lines. A quoted cell that reaches over a line
   end and then has text behind its closing quote was most likely never closed: the quote seen belongs to a
   later record. */
static int measure(CsvReader *r, Extent *x, Err *err)
{
    Where w = CELL_START;
    size_t cell = 0, line = 0;
    int rc = 0;
    *x = (Extent){.lines = 1};
    for (size_t i = 0; more(r, i, err, &rc); i++) {
        char c = r->win[i];
        bool over = i > CSV_RECORD_MAX || i - cell > CSV_CELL_MAX;
        if (c == '\n' || c == '\r') {
            size_t len = line_end(r, i, err, &rc);
            if (!line) x->first_end = i, x->first_next = i + len;
            x->end = i;
            x->next = i + len;
            x->too_long = over;
            if (w != QUOTED || over) return rc;
            line = x->next;
            x->lines++;
            i += len - 1;
            continue;
        }
        if (over) {
            x->broken = line > 0;
            x->too_long = !line;
            return rc;
        }
        Where next = step(w, c, r->sep);
        if (next == PLAIN && w != PLAIN && cell < line) {
            x->broken = true;
            return rc;
        }
        if (next == CELL_START) cell = i + 1;
        w = next;
    }
    x->end = x->next = r->win_n;
    if (!line) x->first_end = x->first_next = r->win_n;
    x->broken = w == QUOTED;
    return rc;
}

/* One line longer than the caps: dropped piece by piece up to its end, keeping what fits of its beginning. */
static int drop_long_line(CsvReader *r, CsvRecord *rec, Err *err)
{
    int rc = 0;
    size_t at = CSV_CELL_MAX;
    rec->raw = str_dup(r->arena, repaired(r, text_cut_bytes(str_n(r->win, at), at)));
    while (more(r, at, err, &rc)) {
        if (r->win[at] == '\n' || r->win[at] == '\r') {
            csv_consume(r, at + line_end(r, at, err, &rc));
            return rc;
        }
        if (++at >= CSV_DETECT) csv_consume(r, at), at = 0;
    }
    csv_consume(r, at < r->win_n ? at : r->win_n);
    return rc;
}

/* Cell text between quotes, "" → ". Only called when there is one inside. */
static Str unquote(Arena *a, Str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        out[n++] = s.p[i];
        if (s.p[i] == '"' && i + 1 < s.n && s.p[i + 1] == '"') i++;
    }
    return str_n(out, n);
}

/* The cell that begins at *at; moves *at behind its separator (n + 1 at the end). */
static Str next_cell(CsvReader *r, Str line, size_t *at)
{
    Where w = CELL_START;
    size_t from = *at, i = from, close = 0;
    for (; i < line.n; i++) {
        Where next = step(w, line.p[i], r->sep);
        if (next == CELL_START) break;
        if (next == QUOTE_SEEN) close = i;
        w = next;
    }
    *at = i + 1;
    if (from >= line.n || line.p[from] != '"' || i == from) return str_n(line.p + from, i - from);
    if (w != QUOTE_SEEN && w != CLOSED) return str_n(line.p + from, i - from);
    Str inner = str_n(line.p + from + 1, close - from - 1);
    return str_find(inner, '"') < 0 ? inner : unquote(r->arena, inner);
}

static void mark_bytes(CsvReader *r, CsvRecord *rec, Str *cell, size_t index)
{
    ptrdiff_t at = text_invalid_at(*cell), nul = str_find(*cell, 0);
    bool replaced = false;
    if (nul >= 0 && (at < 0 || nul < at)) at = nul; /* no database keeps a NUL in a text */
    if (at < 0 && r->gb_bad_seen) {                 /* GB18030 was repaired on the way in */
        at = str_find_str(*cell, S("\xEF\xBF\xBD"));
        replaced = true;
    }
    if (at < 0) return;
    if (rec->fault == CSV_OK) {
        rec->fault = CSV_BAD_BYTES;
        rec->bad_cell = index;
        rec->bad_at = (size_t)at;
    }
    if (replaced) return;
    Buf fixed;
    buf_init(&fixed, cell->n * 3);
    text_repair(&fixed, *cell);
    *cell = buf_dup(r->arena, &fixed);
    for (size_t i = 0; i < cell->n; i++)
        if (!cell->p[i]) ((char *)(uintptr_t)cell->p)[i] = ' ';
    buf_done(&fixed);
}

static void cut(CsvReader *r, CsvRecord *rec, Str line)
{
    size_t at = 0, n = 0;
    bool all_valid = !r->gb_bad_seen && text_valid(line) && str_find(line, 0) < 0;
    while (at <= line.n) {
        if (n == CSV_COLUMNS_MAX) {
            rec->fault = CSV_TOO_WIDE;
            break;
        }
        Str cell = next_cell(r, line, &at);
        if (!all_valid) mark_bytes(r, rec, &cell, n);
        r->cells[n++] = cell;
    }
    rec->cells = r->cells;
    rec->n = n;
}

static void begin_record(CsvReader *r, CsvRecord *rec)
{
    csv_consume(r, r->pending);
    r->pending = 0;
    arena_free(r->arena);
    r->arena = arena_new();
    *rec = (CsvRecord){.cells = r->cells, .line = r->line + 1, .offset = r->offset};
}

/* Blank lines between records. */
static int skip_blank(CsvReader *r, Err *err)
{
    int rc = 0;
    while (more(r, 0, err, &rc) && (r->win[0] == '\n' || r->win[0] == '\r')) {
        csv_consume(r, line_end(r, 0, err, &rc));
        r->line++;
    }
    return rc;
}

int csv_next(CsvReader *r, CsvRecord *rec, Err *err)
{
    begin_record(r, rec);
    TRY(skip_blank(r, err));
    int rc = 0;
    if (!more(r, 0, err, &rc)) return rc;
    rec->line = r->line + 1;
    rec->offset = r->offset;
    rec->number = ++r->number;
    Extent x;
    TRY(measure(r, &x, err));
    if (x.broken) {
        rec->fault = CSV_BAD_QUOTE;
        rec->raw = repaired(r, str_n(r->win, x.first_end));
        r->pending = x.first_next;
        r->line++;
        return 1;
    }
    if (x.too_long) {
        rec->fault = CSV_TOO_LONG;
        r->line += x.lines;
        if (!x.next) {
            TRY(drop_long_line(r, rec, err));
            return 1;
        }
        rec->raw = repaired(r, text_cut_bytes(str_n(r->win, x.end), CSV_CELL_MAX));
        r->pending = x.next;
        return 1;
    }
    Str whole = str_n(r->win, x.end);
    cut(r, rec, whole);
    rec->raw = rec->fault == CSV_OK ? whole : repaired(r, whole);
    r->pending = x.next;
    r->line += x.lines;
    return 1;
}

Str csv_fault_text(Arena *a, const CsvRecord *rec)
{
    long long line = (long long)rec->line;
    switch (rec->fault) {
    case CSV_BAD_QUOTE: return str_fmt(a, "第 %lld 行的引号没有配对，请补上或去掉多余的引号", line);
    case CSV_BAD_BYTES:
        return str_fmt(a, "第 %lld 行第 %zu 列第 %zu 字节起不是有效的文字，请按原件重新填写", line,
                       rec->bad_cell + 1, rec->bad_at + 1);
    case CSV_TOO_LONG:
        return str_fmt(a, "第 %lld 行太长，一个单元格最多 %d 字节，一条记录最多 %d 字节", line, CSV_CELL_MAX,
                       CSV_RECORD_MAX);
    case CSV_TOO_WIDE: return str_fmt(a, "第 %lld 行的列太多，最多 %d 列", line, CSV_COLUMNS_MAX);
    case CSV_OK:
    case CSV_FAULT_N: break;
    }
    return S("");
}

static bool needs_quotes(Str cell)
{
    if (!cell.n) return false;
    if (cell.p[0] == ' ' || cell.p[cell.n - 1] == ' ') return true;
    for (size_t i = 0; i < cell.n; i++)
        if (cell.p[i] == ',' || cell.p[i] == '"' || cell.p[i] == '\n' || cell.p[i] == '\r') return true;
    return false;
}

void csv_write_cell(Buf *out, Str cell, bool first)
{
    if (!first) buf_addc(out, ',');
    if (!needs_quotes(cell)) {
        buf_add(out, cell);
        return;
    }
    buf_addc(out, '"');
    for (ptrdiff_t at; (at = str_find(cell, '"')) >= 0; cell = str_from(cell, (size_t)at + 1)) {
        buf_add(out, str_n(cell.p, (size_t)at));
        buf_adds(out, "\"\"");
    }
    buf_add(out, cell);
    buf_addc(out, '"');
}

void csv_write_end(Buf *out) { buf_adds(out, "\r\n"); }

void csv_write_record(Buf *out, const Str *cells, size_t n)
{
    /* A record of one empty cell would read as a blank line. */
    if (n == 1 && !cells[0].n)
        buf_adds(out, "\"\"");
    else
        for (size_t i = 0; i < n; i++) csv_write_cell(out, cells[i], i == 0);
    csv_write_end(out);
}
