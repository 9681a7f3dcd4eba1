/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The outbox: what leaves the house, sent at least once with a key by which the receiver knows a second one.
 * A sender claims a row by moving its time (whoever moves it first has it), sends outside of any transaction,
 * and notes the outcome. A claim that its sender never ended runs out and is taken again.
 */
#include "base/log.h"
#include "base/sm.h"
#include "rule/engine_int.h"
#include "rule_sql.h"

enum { CLAIM_MAX = 16 };
#define CLAIM_US   (120 * US_PER_SEC)
#define BACKOFF_US (3600 * US_PER_SEC)

typedef struct Item {
    Str key, kind, person, payload;
    int64_t tries, next_us;
    bool mine, sent, final;
    Str error;
} Item;

typedef struct Round {
    Rules *s;
    Arena *a;
    int64_t now;
    Item items[CLAIM_MAX];
    size_t n, at;
} Round;

static int due_tx(Tx *tx, void *p, Err *err)
{
    Round *x = p;
    Rows *rows;
    int rc;
    x->n = 0;
    TRY(tx_query(tx, x->a, &sql_rule_out_due, VALS(V_INT(x->now), V_INT(CLAIM_MAX)), &rows, err));
    while ((rc = rows_next(rows, err)) > 0 && x->n < CLAIM_MAX)
        x->items[x->n++] = (Item){.key = rows_text(rows, x->a, 0),
                                  .kind = rows_text(rows, x->a, 1),
                                  .person = rows_text(rows, x->a, 2),
                                  .payload = rows_text(rows, x->a, 3),
                                  .tries = rows_int(rows, 4),
                                  .next_us = rows_int(rows, 5)};
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int claim_tx(Tx *tx, void *p, Err *err)
{
    Round *x = p;
    for (size_t i = 0; i < x->n; i++) {
        int64_t n;
        TRY(tx_exec(
            tx, &sql_rule_out_claim,
            VALS(V_TEXT(x->items[i].key), V_INT(x->items[i].next_us), V_INT(x->now + CLAIM_US + (int64_t)i)),
            &n, err));
        x->items[i].mine = n > 0;
    }
    return 0;
}

/* --- kinds
 * ------------------------------------------------------------------------------------------------------- */

static Str member(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_string(v) ? str_n(json_string_value(v), json_string_length(v)) : S("");
}

static int settle(Net *n, Err *err)
{
    if (n->status >= 200 && n->status < 300) return 0;
    /* what the receiver calls our fault does not get better by repeating, but for timeouts and throttling */
    ErrCode code =
        n->status >= 400 && n->status < 500 && n->status != 408 && n->status != 425 && n->status != 429
            ? ERR_INPUT
            : ERR_IO;
    return err_set(err, code, "对方回答 %ld", n->status);
}

static int send_call(Rules *s, Arena *a, const Item *it, const json_t *o, Err *err)
{
    Str list[40];
    const char *name;
    json_t *v;
    Net n = {.url = member(o, "url"),
             .method = member(o, "method"),
             .body = member(o, "body"),
             .content_type = S("application/json"),
             .headers = {list, 0},
             .allow = &s->settings.allow};
    list[n.headers.n++] = str_fmt(a, "Idempotency-Key: " STR_FMT, STR_ARG(it->key));
    json_object_foreach(json_object_get(o, "headers"), name, v)
    {
        if (n.headers.n < 40) list[n.headers.n++] = str_fmt(a, "%s: %s", name, json_string_value(v));
    }
    TRY(net_send(a, &n, err));
    return settle(&n, err);
}

/* X-Chengshu-Signature over "timestamp.body": the receiver can tell who sent it, when, and that it is whole.
 */
static int send_webhook(Rules *s, Arena *a, const Item *it, const json_t *o, Err *err)
{
    (void)o;
    uint8_t mac[SM3_SIZE];
    const Settings *st = &s->settings;
    if (!st->webhook_url.n) return err_set(err, ERR_INPUT, "没有设置 webhook_url");
    Str at = str_fmt(a, "%lld", (long long)(clock_now_us() / US_PER_SEC));
    sm3_hmac(st->webhook_secret, str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(at), STR_ARG(it->payload)), mac);
    Str list[] = {str_fmt(a, "Idempotency-Key: " STR_FMT, STR_ARG(it->key)),
                  str_fmt(a, "X-Chengshu-Timestamp: " STR_FMT, STR_ARG(at)),
                  str_fmt(a, "X-Chengshu-Signature: sm3-hmac=" STR_FMT,
                          STR_ARG(hex_encode(a, str_n((char *)mac, sizeof mac))))};
    Net n = {.url = st->webhook_url,
             .method = S("POST"),
             .body = it->payload,
             .content_type = S("application/json"),
             .headers = {list, 3}};
    TRY(net_send(a, &n, err));
    return settle(&n, err);
}

static int send_sms(Rules *s, Arena *a, const Item *it, const json_t *o, Err *err)
{
    Buf b;
    JsonWriter w;
    Str key = str_fmt(a, "Idempotency-Key: " STR_FMT, STR_ARG(it->key));
    if (!s->settings.sms_url.n) return err_set(err, ERR_INPUT, "没有设置 sms_url");
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "to", member(o, "to"));
    jw_kstr(&w, "text",
            member(o, "text").n
                ? str_fmt(a, STR_FMT "：" STR_FMT, STR_ARG(member(o, "title")), STR_ARG(member(o, "text")))
                : member(o, "title"));
    jw_object_end(&w);
    Net n = {.url = s->settings.sms_url,
             .method = S("POST"),
             .body = buf_dup(a, &b),
             .content_type = S("application/json"),
             .headers = {&key, 1}};
    buf_done(&b);
    TRY(net_send(a, &n, err));
    return settle(&n, err);
}

static int send_mail(Rules *s, Arena *a, const Item *it, const json_t *o, Err *err)
{
    return net_mail(a, &s->settings, member(o, "to"), member(o, "title"), member(o, "text"), it->key, err);
}

static const struct {
    const char *kind;
    int (*send)(Rules *, Arena *, const Item *, const json_t *, Err *);
} kinds[] = {{"call", send_call}, {"mail", send_mail}, {"sms", send_sms}, {"webhook", send_webhook}};

static int send_item(Rules *s, Arena *a, const Item *it, Err *err)
{
    json_t *o;
    TRY(json_parse(a, it->payload, &o, err));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_is(it->kind, kinds[i].kind)) return kinds[i].send(s, a, it, o, err);
    return err_set(err, ERR_INPUT, "不认识的发送方式");
}

/* --- outcome
 * ----------------------------------------------------------------------------------------------------- */

/* Doubles with every try; the jitter keeps many failures from coming back at once. */
static int64_t backoff(const Settings *st, int64_t tries)
{
    uint32_t r;
    int64_t us = st->retry_us << (tries < 20 ? tries : 20);
    if (us > BACKOFF_US || us <= 0) us = BACKOFF_US;
    random_bytes(&r, sizeof r);
    return us + us / 2 * (int64_t)(r % 1000) / 1000;
}

static int outcome_tx(Tx *tx, void *p, Err *err)
{
    Round *x = p;
    const Item *it = &x->items[x->at];
    const Settings *st = &x->s->settings;
    if (it->sent) return tx_exec(tx, &sql_rule_out_sent, VALS(V_TEXT(it->key)), NULL, err);
    bool dead = it->final || it->tries + 1 >= st->tries;
    return tx_exec(tx, &sql_rule_out_failed,
                   VALS(V_TEXT(it->key), V_TEXT(dead ? S("dead") : S("wait")),
                        V_INT(clock_now_us() + backoff(st, it->tries)), V_TEXT(it->error)),
                   NULL, err);
}

int outbox_deliver(Rules *s, int64_t now, size_t *ret_n, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Round x = {.s = s, .a = a, .now = now};
    *ret_n = 0;
    TRY(store_read(s->city->store, "outbox.due", due_tx, &x, err));
    if (!x.n) return 0;
    TRY(store_tx(s->city->store, "outbox.claim", claim_tx, &x, err));
    for (x.at = 0; x.at < x.n; x.at++) {
        Item *it = &x.items[x.at];
        Err why = ERR_INIT;
        if (!it->mine) continue;
        int rc = send_item(s, a, it, &why);
        it->sent = rc == 0;
        it->final = rc == -(int)ERR_INPUT || rc == -(int)ERR_FORBIDDEN;
        it->error = str_dup(a, str_c(why.msg));
        TRY(store_tx(s->city->store, "outbox.outcome", outcome_tx, &x, err));
        ++*ret_n;
    }
    return 0;
}
