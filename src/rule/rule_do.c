/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What a reaction does: write, update, notify, call. All of it in the reaction's transaction; what leaves the
   house only goes into the outbox here. */
#include "rule/engine_int.h"

#include "base/sm.h"
#include "base/text.h"
#include "rule_sql.h"

enum { PEOPLE_MAX = 1000, TITLE_CHARS = 200, BODY_CHARS = 4000 };

/* --- records
 * ------------------------------------------------------------------------------------------------ */

static Str field_text(Arena *a, const Field *f, Val v)
{
    if (f->storage == STORE_BOOL && v.kind != VAL_TEXT) return val_true(v) ? S("true") : S("false");
    if (v.kind == VAL_REAL && f->storage == STORE_NUM) return str_fmt(a, "%.*f", f->scale, v.r);
    if (v.kind == VAL_REAL && f->storage == STORE_INT) return str_fmt(a, "%.0f", v.r);
    return val_text(a, v);
}

static int fill(Doing *d, const Act *act, Input *in, Err *err)
{
    Arena *a = d->x->a;
    for (size_t i = 0; i < act->n_sets; i++) {
        const Field *f = act->sets[i].f;
        Val v;
        if (facts_eval(d->x, &act->sets[i].x, &v, err) < 0) return err_wrap(err, STR_FMT, STR_ARG(f->title));
        in->set[f->i] = true;
        if (f->storage == STORE_LINK)
            TRY(values_from_text(a, f, val_text(a, v), &in->lists[f->i], err));
        else if (v.kind != VAL_NULL && value_from_text(a, f, field_text(a, f, v), &in->vals[f->i], err) < 0)
            return err_wrap(err, STR_FMT, STR_ARG(f->title));
    }
    return 0;
}

static Writer writer(Doing *d)
{
    return (Writer){d->x->a, d->x->city->model, d->x->tx, &d->who, d->trace, d->at_us, false};
}

static int do_write(Doing *d, const Act *act, Str key, Err *err)
{
    Str id;
    Writer w = writer(d);
    Input in = input_new(d->x->a, act->entity);
    (void)key;
    TRY(fill(d, act, &in, err));
    return record_insert(&w, act->entity, &in, &id, err);
}

static int do_update(Doing *d, const Act *act, Str key, Err *err)
{
    Val id;
    bool changed;
    Writer w = writer(d);
    Input in = input_new(d->x->a, act->entity);
    (void)key;
    if (act->of)
        id = d->x->now.vals[act->of->i];
    else
        TRY(record_id(d->x->a, act->entity, d->x->job->e.record, &id, err));
    if (id.kind == VAL_NULL) return 0; /* refers to nothing: nothing to change */
    TRY(fill(d, act, &in, err));
    int rc = record_update(&w, act->entity, id, &in, 0, &changed, err);
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc; /* deleted meanwhile */
}

/* --- people
 * --------------------------------------------------------------------------------------------------- */

static int people_of(Doing *d, const Act *act, StrList *ret, Err *err)
{
    Arena *a = d->x->a;
    Str value = act->to_value;
    if (act->to_field) value = val_text(a, d->x->now.vals[act->to_field->i]);
    *ret = (StrList){0};
    if (!value.n) return 0;
    if (act->to == TO_ROLE || act->to == TO_ORG)
        return d->x->city->people_of ? d->x->city->people_of(d->x->tx, a, act->to == TO_ORG, value, ret, err)
                                     : 0;
    size_t cap = 0;
    Str part;
    while (str_split(&value, ';', &part)) /* a refs field holds several */
        if (part.n) *ARENA_PUSH(a, ret->items, ret->n, cap) = part;
    return 0;
}

typedef struct Quiet {
    Str from, to, mail, phone;
    bool digest;
} Quiet;

static int quiet_of(Doing *d, Str user, Quiet *ret, Err *err)
{
    Rows *rows;
    Arena *a = d->x->a;
    *ret = (Quiet){0};
    TRY(tx_query(d->x->tx, a, &sql_rule_quiet_get, VALS(V_TEXT(user)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc > 0)
        *ret = (Quiet){rows_text(rows, a, 0), rows_text(rows, a, 1), rows_text(rows, a, 3),
                       rows_text(rows, a, 4), rows_int(rows, 2) != 0};
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int64_t quiet_end(const Quiet *q, int64_t us)
{
    TimeOfDay from, to, t;
    Date d;
    if (tod_parse(q->from, &from, NULL) < 0 || tod_parse(q->to, &to, NULL) < 0) return us;
    clock_to_china(us, &d, &t, NULL);
    int a = from.hour * 60 + from.minute, b = to.hour * 60 + to.minute, n = t.hour * 60 + t.minute;
    bool in = a <= b ? n >= a && n < b : n >= a || n < b;
    if (!in || a == b) return us;
    if (n >= b) d = date_add(d, 1); /* over midnight */
    return clock_from_china(d, to, 0);
}

/* The next 08:00 in China. */
static int64_t digest_time(int64_t us)
{
    Date d;
    TimeOfDay t;
    clock_to_china(us, &d, &t, NULL);
    return clock_from_china(t.hour < 8 ? d : date_add(d, 1), (TimeOfDay){8, 0, 0}, 0);
}

int outbox_put(Tx *tx, Arena *a, Str key, Str reaction, const char *kind, Str person, Str payload,
               int64_t at_us, Err *err)
{
    (void)a;
    return tx_exec(tx, &sql_rule_out_put,
                   VALS(V_TEXT(key), V_TEXT(reaction), V_TEXT(str_c(kind)), V_TEXT(person), V_TEXT(payload),
                        V_TEXT(S("wait")), V_INT(at_us), V_INT(clock_now_us())),
                   NULL, err);
}

static Str letter(Doing *d, Str to, Str title, Str text)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 18);
    jw_init(&w, &b);
    jw_object(&w);
    if (to.n) jw_kstr(&w, "to", to);
    jw_kstr(&w, "title", title);
    jw_kstr(&w, "text", text);
    jw_kstr(&w, "reaction", d->r->id);
    jw_kstr(&w, "entity", d->x->job->e.entity);
    jw_kstr(&w, "record", d->x->job->e.record);
    jw_kstr(&w, "at", clock_str(d->x->a, d->at_us));
    jw_object_end(&w);
    Str s = buf_dup(d->x->a, &b);
    buf_done(&b);
    return s;
}

static int to_inbox(Doing *d, Str user, Str key, Str title, Str text, Err *err)
{
    char id[SM3_HEX_SIZE];
    const JournalEntry *e = &d->x->job->e;
    sm3_hex(str_fmt(d->x->a, STR_FMT "|" STR_FMT, STR_ARG(key), STR_ARG(user)), id);
    return tx_exec(d->x->tx, &sql_rule_inbox_put,
                   VALS(V_TEXT(str_n(id, 32)), V_TEXT(user), V_TEXT(title), V_TEXT(text), V_TEXT(e->entity),
                        V_TEXT(e->record), V_INT(d->at_us)),
                   NULL, err);
}

static int to_person(Doing *d, const Act *act, Str user, Str key, Str title, Str text, Err *err)
{
    Arena *a = d->x->a;
    Quiet q;
    if (act->channels & CHANNEL_INBOX) TRY(to_inbox(d, user, key, title, text, err));
    if (!(act->channels & (CHANNEL_MAIL | CHANNEL_SMS))) return 0;
    TRY(quiet_of(d, user, &q, err));
    int64_t at = quiet_end(&q, d->at_us);
    if ((act->channels & CHANNEL_MAIL) && q.mail.n) {
        Val next = V_INT(q.digest ? digest_time(d->at_us) : at);
        TRY(tx_exec(d->x->tx, &sql_rule_out_put,
                    VALS(V_TEXT(str_fmt(a, STR_FMT "/mail/" STR_FMT, STR_ARG(key), STR_ARG(user))),
                         V_TEXT(d->r->id), V_TEXT(S("mail")), V_TEXT(user),
                         V_TEXT(letter(d, q.mail, title, text)), V_TEXT(q.digest ? S("digest") : S("wait")),
                         next, V_INT(clock_now_us())),
                    NULL, err));
    }
    if ((act->channels & CHANNEL_SMS) && q.phone.n)
        TRY(outbox_put(d->x->tx, a, str_fmt(a, STR_FMT "/sms/" STR_FMT, STR_ARG(key), STR_ARG(user)),
                       d->r->id, "sms", user, letter(d, q.phone, title, text), at, err));
    return 0;
}

static int do_notify(Doing *d, const Act *act, Str key, Err *err)
{
    Val title, text = V_NULL;
    StrList people;
    Arena *a = d->x->a;
    TRY(facts_eval(d->x, &act->title, &title, err));
    if (act->text.x) TRY(facts_eval(d->x, &act->text, &text, err));
    Str head = text_cut(val_text(a, title), TITLE_CHARS), body = text_cut(val_text(a, text), BODY_CHARS);
    TRY(people_of(d, act, &people, err));
    for (size_t i = 0; i < people.n && i < PEOPLE_MAX; i++)
        TRY(to_person(d, act, people.items[i], key, head, body, err));
    if (!(act->channels & CHANNEL_WEBHOOK)) return 0;
    return outbox_put(d->x->tx, a, str_fmt(a, STR_FMT "/webhook", STR_ARG(key)), d->r->id, "webhook", S(""),
                      letter(d, S(""), head, body), d->at_us, err);
}

/* --- calls
 * ------------------------------------------------------------------------------------------------------ */

static int do_call(Doing *d, const Act *act, Str key, Err *err)
{
    Val body = V_NULL;
    json_t *parsed;
    Arena *a = d->x->a;
    Buf b;
    JsonWriter w;
    if (act->body.x) TRY(facts_eval(d->x, &act->body, &body, err));
    Str text = val_text(a, body);
    if (text.n && json_parse(a, text, &parsed, err) < 0) return err_wrap(err, "body 得出的不是 JSON");
    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "url", act->url);
    jw_kstr(&w, "method", act->method);
    jw_kstr(&w, "body", text);
    jw_key(&w, S("headers"));
    jw_raw(&w, act->headers);
    jw_object_end(&w);
    Str payload = buf_dup(a, &b);
    bool over = b.over;
    buf_done(&b);
    if (over) return err_set(err, ERR_TOO_LARGE, "要发送的内容太大");
    return outbox_put(d->x->tx, a, key, d->r->id, "call", S(""), payload, d->at_us, err);
}

static int do_other(Doing *d, const Act *act, Str key, Err *err)
{
    RuleFact fact = {d->x->a, d->rules->city, d->x->tx, &d->who, d->x->e, d->x->job->e.record,
                     key,     d->trace,       d->at_us};
    return act->other->run(&fact, act->node, err);
}

int rule_act(Doing *d, const Act *act, Str key, Err *err)
{
    static int (*const rows[])(Doing *, const Act *, Str, Err *) = {[ACT_WRITE] = do_write,
                                                                    [ACT_UPDATE] = do_update,
                                                                    [ACT_NOTIFY] = do_notify,
                                                                    [ACT_CALL] = do_call,
                                                                    [ACT_OTHER] = do_other};
    return rows[act->kind](d, act, key, err);
}
