/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A first look at a file of rows: its form, its header, samples of its columns, how many rows there may be.
 */
#include "model/import_look.h"

#include "model/xlsx.h"
#include <fcntl.h>
#include <unistd.h>

typedef struct Seen {
    SourceRow rows[LOOK_ROWS + LOOK_HEADER_ROWS];
    size_t n;
    bool whole; /* the file has no more */
} Seen;

static size_t filled(const SourceRow *row)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n; i++) n += str_trim(row->cells[i]).n > 0;
    return n;
}

/* The number of filled cells that most rows have. */
static size_t usual_width(const Seen *s, size_t n)
{
    size_t best = 0, width = 0;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0, w = filled(&s->rows[i]);
        for (size_t k = 0; k < n; k++) same += filled(&s->rows[k]) == w;
        if (same > best || (same == best && w > width)) best = same, width = w;
    }
    return width;
}

/* Names of fields decide; without any, the first row that is nearly as full as most: a title stands alone in
   its row. */
static size_t find_header(const Seen *s, const Entity *e)
{
    size_t n = s->n < LOOK_HEADER_ROWS ? s->n : LOOK_HEADER_ROWS, best = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t known = 0;
        for (size_t k = 0; k < s->rows[i].n; k++) {
            Str name = str_trim(s->rows[i].cells[k]);
            known += name.n && import_field(e, name) != NULL;
        }
        if (known > best && known * 3 >= filled(&s->rows[i])) best = known, at = i;
    }
    if (best) return at;
    size_t width = usual_width(s, n);
    for (size_t i = 0; i < n; i++)
        if (filled(&s->rows[i]) * 10 >= width * 6 && filled(&s->rows[i]) >= (width > 1 ? 2 : 1)) return i;
    return 0;
}

static int read_some(Source *src, Arena *a, Seen *s, Err *err)
{
    int rc = 1;
    while (s->n < sizeof s->rows / sizeof *s->rows && arena_used(a) < 32u << 20) {
        rc = source_is_json(src) ? source_next(src, a, &s->rows[s->n], err)
                                 : source_record(src, a, &s->rows[s->n], err);
        if (rc <= 0) break;
        s->n++;
    }
    s->whole = rc == 0;
    return rc < 0 && !s->n ? rc : 0; /* what breaks later is told by the import */
}

/* --- JSON: the members of the first rows --------------------------------------------------------------- */

static void add_members(Arena *a, const json_t *object, NameList *names)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        Str name = str_c(key);
        if (names->n < 2000 && name_find(names, name) == names->n)
            *ARENA_PUSH(a, names->items, names->n, names->cap) = str_dup(a, name);
    }
}

static void json_names(Source *src, Arena *a, Seen *s, NameList *names)
{
    for (size_t i = 0; i < s->n; i++) {
        json_t *tree;
        if (json_parse(a, s->rows[i].raw, &tree, NULL) < 0 || !json_is_object(tree)) continue;
        const json_t *props = json_object_get(tree, "properties");
        const char *type = json_string_value(json_object_get(tree, "type"));
        bool feature = type && !strcmp(type, "Feature") && json_is_object(props);
        add_members(a, feature ? props : tree, names);
        if (feature && json_object_get(tree, "geometry") && name_find(names, S("geometry")) == names->n)
            *ARENA_PUSH(a, names->items, names->n, names->cap) = S("geometry");
    }
    source_columns(src, names, false);
    for (size_t i = 0; i < s->n; i++)
        if (!s->rows[i].fault.n) source_parse(src, a, &s->rows[i]);
}

/* --- how many rows ----------------------------------------------------------------------------------------
 */

static int64_t count_lines(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    size_t size = 1 << 20;
    char *piece = xmalloc(size);
    int64_t lines = 0;
    ssize_t n;
    while ((n = read(fd, piece, size)) > 0)
        for (char *p = piece; (p = memchr(p, '\n', (size_t)(piece + n - p))); p++) lines++;
    free(piece);
    close(fd);
    return lines;
}

static bool is_packed(const char *path)
{
    unsigned char head[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool packed = fd >= 0 && read(fd, head, 2) == 2 && head[0] == 0x1F && head[1] == 0x8B;
    if (fd >= 0) close(fd);
    return packed;
}

static int64_t estimate(const Source *src, const char *path, const Seen *s, size_t above)
{
    int64_t below = (int64_t)(s->n - (above < s->n ? above : s->n));
    if (s->whole) return below;
    if (is_packed(path)) return -1;
    if (source_kind(src) == 'c') {
        int64_t lines = count_lines(path) - (int64_t)above;
        return lines > below ? lines : below;
    }
    double share = (double)source_read(src) / (double)(source_size(src) ? source_size(src) : 1);
    return share > 0 ? (int64_t)((double)below / share) : -1;
}

/* --- the look --------------------------------------------------------------------------------------------
 */

static void describe(Source *src, Arena *a, Look *ret)
{
    ret->form = (SourceForm){source_kind(src), source_separator(src), true, source_charset(src), S("")};
    if (!source_is_sheet(src)) return;
    const XlsxSheet *sheets;
    size_t n = xlsx_sheets(source_sheet(src), &sheets), cap = 0;
    ret->form.sheet = str_dup(a, xlsx_sheet_name(source_sheet(src)));
    for (size_t i = 0; i < n; i++)
        if (!sheets[i].hidden)
            *ARENA_PUSH(a, ret->sheets.items, ret->sheets.n, cap) = str_dup(a, sheets[i].name);
}

static void take_samples(Arena *a, const Seen *s, size_t first, Look *ret)
{
    for (size_t i = 0; i < ret->n; i++) {
        LookColumn *c = &ret->columns[i];
        c->samples = ARENA_ARRAY(a, Str, LOOK_SAMPLES);
        for (size_t r = first; r < s->n && c->n < LOOK_SAMPLES; r++) {
            if (i >= s->rows[r].n) continue;
            Str cell = str_trim(s->rows[r].cells[i]);
            if (cell.n) c->samples[c->n++] = str_dup(a, text_cut(cell, 60));
        }
    }
}

int import_look(Arena *a, const char *path, const SourceForm *form, int64_t header, const Entity *e,
                const Actor *who, Look *ret, Err *err)
{
    _cleanup_arena_ Arena *own = arena_new();
    Seen *s = ARENA_NEW(own, Seen);
    Source *src;
    NameList names = {0};
    size_t at = 0;
    *ret = (Look){0};
    TRY(source_open(own, path, form, &src, err));
    TRY(read_some(src, own, s, err));
    describe(src, a, ret);
    if (!s->n) return err_set(err, ERR_INPUT, "文件里没有内容"), err_hint(err, "第一行要是列名");
    if (source_is_json(src))
        json_names(src, own, s, &names);
    else {
        if (!header) at = find_header(s, e);
        while (header && at + 1 < s->n &&
               (source_is_sheet(src) ? s->rows[at].number < header : (int64_t)at + 1 < header))
            at++;
        ret->header = s->rows[at].number;
        for (size_t i = 0; i < s->rows[at].n; i++)
            *ARENA_PUSH(own, names.items, names.n, names.cap) = str_trim(s->rows[at].cells[i]);
        import_distinct_names(own, &names);
        at++;
    }
    ret->n = names.n;
    ret->columns = ARENA_ARRAY(a, LookColumn, names.n + 1);
    for (size_t i = 0; i < names.n; i++) ret->columns[i].name = str_dup(a, names.items[i]);
    take_samples(a, s, at, ret);
    ret->rows = estimate(src, path, s, at);
    if (!who) return 0;
    Str **cells = ARENA_ARRAY(own, Str *, s->n + 1);
    size_t n = 0;
    for (size_t i = at; i < s->n; i++)
        if (s->rows[i].n == names.n && !s->rows[i].fault.n) cells[n++] = s->rows[i].cells;
    import_suggest(a, e, who, ret->columns, ret->n, cells, n);
    return 0;
}
