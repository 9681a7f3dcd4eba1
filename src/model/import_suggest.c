/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Which field a column may be: by its name, by how near its name is to a title, by what its values are. Each
 * pair gets a score; pairs are taken best first, a field and a column once. A column whose values the field
 * mostly refuses is never suggested, whatever it is called.
 */
#include "model/import_look.h"

#include "base/ident.h"
#include "base/normal.h"
#include "model/value.h"

enum { FIELDS_MAX = 1000, VALUES_MAX = 60, CHARS_MAX = 64 };

/* Without white space, brackets and what stands in them; full-width forms as half. */
static size_t plain_chars(Arena *a, Str s, uint32_t ret[CHARS_MAX])
{
    size_t n = 0, deep = 0;
    s = text_half_width(a, text_tidy(a, s));
    for (size_t i = 0, len; i < s.n && n < CHARS_MAX; i += len ? len : 1) {
        uint32_t c = 0;
        len = text_decode(str_from(s, i), &c);
        if (c == '(' || c == '[' || c == 0x3010)
            deep++;
        else if (c == ')' || c == ']' || c == 0x3011)
            deep -= deep > 0;
        else if (!deep && c > ' ' && !strchr("-_.:/*", (int)(c < 128 ? c : 'x')))
            ret[n++] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    return n;
}

/* Pairs of neighbouring characters in common (Dice's coefficient); one name inside the other counts more. */
static double alike(Arena *a, Str x, Str y)
{
    uint32_t p[CHARS_MAX], q[CHARS_MAX];
    size_t n = plain_chars(a, x, p), m = plain_chars(a, y, q), common = 0;
    bool used[CHARS_MAX] = {false};
    if (!n || !m) return 0;
    if (n == m && !memcmp(p, q, n * sizeof *p)) return 1;
    for (size_t i = 0; i + 1 < n; i++)
        for (size_t j = 0; j + 1 < m; j++)
            if (!used[j] && p[i] == q[j] && p[i + 1] == q[j + 1]) {
                used[j] = true;
                common++;
                break;
            }
    double dice = n > 1 && m > 1 ? 2.0 * (double)common / (double)(n + m - 2) : 0;
    size_t least = n < m ? n : m, most = n < m ? m : n;
    bool inside = least >= 2 && common == least - 1;
    double contained = inside ? 0.5 + 0.5 * (double)least / (double)most : 0;
    return dice > contained ? dice : contained;
}

/* What of a column's values the field takes; -1 without values. */
static double taken(const Field *f, Str *const *cells, size_t n_rows, size_t col)
{
    size_t n = 0, good = 0;
    for (size_t r = 0; r < n_rows && n < VALUES_MAX; r++) {
        Str cell = cells[r][col];
        if (!cell.p || normal_is_empty(cell)) continue;
        _cleanup_arena_ Arena *a = arena_new();
        StrList list;
        Val v;
        n++;
        good += (f->storage == STORE_LINK ? values_from_text(a, f, cell, &list, NULL)
                                          : value_import(a, f, cell, &v, NULL)) == 0;
    }
    return n ? (double)good / (double)n : -1;
}

/* What values of this form are called; NULL where the form tells nothing. */
static const char *content_name(const Field *f)
{
    switch (f->type) {
    case F_CREDIT_CODE: return "内容像信用代码";
    case F_PERSON_ID: return "内容像身份证号";
    case F_PHONE: return "内容像电话";
    case F_EMAIL: return "内容像邮箱";
    case F_URL: return "内容像网址";
    case F_DATE: return "内容像日期";
    case F_DATETIME: return "内容像时间";
    case F_ENUM: return "内容是代码表里的值";
    default: return NULL;
    }
}

static bool form_is_sure(const Field *f) { return f->type == F_CREDIT_CODE || f->type == F_PERSON_ID; }

/* The only field of its type: then the form of the values says which one it is. */
static bool is_only(const Entity *e, const Field *f)
{
    for (size_t i = 0; i < e->n; i++)
        if (&e->fields[i] != f && e->fields[i].type == f->type) return false;
    return true;
}

typedef struct Pair {
    double score;
    size_t col;
    const Field *field;
    Str why;
} Pair;

static Pair judge(Arena *a, const Entity *e, const Field *f, const LookColumn *c, size_t col,
                  Str *const *cells, size_t n_rows)
{
    Pair p = {0, col, f, S("")};
    double good = taken(f, cells, n_rows, col);
    const char *form = content_name(f);
    if (str_eq(c->name, f->name) || str_eq(c->name, f->title)) return p.score = 3, p.why = S("名称相同"), p;
    if (good >= 0 && good < 0.3) return p;
    double near = alike(a, c->name, f->title), by_name = alike(a, c->name, f->name);
    if (by_name > near) near = by_name;
    bool looks = form && good >= 0.8;
    if (near >= 0.5)
        p.score = 1 + near + (looks ? 0.3 : 0), p.why = S("标题相近");
    else if (looks && (form_is_sure(f) || near >= 0.25 || (is_only(e, f) && f->type != F_ENUM)))
        p.score = 0.8 + near + (form_is_sure(f) ? 0.2 : 0), p.why = str_c(form);
    return p;
}

static int best_first(const void *x, const void *y)
{
    const Pair *a = x, *b = y;
    return a->score > b->score ? -1 : a->score < b->score ? 1 : a->col < b->col ? -1 : a->col > b->col;
}

void import_suggest(Arena *a, const Entity *e, const Actor *who, LookColumn *columns, size_t n,
                    Str *const *cells, size_t n_rows)
{
    _cleanup_arena_ Arena *own = arena_new();
    Pair *pairs = NULL;
    size_t n_pairs = 0, cap = 0;
    bool *done = ARENA_ARRAY(own, bool, e->n + 1);
    for (size_t i = 0; i < e->n && i < FIELDS_MAX; i++) {
        const Field *f = &e->fields[i];
        if (f->expr.n || access_hides(who, f) || !access_writes(who, f)) continue;
        for (size_t c = 0; c < n; c++) {
            Pair p = judge(own, e, f, &columns[c], c, cells, n_rows);
            if (f->storage == STORE_GEO && str_is(columns[c].name, "geometry"))
                p = (Pair){2, c, f, S("GeoJSON 的几何")};
            if (p.score > 0) *ARENA_PUSH(own, pairs, n_pairs, cap) = p;
        }
    }
    if (n_pairs) qsort(pairs, n_pairs, sizeof *pairs, best_first);
    for (size_t i = 0; i < n_pairs; i++) {
        LookColumn *c = &columns[pairs[i].col];
        if (c->field || done[pairs[i].field->i]) continue;
        c->field = pairs[i].field;
        c->why = str_dup(a, pairs[i].why);
        done[c->field->i] = true;
    }
}
