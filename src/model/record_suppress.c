/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Figures over people: a group of one to nine persons is not given, for its figures would be somebody's data.
 * When only one group of a result is withheld, what is missing from a known total would give it back, so the
 * smallest of the others is withheld with it (complementary suppression). All groups are looked at, whichever
 * page of them is asked for: page by page nothing else is told. No group at all is no person's data: zero is
 * given.
 */
#include "model/record_int.h"

enum { PEOPLE_MIN = 10 };

static int64_t people(const Level *l, const Row *r)
{
    Val v = r->vals[l->people];
    int64_t n = 0;
    if (v.kind == VAL_TEXT) return str_int(v.s, &n) ? n : 0;
    return v.kind == VAL_INT ? v.i : 0;
}

void level_suppress(Level *l)
{
    size_t few = 0;
    Row *smallest = NULL;
    if (!l->counts_people || l->judged) return;
    l->judged = true;
    for (size_t i = 0; i < l->n_rows; i++) {
        Row *r = &l->rows[i];
        int64_t n = people(l, r);
        r->suppressed = n > 0 && n < PEOPLE_MIN;
        few += r->suppressed;
        if (!r->suppressed && n > 0 && (!smallest || n < people(l, smallest))) smallest = r;
    }
    if (few == 1 && smallest) smallest->suppressed = true;
}
