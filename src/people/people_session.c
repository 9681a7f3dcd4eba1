/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Sign in, sign out, who am I; and the actor of every request. */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "base/text.h"
#include "model/url.h"
#include "people_sql.h"

/* --- the actor
 * ------------------------------------------------------------------------------------------------------ */

void actor_fill(Arena *a, const Model *m, Str roles, Actor *ret)
{
    Str part;
    size_t cap_roles = 0, cap_permissions = 0, cap = 0;
    Grant *grants = NULL;
    while (str_split(&roles, ',', &part)) {
        const Role *r = model_role(m, part);
        if (!r) continue; /* a role that the packs no longer declare gives nothing */
        *ARENA_PUSH(a, ret->roles.items, ret->roles.n, cap_roles) = r->name;
        for (size_t i = 0; i < r->permissions.n; i++)
            *ARENA_PUSH(a, ret->permissions.items, ret->permissions.n, cap_permissions) =
                r->permissions.items[i];
        for (size_t i = 0; i < r->n_grants; i++) *ARENA_PUSH(a, grants, ret->n_grants, cap) = r->grants[i];
    }
    ret->grants = grants;
}

static Str bearer(const Request *rq)
{
    Str h = rq->header(rq, "Authorization"), cookies = rq->header(rq, "Cookie"), part;
    if (h.n > 7 && str_ieq(str_n(h.p, 7), S("Bearer "))) return str_trim(str_from(h, 7));
    while (str_split(&cookies, ';', &part)) {
        part = str_trim(part);
        if (str_starts(part, S(COOKIE "="))) return str_from(part, sizeof COOKIE);
    }
    return STR_NONE;
}

typedef struct Lookup {
    Request *rq;
    Actor *actor;
    char digest[SM3_HEX_SIZE];
} Lookup;

static int lookup_tx(Tx *tx, void *p, Err *err)
{
    Lookup *l = p;
    Arena *a = l->rq->arena;
    Rows *rows;
    TRY(tx_query(tx, a, &sql_people_session_get, VALS(V_TEXT(str_c(l->digest)), V_INT(clock_now_us())), &rows,
                 err));
    int rc = rows_next(rows, err);
    if (rc > 0) {
        Actor *x = l->actor;
        x->user = rows_text(rows, a, 0);
        x->name = rows_text(rows, a, 1);
        x->org = rows_text(rows, a, 2);
        x->region = rows_text(rows, a, 3);
        x->person = rows_text(rows, a, 4);
        actor_fill(a, l->rq->city->model, rows_text(rows, a, 5), x);
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

int people_authenticate(Request *rq, Actor *ret, Err *err)
{
    Str token = bearer(rq);
    *ret = (Actor){0};
    if (!token.n || token.n > 200) return 0;
    Lookup l = {rq, ret, {0}};
    sm3_hex(token, l.digest);
    TRY(store_read(rq->city->store, "session", lookup_tx, &l, err));
    Str purpose = text_tidy(rq->arena, url_decode(rq->arena, rq->header(rq, "X-Purpose"), false));
    if (ret->user.n && text_valid(purpose)) ret->purpose = text_cut(purpose, 200);
    return 0;
}

/* --- sign in
 * -------------------------------------------------------------------------------------------------------- */

typedef struct SignIn {
    City *city;
    Arena *a;
    Str user, digest;
    bool found, right;
    char hash[PASSWORD_HASH_SIZE];
    int64_t failures, locked_until;
    Str roles, title;
} SignIn;

static int user_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    Rows *rows;
    TRY(tx_query(tx, s->a, &sql_people_user_get, VALS(V_TEXT(s->user)), &rows, err));
    int rc = rows_next(rows, err);
    s->found = rc > 0;
    if (rc > 0) {
        snprintf(s->hash, sizeof s->hash, STR_FMT, STR_ARG(rows_text(rows, s->a, 2)));
        s->title = rows_text(rows, s->a, 1);
        s->roles = rows_text(rows, s->a, 6);
        s->failures = rows_int(rows, 7);
        s->locked_until = rows_int(rows, 8);
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int outcome_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    int64_t now = clock_now_us();
    if (!s->right)
        return tx_exec(tx, &sql_people_user_failed,
                       VALS(V_TEXT(s->user), V_INT(FAILURES_MAX), V_INT(now + LOCK_US)), NULL, err);
    TRY(tx_exec(tx, &sql_people_user_succeeded, VALS(V_TEXT(s->user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_session_sweep, VALS(V_INT(now)), NULL, err));
    return tx_exec(tx, &sql_people_session_put,
                   VALS(V_TEXT(s->digest), V_TEXT(s->user), V_INT(now), V_INT(now + SESSION_US)), NULL, err);
}

/* Each wrong password is answered later than the last: 100, 200 … 500 ms, on a worker. */
static void slow_down(int64_t failures)
{
    int64_t n = failures < 1 ? 1 : failures > 5 ? 5 : failures;
    struct timespec t = {0, n * 100000000L};
    nanosleep(&t, NULL);
}

static int refuse(Request *rq, const SignIn *s, Err *err)
{
    slow_down(s->failures + 1);
    if (s->found && s->failures + 1 >= FAILURES_MAX) {
        request_header(rq, "Retry-After", S("900"));
        return err_set(err, ERR_LOCKED, "口令连续错了 %d 次，账号锁定 15 分钟", FAILURES_MAX),
               err_hint(err, "15 分钟后再试，或请系统管理员重设");
    }
    return err_set(err, ERR_UNAUTHORIZED, "用户名或口令不对"),
           err_hint(err, "连续错 %d 次会锁定 15 分钟", FAILURES_MAX);
}

static int locked(Request *rq, const SignIn *s, int64_t now, Err *err)
{
    int64_t seconds = (s->locked_until - now) / 1000000 + 1;
    request_header(rq, "Retry-After", str_fmt(rq->arena, "%lld", (long long)seconds));
    return err_set(err, ERR_LOCKED, "账号已锁定，还有 %lld 分钟", (long long)((seconds + 59) / 60)),
           err_hint(err, "到时再试，或请系统管理员重设口令");
}

static void strings(JsonWriter *w, const char *key, const StrList *list)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (size_t i = 0; i < list->n; i++) jw_str(w, list->items[i]);
    jw_array_end(w);
}

static void who_json(Request *rq, JsonWriter *w, const Actor *who)
{
    jw_kstr(w, "user", who->user);
    jw_kstr(w, "name", who->name);
    strings(w, "roles", &who->roles);
    strings(w, "permissions", &who->permissions);
    jw_kstr(w, "org", who->org);
    jw_kstr(w, "region", who->region);
    jw_kbool(w, "demo", rq->city->demo);
}

typedef struct Credentials {
    Str user, password;
} Credentials;

const JsonField people_credentials[] = {{"user", JSON_T_STR, offsetof(Credentials, user), .required = true,
                                         .min = 1, .max = 100, .title = "登录名"},
                                        {"password", JSON_T_STR, offsetof(Credentials, password),
                                         .required = true, .min = 1, .max = PASSWORD_MAX, .title = "口令"},
                                        {0}};

static Str new_token(Arena *a)
{
    uint8_t bytes[32];
    random_bytes(bytes, sizeof bytes);
    return base64url_encode(a, str_n((char *)bytes, sizeof bytes));
}

int session_post(Request *rq, Err *err)
{
    Credentials c = {0};
    json_t *body;
    char digest[SM3_HEX_SIZE];
    TRY(json_parse(rq->arena, rq->body, &body, err));
    TRY(json_decode(rq->arena, body, people_credentials, &c, err));
    SignIn s = {.city = rq->city, .a = rq->arena, .user = c.user};
    TRY(store_read(rq->city->store, "sign-in", user_tx, &s, err));
    int64_t now = clock_now_us();
    if (s.found && s.locked_until > now) return locked(rq, &s, now, err);
    if (s.locked_until) s.failures = 0; /* a lock that has run out starts afresh */
    s.right = password_right(s.found ? s.hash : NULL, c.password);
    Str token = new_token(rq->arena);
    sm3_hex(token, digest);
    s.digest = str_c(digest);
    if (s.found) TRY(store_tx(rq->city->store, "sign-in", outcome_tx, &s, err));
    if (!s.right) return refuse(rq, &s, err);
    Actor who = {.user = c.user, .name = s.title};
    actor_fill(rq->arena, rq->city->model, s.roles, &who);
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "token", token);
    who_json(rq, &w, &who);
    jw_object_end(&w);
    request_header(rq, "Set-Cookie",
                   str_fmt(rq->arena, COOKIE "=" STR_FMT "; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200",
                           STR_ARG(token)));
    return 0;
}

static int drop_tx(Tx *tx, void *p, Err *err)
{
    const char *digest = p;
    return tx_exec(tx, &sql_people_session_drop, VALS(V_TEXT(str_c(digest))), NULL, err);
}

int session_delete(Request *rq, Err *err)
{
    char digest[SM3_HEX_SIZE];
    sm3_hex(bearer(rq), digest);
    TRY(store_tx(rq->city->store, "sign-out", drop_tx, digest, err));
    request_header(rq, "Set-Cookie", S(COOKIE "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    rq->status = 204;
    return 0;
}

int me_get(Request *rq, Err *err)
{
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_object(&w);
    who_json(rq, &w, rq->who);
    jw_object_end(&w);
    return 0;
}
