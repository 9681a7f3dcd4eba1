/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Who has a role or is of an organisation: for rooms below that must tell people something (City.people_of).
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "people_sql.h"

int people_of(Tx *tx, Arena *a, bool org, Str what, StrList *ret, Err *err)
{
    size_t cap = 0;
    Rows *rows;
    int rc;
    Val args[] = {V_TEXT(what), V_INT(clock_now_us())};
    *ret = (StrList){0};
    TRY(tx_query(tx, a, org ? &sql_people_users_of_org : &sql_people_users_of_role, args, 2, &rows, err));
    while ((rc = rows_next(rows, err)) > 0) *ARENA_PUSH(a, ret->items, ret->n, cap) = rows_text(rows, a, 0);
    rows_done(rows);
    return rc;
}
