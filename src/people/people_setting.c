/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What people arranged for themselves on the desk: saved views, followed records. Each is a JSON text under a
   name, of one user; nobody else reads it, so it is no record and has no entry in the journal. */
#include "people/people_int.h"

#include "people_sql.h"

enum { SETTING_MAX = 64 << 10, SETTINGS_MAX = 32 };

static int list_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Rows *rows;
    int rc;
    TRY(tx_query(tx, rq->arena, &sql_people_setting_list, VALS(V_TEXT(rq->who->user)), &rows, err));
    buf_clear(&rq->out);
    buf_adds(&rq->out, "{");
    for (const char *comma = ""; (rc = rows_next(rows, err)) > 0; comma = ",") {
        buf_addf(&rq->out, "%s\"" STR_FMT "\":", comma, STR_ARG(rows_text(rows, rq->arena, 0)));
        buf_add(&rq->out, rows_text(rows, rq->arena, 1));
    }
    rows_done(rows);
    buf_adds(&rq->out, "}");
    return rc;
}

int settings_get(Request *rq, Err *err) { return store_read(rq->city->store, "settings", list_tx, rq, err); }

static int put_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Val n;
    TRY(tx_one(tx, rq->arena, &sql_people_setting_count, VALS(V_TEXT(rq->who->user), V_TEXT(rq->params[0])),
               &n, err));
    if (n.i >= SETTINGS_MAX) return err_set(err, ERR_VALIDATION, "最多保存 %d 项个人设置", SETTINGS_MAX);
    return tx_exec(tx, &sql_people_setting_put,
                   VALS(V_TEXT(rq->who->user), V_TEXT(rq->params[0]), V_TEXT(rq->body)), NULL, err);
}

static bool setting_name(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_')) return false;
    return s.n > 0 && s.n <= 32;
}

int setting_put(Request *rq, Err *err)
{
    json_t *body = NULL;
    if (!setting_name(rq->params[0]))
        return err_set(err, ERR_INPUT, "设置的名字只用小写字母和下划线，最多 32 个字符");
    if (rq->body.n > SETTING_MAX) return err_set(err, ERR_TOO_LARGE, "一项设置最多 %d 字节", SETTING_MAX);
    TRY(json_parse(rq->arena, rq->body, &body, err));
    TRY(store_tx(rq->city->store, "setting", put_tx, rq, err));
    rq->status = 204;
    return 0;
}
