/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * How well a record answers: BM25F (Robertson and Zaragoza, 2009, §3.6) with one document frequency for all
 * words, since every hit has all of them: the sum over words of tf / (K1 + tf), tf being the weighted count
 * in the fields, shortened by the field's length. Then what a person expects of a register: the whole query
 * is the name, begins it, stands in it as written, or is the record's key.
 */
#include "model/search_int.h"

enum { SPANS_MAX = 32 };
#define K1     1.2
#define B      0.75
#define LENGTH 12.0 /* of a usual name, in characters */

static double weight(const Field *f)
{
    return f == f->owner->label ? 6 : search_is_name(f) ? 4 : f == f->owner->key ? 5 : 1;
}

static bool begins(const SearchText *t, const SearchText *q)
{
    return q->n <= t->n && !memcmp(t->cp, q->cp, q->n * sizeof *q->cp);
}

static double bonus(const SearchField *f, const SearchQuery *q)
{
    const Field *of = f->field;
    SearchWord whole = {.text = q->whole};
    SearchSpan one;
    if (of != of->owner->label && of != of->owner->key) return 0;
    if (!q->whole.n) return 0;
    if (begins(&f->folded, &q->whole)) return f->folded.n == q->whole.n ? 4 : 2;
    return search_find(&f->folded, &whole, false, &one, 1) ? 1 : 0;
}

static int by_place(const void *pa, const void *pb)
{
    const SearchSpan *x = pa, *y = pb;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Sorted, and what overlaps or touches made one. */
static void join_spans(SearchField *f)
{
    size_t n = 0;
    SearchSpan *s = f->spans.items;
    qsort(s, f->spans.n, sizeof *s, by_place);
    for (size_t i = 0; i < f->spans.n; i++)
        if (n && s[i].from <= s[n - 1].to)
            s[n - 1].to = s[i].to > s[n - 1].to ? s[i].to : s[n - 1].to;
        else
            s[n++] = s[i];
    f->spans.n = n;
}

bool search_rank(Arena *a, const SearchQuery *q, SearchField *fields, size_t n, SearchHit *hit)
{
    for (size_t i = 0; i < n; i++) {
        fields[i].folded = search_text(a, fields[i].text, SEARCH_FIELD_MAX);
        fields[i].spans.items = ARENA_ARRAY(a, SearchSpan, SPANS_MAX * q->n + 1);
    }
    for (size_t w = 0; w < q->n; w++) {
        double tf = 0;
        for (size_t i = 0; i < n; i++) {
            SearchField *f = &fields[i];
            size_t found = search_find(&f->folded, &q->words[w], search_is_name(f->field),
                                       f->spans.items + f->spans.n, SPANS_MAX);
            f->spans.n += found;
            tf += weight(f->field) * (double)found / (1 - B + B * (double)f->folded.n / LENGTH);
        }
        if (tf <= 0) return false;
        hit->score += tf / (K1 + tf);
    }
    hit->score /= (double)q->n;
    hit->fields = ARENA_ARRAY(a, SearchField, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].spans.n) continue;
        hit->score += bonus(&fields[i], q);
        join_spans(&fields[i]);
        hit->fields[hit->n++] = fields[i];
    }
    return true;
}
