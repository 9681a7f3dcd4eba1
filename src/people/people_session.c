/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Sign in, sign out, who am I. Wrong passwords are counted by account and source: the fifth from one address
 * closes the account for that address only, so nobody can lock others out; from everywhere together they make
 * each answer slower. A browser that signed in rightly before is a source of its own.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"

enum { DEVICE_DAYS = 180, DEVICE_MAX_AGE = DEVICE_DAYS * 86400 };
#define DEVICE_COOKIE "chengshu_device"

typedef struct SignIn {
    Request *rq;
    Str user, code, nonce, device; /* device: digest of the browser's cookie, or empty */
    Str source;
    bool found, right, by_certificate, needs_code, locked_now, known_device;
    char hash[PASSWORD_HASH_SIZE];
    int64_t failures, locked_until, everywhere, password_at;
    Factor factor;
    NewSession session;
    Str new_device;
    Actor *who;
    Rights rights; /* after a right password */
} SignIn;

/* --- failures --- */

static Str device_digest(Request *rq)
{
    Str token = cookie_value(rq, DEVICE_COOKIE);
    char *hex = arena_alloc(rq->arena, SM3_HEX_SIZE);
    if (!token.n || token.n > SHORT_MAX) return S("");
    sm3_hex(token, hex);
    return str_c(hex);
}

/* Counts of the source and of all sources in the last quarter of an hour. */
static int read_failures(SignIn *s, Tx *tx, Err *err)
{
    Arena *a = s->rq->arena;
    int64_t now = clock_now_us();
    Val v;
    Rows *rows;
    s->source = s->rq->remote;
    s->known_device = false;
    if (s->device.n) {
        int rc = tx_one(tx, a, &sql_people_device_get, VALS(V_TEXT(s->device)), &v, err);
        if (rc < 0 && rc != -(int)ERR_NOT_FOUND) return rc;
        s->known_device = rc == 0 && str_eq(v.s, s->user);
        if (s->known_device) s->source = str_fmt(a, "device %.16s", s->device.p);
    }
    s->failures = s->locked_until = 0;
    TRY(tx_query(tx, a, &sql_people_failure_get, VALS(V_TEXT(s->user), V_TEXT(s->source)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc > 0) {
        s->failures = rows_int(rows, 0);
        s->locked_until = rows_int(rows, 1);
        if (rows_int(rows, 2) < now - LOCK_US || (s->locked_until && s->locked_until <= now)) s->failures = 0;
    }
    rows_done(rows);
    if (rc < 0) return rc;
    TRY(tx_one(tx, a, &sql_people_failure_total, VALS(V_TEXT(s->user), V_INT(now - LOCK_US)), &v, err));
    s->everywhere = v.kind == VAL_INT ? v.i : 0;
    if (v.kind == VAL_TEXT && !str_int(v.s, &s->everywhere)) s->everywhere = 0;
    return 0;
}

static int add_failure(SignIn *s, Deed *d, Err *err)
{
    TRY(tx_exec(d->tx, &sql_people_failure_add,
                VALS(V_TEXT(s->user), V_TEXT(s->source), V_INT(d->now), V_INT(FAILURES_MAX),
                     V_INT(d->now + LOCK_US), V_INT(d->now - LOCK_US)),
                NULL, err));
    if (s->failures + 1 != FAILURES_MAX) return 0;
    const Fact after[] = {{"source", s->source}, {"minutes", S("15")}, {0}};
    Deed as = *d;
    as.who = &people_system;
    return note(&as, "people_user", s->user, "lock", NULL, after, err);
}

static int refuse_locked(Request *rq, const SignIn *s, Err *err)
{
    int64_t seconds = (s->locked_until - clock_now_us()) / 1000000 + 1;
    request_header(rq, "Retry-After", str_fmt(rq->arena, "%lld", (long long)seconds));
    err_set(err, ERR_LOCKED, "账号已锁定，还有 %lld 分钟", (long long)((seconds + 59) / 60));
    return err_hint(err, "到时再试，或请系统管理员重设口令");
}

static int failures_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    return read_failures(s, tx, err);
}

static int failed_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    Deed d = deed_of(s->rq, tx);
    TRY(read_failures(s, tx, err));
    return add_failure(s, &d, err);
}

int sign_in_gate(Request *rq, Str user, Err *err)
{
    SignIn s = {.rq = rq, .user = user, .device = device_digest(rq)};
    TRY(store_read(rq->city->store, "failures", failures_tx, &s, err));
    return s.locked_until > clock_now_us() ? refuse_locked(rq, &s, err) : 0;
}

int sign_in_failed(Request *rq, Str user, Err *err)
{
    SignIn s = {.rq = rq, .user = user, .device = device_digest(rq)};
    TRY(store_tx(rq->city->store, "failure", failed_tx, &s, err));
    return people_slow_down(rq->city, s.everywhere, err);
}

/* --- sessions --- */

NewSession session_new(Request *rq)
{
    NewSession n = {.token = new_token(rq->arena), .id = new_id(rq->arena), .address = rq->remote};
    char *hex = arena_alloc(rq->arena, SM3_HEX_SIZE);
    sm3_hex(n.token, hex);
    n.digest = str_c(hex);
    n.agent = header_text(rq, "User-Agent");
    return n;
}

int session_begin(Deed *d, Str user, const NewSession *n, Err *err)
{
    TRY(tx_exec(d->tx, &sql_people_session_sweep, VALS(V_INT(d->now), V_INT(d->now - IDLE_US)), NULL, err));
    return tx_exec(d->tx, &sql_people_session_put,
                   VALS(V_TEXT(n->digest), V_TEXT(user), V_INT(d->now), V_INT(d->now + SESSION_US),
                        V_TEXT(n->id), V_TEXT(n->address), V_TEXT(n->agent)),
                   NULL, err);
}

void session_cookie(Request *rq, Str token)
{
    bool https = str_starts(rq->base_url, S("https:"));
    request_header(rq, "Set-Cookie",
                   str_fmt(rq->arena,
                           COOKIE "=" STR_FMT "; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200%s",
                           STR_ARG(token), https ? "; Secure" : ""));
}

/* --- sign in --- */

static int look_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    Arena *a = s->rq->arena;
    Rows *rows;
    TRY(tx_query(tx, a, &sql_people_user_get, VALS(V_TEXT(s->user)), &rows, err));
    int rc = rows_next(rows, err);
    s->found = rc > 0 && !rows_int(rows, 6);
    if (s->found) {
        snprintf(s->hash, sizeof s->hash, STR_FMT, STR_ARG(rows_text(rows, a, 2)));
        s->password_at = rows_int(rows, 8) ? rows_int(rows, 8) : rows_int(rows, 9);
    }
    rows_done(rows);
    if (rc < 0 || !s->found) return rc < 0 ? rc : 0;
    TRY(read_failures(s, tx, err));
    return s->rq->city->people ? factor_read(tx, s->rq->city, a, s->user, &s->factor, err) : 0;
}

static int admit(SignIn *s, Deed *d, Err *err)
{
    TRY(tx_exec(d->tx, &sql_people_failure_clear, VALS(V_TEXT(s->user), V_TEXT(s->source)), NULL, err));
    TRY(tx_exec(d->tx, &sql_people_failure_sweep, VALS(V_INT(d->now - LOCK_US)), NULL, err));
    TRY(tx_exec(d->tx, &sql_people_device_sweep, VALS(V_INT(d->now - (int64_t)DEVICE_DAYS * US_PER_DAY)),
                NULL, err));
    Str device = s->known_device ? s->device : s->new_device;
    if (device.n)
        TRY(tx_exec(d->tx, &sql_people_device_put, VALS(V_TEXT(device), V_TEXT(s->user), V_INT(d->now)), NULL,
                    err));
    if (!s->by_certificate && password_expired(d->city, s->password_at, d->now))
        TRY(tx_exec(d->tx, &sql_people_user_must_change, VALS(V_TEXT(s->user)), NULL, err));
    TRY(session_begin(d, s->user, &s->session, err));
    *s->who = (Actor){0};
    s->rights = (Rights){.a = d->a, .m = d->city->model, .actor = s->who};
    return rights_read(&s->rights, d->tx, &sql_people_user_rights, s->user, NULL, err);
}

static int outcome_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    Deed d = deed_of(s->rq, tx);
    bool right = s->right;
    if (s->by_certificate) {
        TRY(challenge_take(&d, s->nonce, &right, err));
        s->rights.found = s->needs_code = s->locked_now = false;
        return right ? admit(s, &d, err) : 0;
    }
    s->needs_code = right && s->factor.confirmed && !s->code.n;
    if (s->needs_code) return 0;
    if (right && s->factor.confirmed) TRY(factor_take(&d, s->user, &s->factor, s->code, &right, err));
    s->locked_now = !right && s->failures + 1 >= FAILURES_MAX;
    s->rights.found = false;
    return right ? admit(s, &d, err) : add_failure(s, &d, err);
}

static int refuse(Request *rq, const SignIn *s, Err *err)
{
    if (s->needs_code) {
        request_header(rq, "X-Second-Factor", S("totp"));
        err_set(err, ERR_UNAUTHORIZED, "还要第二因素的验证码");
        err_hint(err, "second_factor：在 code 里写验证器上的六位数字，或一个恢复码");
        return err_pointer(err, "/code");
    }
    if (s->locked_now) {
        request_header(rq, "Retry-After", S("900"));
        err_set(err, ERR_LOCKED, "口令连续错了 %d 次，账号在这里锁定 15 分钟", FAILURES_MAX);
        return err_hint(err, "15 分钟后再试，或请系统管理员重设");
    }
    err_set(err, ERR_UNAUTHORIZED, "用户名、口令或验证码不对");
    return err_hint(err, "连续错 %d 次会锁定 15 分钟", FAILURES_MAX);
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
    if (who->behalf.n) jw_kstr(w, "behalf", who->behalf);
    jw_kbool(w, "demo", rq->city->demo);
}

typedef struct Credentials {
    Str user, password, code, certificate, nonce, signature;
} Credentials;

const JsonField people_credentials[] = {
    {"user", JSON_T_STR, offsetof(Credentials, user), .max = 100, .title = "登录名"},
    {"password", JSON_T_STR, offsetof(Credentials, password), .max = PASSWORD_MAX, .title = "口令"},
    {"code", JSON_T_STR, offsetof(Credentials, code), .max = 40, .title = "第二因素的验证码或恢复码"},
    {"certificate", JSON_T_STR, offsetof(Credentials, certificate), .max = 16384,
     .title = "SM2 证书（PEM），代替登录名和口令"},
    {"nonce", JSON_T_STR, offsetof(Credentials, nonce), .max = SHORT_MAX,
     .title = "POST /api/session/challenge 给的挑战"},
    {"signature", JSON_T_STR, offsetof(Credentials, signature), .max = SHORT_MAX,
     .title = "对挑战的 SM2 签名（DER，base64）"},
    {0}};

/* A browser shows itself by what it sends with every POST; programs need no cookie. */
static void offer_device(Request *rq, SignIn *s, Str *ret_cookie)
{
    bool browser = rq->header(rq, "Origin").n || rq->header(rq, "Sec-Fetch-Site").n;
    char *hex = arena_alloc(rq->arena, SM3_HEX_SIZE);
    *ret_cookie = s->new_device = S("");
    if (!browser || s->known_device) return;
    Str token = new_token(rq->arena);
    sm3_hex(token, hex);
    s->new_device = str_c(hex);
    *ret_cookie =
        str_fmt(rq->arena, DEVICE_COOKIE "=" STR_FMT "; Path=/api; HttpOnly; SameSite=Strict; Max-Age=%d",
                STR_ARG(token), DEVICE_MAX_AGE);
}

static int certificate_tx(Tx *tx, void *p, Err *err)
{
    Credentials *c = p; /* user: in the subject, out the login name */
    _cleanup_arena_ Arena *a = arena_new();
    Val v;
    int rc = tx_one(tx, a, &sql_people_certificate_get, VALS(V_TEXT(c->certificate)), &v, err);
    if (rc < 0 && rc != -(int)ERR_NOT_FOUND) return rc;
    snprintf((char *)c->password.p, c->password.n, STR_FMT, STR_ARG(rc < 0 ? S("") : v.s));
    return 0;
}

/* Whose the certificate is: *c gets the login name. */
static int by_certificate(Request *rq, Credentials *c, Err *err)
{
    enum { NAME_ROOM = 200 };
    Str subject;
    char *name = arena_alloc(rq->arena, NAME_ROOM);
    TRY(certificate_sign_in(rq, c->certificate, c->nonce, c->signature, &subject, err));
    Credentials look = {.certificate = subject, .password = str_n(name, NAME_ROOM)};
    TRY(store_read(rq->city->store, "certificate", certificate_tx, &look, err));
    if (!*name)
        return err_set(err, ERR_UNAUTHORIZED, "证书没有登记给任何用户"), err_hint(err, "请系统管理员登记"),
               err_pointer(err, "/certificate");
    c->user = str_c(name);
    return 0;
}

static int needs(const Credentials *c, Err *err)
{
    const char *missing = c->certificate.n ? NULL : !c->user.n ? "user" : !c->password.n ? "password" : NULL;
    if (!missing) return 0;
    err_set(err, ERR_INPUT, "缺少 %s", missing);
    err_hint(err, "写登录名和口令，或证书、挑战和签名");
    return err_pointer(err, "/%s", missing);
}

int session_post(Request *rq, Err *err)
{
    Credentials c = {0};
    Actor who = {0};
    Str device_cookie;
    JsonWriter w;
    TRY(body_decode(rq, people_credentials, &c, NULL, err));
    TRY(needs(&c, err));
    if (c.certificate.n) TRY(by_certificate(rq, &c, err));
    SignIn s = {.rq = rq, .user = c.user, .code = c.code, .who = &who, .device = device_digest(rq)};
    s.by_certificate = c.certificate.n > 0;
    s.nonce = c.nonce;
    TRY(store_read(rq->city->store, "sign-in", look_tx, &s, err));
    if (!s.by_certificate && s.found && s.locked_until > clock_now_us()) return refuse_locked(rq, &s, err);
    s.right = s.by_certificate || password_right(s.found ? s.hash : NULL, c.password);
    s.session = session_new(rq);
    offer_device(rq, &s, &device_cookie);
    if (!s.by_certificate && (s.everywhere || !s.right)) TRY(people_slow_down(rq->city, s.everywhere, err));
    if (s.found) TRY(store_tx(rq->city->store, "sign-in", outcome_tx, &s, err));
    if (!s.rights.found) return refuse(rq, &s, err);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "token", s.session.token);
    who_json(rq, &w, &who);
    if (s.rights.must_change) jw_kbool(&w, "must_change", true);
    jw_object_end(&w);
    session_cookie(rq, s.session.token);
    if (device_cookie.n) request_header(rq, "Set-Cookie", device_cookie);
    return 0;
}

static int admit_tx(Tx *tx, void *p, Err *err)
{
    SignIn *s = p;
    Deed d = deed_of(s->rq, tx);
    s->rights.found = false;
    return admit(s, &d, err);
}

int sign_in_as(Request *rq, Str user, Err *err)
{
    Actor who = {0};
    SignIn s = {.rq = rq, .user = user, .who = &who, .device = device_digest(rq), .by_certificate = true};
    TRY(store_read(rq->city->store, "sign-in", look_tx, &s, err));
    s.session = session_new(rq);
    if (s.found) TRY(store_tx(rq->city->store, "sign-in", admit_tx, &s, err));
    if (!s.rights.found)
        return err_set(err, ERR_UNAUTHORIZED, "账号已停用"), err_hint(err, "请系统管理员启用");
    session_cookie(rq, s.session.token);
    return 0;
}

static int drop_tx(Tx *tx, void *p, Err *err)
{
    const Request *rq = p;
    return tx_exec(tx, &sql_people_session_drop_id, VALS(V_TEXT(rq->who->user), V_TEXT(rq->who->session)),
                   NULL, err);
}

int session_delete(Request *rq, Err *err)
{
    TRY(store_tx(rq->city->store, "sign-out", drop_tx, rq, err));
    request_header(rq, "Set-Cookie", S(COOKIE "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"));
    rq->status = 204;
    return 0;
}

typedef struct Must {
    const Request *rq;
    bool change;
} Must;

static int must_tx(Tx *tx, void *p, Err *err)
{
    Must *x = p;
    Rows *rows;
    TRY(tx_query(tx, x->rq->arena, &sql_people_user_get, VALS(V_TEXT(x->rq->who->user)), &rows, err));
    int rc = rows_next(rows, err);
    x->change = rc > 0 && rows_int(rows, 7) != 0;
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

int me_get(Request *rq, Err *err)
{
    JsonWriter w;
    Must must = {.rq = rq};
    if (!rq->who->roles.n) TRY(store_read(rq->city->store, "me", must_tx, &must, err)); /* see rights_read */
    jw_init(&w, &rq->out);
    jw_object(&w);
    who_json(rq, &w, rq->who);
    if (must.change) jw_kbool(&w, "must_change", true);
    jw_object_end(&w);
    return 0;
}
