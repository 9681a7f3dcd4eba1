/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Signing in through the province (OpenID Connect Core 1.0 §3.1, RFC 7636, RFC 9207): off to the issuer with
 * what this sign-in is about sealed in a cookie of ten minutes, and back. Whose a subject is, is registered
 * by the security administrator; administrators sign in here only.
 */
#include "people/province_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"

enum { NEXT_MAX = 1000, FLIGHT_S = 600, BOX_MAX = 6000 };
#define FLIGHT_COOKIE "chengshu_province"
#define FLIGHT_PATH   "/api/session/province"

/* What the cookie holds while the browser is away. */
typedef struct Flight {
    Str state, nonce, verifier, next;
    int64_t until_s;
} Flight;

static const JsonField flight_spec[] = {
    {"state", JSON_T_STR, offsetof(Flight, state), .required = true},
    {"nonce", JSON_T_STR, offsetof(Flight, nonce), .required = true},
    {"verifier", JSON_T_STR, offsetof(Flight, verifier), .required = true},
    {"next", JSON_T_STR, offsetof(Flight, next), .required = true},
    {"until", JSON_T_INT, offsetof(Flight, until_s), .required = true},
    {0}};

bool local_path(Str s)
{
    if (!s.n || s.n > NEXT_MAX || s.p[0] != '/' || (s.n > 1 && s.p[1] == '/')) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 127 || s.p[i] == '\\') return false;
    return true;
}

/* The accounts of a demo city, for its sign-in page. */
typedef struct DemoUsers {
    Request *rq;
    JsonWriter *w;
} DemoUsers;

static int demo_users_tx(Tx *tx, void *p, Err *err)
{
    DemoUsers *d = p;
    Rows *rows;
    int rc;
    TRY(tx_query(tx, d->rq->arena, &sql_people_demo_users, NULL, 0, &rows, err));
    buf_clear(&d->rq->out);
    jw_init(d->w, &d->rq->out);
    jw_object(d->w);
    jw_key(d->w, S("demo"));
    jw_array(d->w);
    while ((rc = rows_next(rows, err)) > 0) {
        jw_object(d->w);
        jw_kstr(d->w, "user", rows_text(rows, d->rq->arena, 0));
        jw_kstr(d->w, "title", rows_text(rows, d->rq->arena, 1));
        jw_object_end(d->w);
    }
    rows_done(rows);
    jw_array_end(d->w);
    return rc;
}

int session_ways(Request *rq, Err *err)
{
    const Province *p = people_province(rq->city);
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    if (rq->city->demo)
        TRY(store_read(rq->city->store, "demo users", demo_users_tx, &(DemoUsers){rq, &w}, err));
    jw_kbool(&w, "password", true);
    jw_kstr(&w, "password_rule", password_rule(rq->city, rq->arena));
    jw_kbool(&w, "province", p != NULL);
    if (p) jw_kstr(&w, "province_title", province_settings(p)->title);
    jw_object_end(&w);
    return 0;
}

static int configured(const Request *rq, Province **ret, Err *err)
{
    *ret = people_province(rq->city);
    if (*ret) return 0;
    err_set(err, ERR_NOT_FOUND, "本市没有配置省统一身份登录");
    return err_hint(err, "请用本市的用户名和口令登录；系统管理员可以在 keys/province.json 里配置");
}

/* The browser brings it back from the issuer's site: Lax, not Strict. */
static void flight_cookie(Request *rq, Str value, int max_age)
{
    bool https = str_starts(rq->base_url, S("https:"));
    request_header(rq, "Set-Cookie",
                   str_fmt(rq->arena,
                           FLIGHT_COOKIE "=" STR_FMT "; Path=" FLIGHT_PATH
                                         "; HttpOnly; SameSite=Lax; Max-Age=%d%s",
                           STR_ARG(value), max_age, https ? "; Secure" : ""));
}

static Str flight_text(Arena *a, const Flight *f)
{
    Buf b;
    JsonWriter w;
    buf_init(&b, BOX_MAX);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "state", f->state);
    jw_kstr(&w, "nonce", f->nonce);
    jw_kstr(&w, "verifier", f->verifier);
    jw_kstr(&w, "next", f->next);
    jw_kint(&w, "until", f->until_s);
    jw_object_end(&w);
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

int province_start(Request *rq, Err *err)
{
    Arena *a = rq->arena;
    Province *p;
    ProvinceEnds ends;
    Str next = request_param(rq, "next"), box;
    TRY(configured(rq, &p, err));
    if (next.n && !local_path(next))
        return err_set(err, ERR_INPUT, "next 只能是本站的路径"), err_hint(err, "如 next=/"),
               err_pointer(err, "next");
    TRY(province_ends(p, a, &ends, err));
    const ProvinceSettings *s = province_settings(p);
    Flight f = {new_token(a), new_token(a), new_token(a), next.n ? next : S("/"),
                clock_now_us() / US_PER_SEC + FLIGHT_S};
    TRY(people_seal(rq->city, a, S("province"), flight_text(a, &f), &box, err));
    flight_cookie(rq, box, FLIGHT_S);
    Str id = url_encoded(a, s->client_id), redirect = url_encoded(a, s->redirect_uri);
    request_header(rq, "Location",
                   str_fmt(a,
                           STR_FMT "%cresponse_type=code&scope=openid&client_id=" STR_FMT
                                   "&redirect_uri=" STR_FMT "&state=" STR_FMT "&nonce=" STR_FMT
                                   "&code_challenge=" STR_FMT "&code_challenge_method=S256",
                           STR_ARG(ends.authorize), str_find(ends.authorize, '?') >= 0 ? '&' : '?',
                           STR_ARG(id), STR_ARG(redirect), STR_ARG(f.state), STR_ARG(f.nonce),
                           STR_ARG(pkce_challenge(a, f.verifier))));
    request_header(rq, "Cache-Control", S("no-store"));
    rq->status = 302;
    return 0;
}

/* --- and back --- */

static int begin_again(Err *err, const char *why)
{
    err_set(err, ERR_UNAUTHORIZED, "省统一身份登录没有完成：%s", why);
    return err_hint(err, "请回到登录页重新登录，十分钟内完成，中间不要换浏览器");
}

static int flight_read(Request *rq, Flight *ret, Err *err)
{
    Err ignored = ERR_INIT;
    json_t *o;
    Str box = cookie_value(rq, FLIGHT_COOKIE), text;
    if (!box.n) return begin_again(err, "这个浏览器没有开始过登录，或已超过时间");
    if (box.n > BOX_MAX || people_unseal(rq->city, rq->arena, S("province"), box, &text, &ignored) < 0 ||
        json_parse(rq->arena, text, &o, &ignored) < 0 ||
        json_decode(rq->arena, o, flight_spec, ret, &ignored) < 0)
        return begin_again(err, "登录的记号读不懂");
    if (ret->until_s <= clock_now_us() / US_PER_SEC) return begin_again(err, "超过了十分钟");
    if (!bytes_equal(request_param(rq, "state"), ret->state)) return begin_again(err, "不是这次登录的答复");
    return 0;
}

/* Keys that are not known may be new ones: asked for once. */
static int subject_of(Request *rq, Province *p, const Flight *f, Str code, Str *ret, Err *err)
{
    const ProvinceSettings *s = province_settings(p);
    json_t *keys;
    Str token;
    bool unknown;
    TRY(province_exchange(p, rq->arena, code, f->verifier, &token, err));
    TokenWant want = {s->issuer, s->client_id, f->nonce, s->subject_claim, clock_now_us() / US_PER_SEC};
    TRY(province_keys(p, rq->arena, false, &keys, err));
    int rc = token_check(rq->arena, token, keys, &want, ret, &unknown, err);
    if (rc == 0 || !unknown) return rc;
    TRY(province_keys(p, rq->arena, true, &keys, err));
    return token_check(rq->arena, token, keys, &want, ret, &unknown, err);
}

typedef struct Whose {
    const Request *rq;
    Str subject, user;
} Whose;

static int whose_tx(Tx *tx, void *p, Err *err)
{
    Whose *x = p;
    Val v;
    int rc = tx_one(tx, x->rq->arena, &sql_people_subject_get, VALS(V_TEXT(x->subject)), &v, err);
    x->user = rc == 0 ? v.s : S("");
    if (rc < 0) return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
    return subject_for(tx, x->rq->arena, x->rq->city->model, x->user, err); /* may have become one */
}

static int answered(const Request *rq, const Province *p, Err *err)
{
    Str wrong = request_param(rq, "error"), iss = request_param(rq, "iss");
    if (wrong.n) return begin_again(err, str_is(wrong, "access_denied") ? "省里没有放行" : "省里答复有误");
    if (iss.n && !str_eq(iss, province_settings(p)->issuer)) return begin_again(err, "答复来自别处");
    Str code = request_param(rq, "code");
    return code.n && code.n <= 2000 ? 0 : begin_again(err, "答复里没有授权码");
}

int province_callback(Request *rq, Err *err)
{
    Province *p;
    Flight f = {0};
    Whose x = {.rq = rq};
    TRY(configured(rq, &p, err));
    TRY(flight_read(rq, &f, err));
    flight_cookie(rq, S(""), 0); /* for one answer, good or bad */
    TRY(answered(rq, p, err));
    TRY(subject_of(rq, p, &f, request_param(rq, "code"), &x.subject, err));
    TRY(store_read(rq->city->store, "subject", whose_tx, &x, err));
    if (!x.user.n)
        return err_set(err, ERR_FORBIDDEN, "您的省统一身份没有登记给本市的用户"),
               err_hint(err, "请安全管理员登记，或用本市的用户名和口令登录");
    TRY(sign_in_as(rq, x.user, err));
    request_header(rq, "Location", local_path(f.next) ? f.next : S("/"));
    request_header(rq, "Cache-Control", S("no-store"));
    rq->status = 302;
    return 0;
}
