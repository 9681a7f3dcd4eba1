/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What holds for every room: its routes say who may, its migrations run, its statements prepare on this
 * database. */
#include "http/http.h"
#include "main/main.h"
#include "testdb.h"
#include "unit.h"

const char calendar_text[] = "";

static void routes__each_says_who_may(void **state)
{
    (void)state;
    Err err = ERR_INIT;
    if (http_check_routes(engines, &err) < 0) fail_msg("%s", err.msg);
}

static int prepare_all(Tx *tx, void *ctx, Err *err)
{
    const Room *room = ctx;
    for (const Sql *const *q = room->queries; *q; q++)
        if (tx_prepare(tx, *q, err) < 0) return err_wrap(err, "%s", (*q)->name);
    return 0;
}

static void statements__prepare_on_this_database(void **state)
{
    (void)state;
    const Room *rooms[32] = {&store_room};
    size_t n = 1; /* engines[0] is the store's own, which the helper adds */
    for (size_t i = 1; engines[i]; i++)
        if (engines[i]->room) rooms[n++] = engines[i]->room;
    TestDb *t = testdb_new(rooms + 1);
    for (size_t i = 0; i < n; i++) {
        Err err = ERR_INIT;
        if (store_read(testdb_store(t), "prepare", prepare_all, (void *)rooms[i], &err) < 0)
            fail_msg("%s: %s", rooms[i]->name, err.msg);
    }
    testdb_free(t);
}

UNIT_MAIN(cmocka_unit_test(routes__each_says_who_may), cmocka_unit_test(statements__prepare_on_this_database))
