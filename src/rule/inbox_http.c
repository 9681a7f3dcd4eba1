/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Everybody's own inbox and how they want to be told. Nobody reads another's. */
#include "base/ident.h"
#include "rule/engine_int.h"
#include "rule_sql.h"
#include "model/url.h"
#include <stddef.h>

enum { INBOX_PAGE = 50, INBOX_PAGE_MAX = 200 };

/* before = "AT-ID" of the last one of the page before. */
static bool cursor(Str s, int64_t *at, Str *id)
{
    ptrdiff_t dash = str_find(s, '-');
    *at = INT64_MAX;
    *id = S("");
    if (!s.n) return true;
    if (dash <= 0 || !str_int(str_n(s.p, (size_t)dash), at)) return false;
    *id = str_from(s, (size_t)dash + 1);
    return true;
}

static void message_json(JsonWriter *w, Arena *a, Rows *rows)
{
    int64_t at = rows_int(rows, 5), read = rows_int(rows, 6);
    Str id = rows_text(rows, a, 0);
    jw_object(w);
    jw_kstr(w, "id", id);
    jw_kstr(w, "title", rows_text(rows, a, 1));
    jw_kstr(w, "text", rows_text(rows, a, 2));
    jw_kstr(w, "entity", rows_text(rows, a, 3));
    jw_kstr(w, "record", rows_text(rows, a, 4));
    jw_kstr(w, "at", clock_str(a, at));
    if (read) jw_kstr(w, "read_at", clock_str(a, read));
    jw_kbool(w, "unread", !read);
    jw_kstr(w, "before", str_fmt(a, "%lld-" STR_FMT, (long long)at, STR_ARG(id)));
    jw_object_end(w);
}

static int list_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Rows *rows;
    JsonWriter w;
    int64_t at, limit;
    Str id;
    int rc;
    TRY(url_param_int(rq->arena, rq->query, "limit", INBOX_PAGE, 1, INBOX_PAGE_MAX, &limit, err));
    if (!cursor(request_param(rq, "before"), &at, &id))
        return err_set(err, ERR_INPUT, "before 要写上一页最后一条的 before"), err_pointer(err, "before");
    buf_clear(&rq->out);
    TRY(tx_query(tx, rq->arena, &sql_rule_inbox_list,
                 VALS(V_TEXT(rq->who->user), V_INT(str_is(request_param(rq, "unread"), "true")), V_INT(at),
                      V_TEXT(id), V_INT(limit)),
                 &rows, err));
    jw_init(&w, &rq->out);
    jw_array(&w);
    while ((rc = rows_next(rows, err)) > 0) message_json(&w, rq->arena, rows);
    jw_array_end(&w);
    rows_done(rows);
    return rc;
}

int inbox_get(Request *rq, Err *err) { return store_read(rq->city->store, "inbox", list_tx, rq, err); }

int rule_inbox_unread(Tx *tx, Arena *a, Str user, int64_t *ret, Err *err)
{
    Val n;
    TRY(tx_one(tx, a, &sql_rule_inbox_count, VALS(V_TEXT(user)), &n, err));
    *ret = n.i;
    return 0;
}

static int count_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    int64_t n;
    TRY(rule_inbox_unread(tx, rq->arena, rq->who->user, &n, err));
    buf_clear(&rq->out);
    buf_addf(&rq->out, "{\"unread\":%lld}", (long long)n);
    return 0;
}

int inbox_count(Request *rq, Err *err) { return store_read(rq->city->store, "inbox", count_tx, rq, err); }

static int read_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    int64_t n;
    TRY(tx_exec(tx, &sql_rule_inbox_mark,
                VALS(V_TEXT(rq->params[0]), V_TEXT(rq->who->user), V_INT(clock_now_us())), &n, err));
    if (!n) return err_set(err, ERR_NOT_FOUND, "没有这条通知");
    return count_tx(tx, p, err);
}

int inbox_read(Request *rq, Err *err) { return store_tx(rq->city->store, "inbox.read", read_tx, rq, err); }

/* --- settings
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Told {
    Request *rq;
    Str quiet_from, quiet_to, mail, phone;
    bool digest;
} Told;

const JsonField inbox_settings_input[] = {
    {"quiet_from", JSON_T_STR, offsetof(Told, quiet_from), false, 0, 5, "免打扰开始 HH:MM，空 = 不设"},
    {"quiet_to", JSON_T_STR, offsetof(Told, quiet_to), false, 0, 5, "免打扰结束 HH:MM"},
    {"digest", JSON_T_BOOL, offsetof(Told, digest), false, 0, 0, "邮件每天 8 点汇总成一封"},
    {"mail", JSON_T_STR, offsetof(Told, mail), false, 0, 254, "收通知的邮箱"},
    {"phone", JSON_T_STR, offsetof(Told, phone), false, 0, 20, "收短信的手机"},
    {0}};

static int settings_get_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    Rows *rows;
    JsonWriter w;
    TRY(tx_query(tx, rq->arena, &sql_rule_quiet_get, VALS(V_TEXT(rq->who->user)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc < 0) return rows_done(rows), rc;
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "quiet_from", rc ? rows_text(rows, rq->arena, 0) : S(""));
    jw_kstr(&w, "quiet_to", rc ? rows_text(rows, rq->arena, 1) : S(""));
    jw_kbool(&w, "digest", rc && rows_int(rows, 2));
    jw_kstr(&w, "mail", rc ? rows_text(rows, rq->arena, 3) : S(""));
    jw_kstr(&w, "phone", rc ? rows_text(rows, rq->arena, 4) : S(""));
    jw_object_end(&w);
    rows_done(rows);
    return 0;
}

int inbox_settings_get(Request *rq, Err *err)
{
    return store_read(rq->city->store, "inbox.settings", settings_get_tx, rq, err);
}

static int settings_put_tx(Tx *tx, void *p, Err *err)
{
    Told *t = p;
    TRY(tx_exec(tx, &sql_rule_quiet_put,
                VALS(V_TEXT(t->rq->who->user), V_TEXT(t->quiet_from), V_TEXT(t->quiet_to), V_INT(t->digest),
                     V_TEXT(t->mail), V_TEXT(t->phone)),
                NULL, err));
    return settings_get_tx(tx, t->rq, err);
}

int inbox_settings_put(Request *rq, Err *err)
{
    Told t = {.rq = rq};
    json_t *o;
    TimeOfDay time;
    TRY(json_parse(rq->arena, rq->body, &o, err));
    TRY(json_decode(rq->arena, o, inbox_settings_input, &t, err));
    if (!t.quiet_from.n != !t.quiet_to.n)
        return err_set(err, ERR_VALIDATION, "免打扰要写开始和结束"), err_pointer(err, "/quiet_to");
    if (t.quiet_from.n && tod_parse(t.quiet_from, &time, err) < 0) return err_pointer(err, "/quiet_from");
    if (t.quiet_to.n && tod_parse(t.quiet_to, &time, err) < 0) return err_pointer(err, "/quiet_to");
    if (t.mail.n && ident_email(t.mail, err) < 0) return err_pointer(err, "/mail");
    if (t.phone.n && ident_phone(t.phone, NULL, err) < 0) return err_pointer(err, "/phone");
    return store_tx(rq->city->store, "inbox.settings", settings_put_tx, &t, err);
}
