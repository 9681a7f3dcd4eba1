/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Every file of the city is a record of the built-in entity `file`, whose field `blob` names its bytes. */
#include "model/blobs.h"

#include "model/build.h"

int blobs_named(Tx *tx, Arena *a, Rows **ret, Err *err)
{
    Build b;
    build_init(&b, a, tx_dialect(tx));
    build_add(&b, "select distinct \"blob\" from \"file\" where \"blob\" is not null order by 1");
    Sql sql = build_sql(&b, "model.blobs_named");
    return tx_cursor(tx, a, &sql, NULL, 0, ret, err);
}
