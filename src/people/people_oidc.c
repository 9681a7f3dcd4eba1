/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * OpenID Connect provider (OpenID Connect Core 1.0 §3.1, Discovery 1.0; RFC 6749, RFC 7636): authorisation
 * code with PKCE S256, nothing else. Registered systems belong to the city, so nobody is asked for consent.
 * The access token opens the user information and no other route.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "model/url.h"
#include "people_sql.h"

enum { CODE_S = 60, TOKEN_S = 900, FORM_MAX = 20, CLIENT_REDIRECTS = 10 };

static Str digest_of(Arena *a, Str text)
{
    char *hex = arena_alloc(a, SM3_HEX_SIZE);
    sm3_hex(text, hex);
    return str_c(hex);
}

/* --- what the world may know --- */

static void list(JsonWriter *w, const char *key, const char *const *items)
{
    jw_key(w, str_c(key));
    jw_array(w);
    for (; *items; items++) jw_str(w, str_c(*items));
    jw_array_end(w);
}

int oidc_configuration(Request *rq, Err *err)
{
    static const struct {
        const char *name, *path;
    } places[] = {{"authorization_endpoint", "/oidc/authorize"},
                  {"token_endpoint", "/oidc/token"},
                  {"userinfo_endpoint", "/oidc/userinfo"},
                  {"jwks_uri", "/oidc/jwks"}};
    static const struct {
        const char *name, *items[5];
    } lists[] = {
        {"response_types_supported", {"code"}},
        {"grant_types_supported", {"authorization_code"}},
        {"subject_types_supported", {"public"}},
        {"id_token_signing_alg_values_supported", {"RS256"}},
        {"code_challenge_methods_supported", {"S256"}},
        {"scopes_supported", {"openid", "profile"}},
        {"claims_supported", {"sub", "name", "preferred_username", "org"}},
        {"token_endpoint_auth_methods_supported", {"client_secret_basic", "client_secret_post", "none"}}};
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "issuer", rq->base_url);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        jw_kstr(&w, places[i].name, str_fmt(rq->arena, STR_FMT "%s", STR_ARG(rq->base_url), places[i].path));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) list(&w, lists[i].name, lists[i].items);
    jw_object_end(&w);
    return 0;
}

int oidc_jwks(Request *rq, Err *err)
{
    JsonWriter w;
    if (!people_rsa(rq->city)) return err_set(err, ERR_BUSY, "服务尚未就绪");
    jw_init(&w, &rq->out);
    jwt_keys(rq->arena, people_rsa(rq->city), &w);
    return 0;
}

/* --- authorize --- */

typedef struct Authorize {
    Request *rq;
    Str client, redirect, challenge, nonce, code;
    Str title, secret, redirects;
    bool found;
} Authorize;

static int client_tx(Tx *tx, void *p, Err *err)
{
    Authorize *x = p;
    Rows *rows;
    TRY(tx_query(tx, x->rq->arena, &sql_people_client_get, VALS(V_TEXT(x->client)), &rows, err));
    int rc = rows_next(rows, err);
    x->found = rc > 0;
    if (rc > 0) {
        x->title = rows_text(rows, x->rq->arena, 0);
        x->secret = rows_text(rows, x->rq->arena, 1);
        x->redirects = rows_text(rows, x->rq->arena, 2);
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int code_tx(Tx *tx, void *p, Err *err)
{
    const Authorize *x = p;
    int64_t now = clock_now_us();
    TRY(tx_exec(tx, &sql_people_code_sweep, VALS(V_INT(now)), NULL, err));
    return tx_exec(tx, &sql_people_code_add,
                   VALS(V_TEXT(digest_of(x->rq->arena, x->code)), V_TEXT(x->client), V_TEXT(x->rq->who->user),
                        V_TEXT(x->redirect), V_TEXT(x->challenge), V_TEXT(x->nonce),
                        V_INT(now + CODE_S * US_PER_SEC)),
                   NULL, err);
}

Str url_encoded(Arena *a, Str s)
{
    char *p = arena_alloc(a, s.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("-._~", c));
        if (plain)
            p[n++] = (char)c;
        else
            n += (size_t)snprintf(p + n, 4, "%%%02X", c);
    }
    return str_n(p, n);
}

static void redirect_to(Request *rq, Str redirect, const char *name, Str value)
{
    Str state = request_param(rq, "state"), iss = url_encoded(rq->arena, rq->base_url);
    Str url = str_fmt(rq->arena, STR_FMT "%c%s=" STR_FMT "&iss=" STR_FMT, STR_ARG(redirect),
                      str_find(redirect, '?') >= 0 ? '&' : '?', name, STR_ARG(value), STR_ARG(iss));
    if (state.n)
        url = str_fmt(rq->arena, STR_FMT "&state=" STR_FMT, STR_ARG(url),
                      STR_ARG(url_encoded(rq->arena, state)));
    request_header(rq, "Location", url);
    rq->status = 302;
}

static bool allowed(Str redirects, Str one)
{
    Str part;
    while (str_split(&redirects, ',', &part))
        if (str_eq(part, one) && one.n) return true;
    return false;
}

/* A strict cookie does not come along from another site's page; it does when this page asks again. */
static void ask_again(Request *rq)
{
    rq->content_type = "text/html; charset=utf-8";
    buf_adds(&rq->out, "<!doctype html><meta charset=\"utf-8\"><title>登录</title>"
                       "<meta http-equiv=\"refresh\" content=\"0;url=/oidc/authorize?again=1&amp;");
    for (size_t i = 0; i < rq->query.n; i++) {
        char c = rq->query.p[i];
        if (c == '&')
            buf_adds(&rq->out, "&amp;");
        else if (c == '"' || c == '\'' || c == '<' || c == '>' || (unsigned char)c <= 0x20)
            buf_addf(&rq->out, "%%%02X", (unsigned char)c);
        else
            buf_addc(&rq->out, c);
    }
    buf_adds(&rq->out, "\"><p>正在登录……</p>");
}

static const char *wrong_request(const Request *rq, const Authorize *x)
{
    Str scope = request_param(rq, "scope"), part;
    bool openid = false;
    while (str_split(&scope, ' ', &part)) openid |= str_is(part, "openid");
    if (!str_is(request_param(rq, "response_type"), "code")) return "unsupported_response_type";
    if (!openid) return "invalid_scope";
    if (!str_is(request_param(rq, "code_challenge_method"), "S256") || x->challenge.n != 43)
        return "invalid_request";
    if (x->nonce.n > SHORT_MAX || request_param(rq, "state").n > 2000) return "invalid_request";
    return NULL;
}

int oidc_authorize(Request *rq, Err *err)
{
    Authorize x = {.rq = rq,
                   .client = request_param(rq, "client_id"),
                   .redirect = request_param(rq, "redirect_uri"),
                   .challenge = request_param(rq, "code_challenge"),
                   .nonce = request_param(rq, "nonce")};
    TRY(store_read(rq->city->store, "client", client_tx, &x, err));
    if (!x.found || !allowed(x.redirects, x.redirect))
        return err_set(err, ERR_INPUT, "没有登记这个系统，或它的回调地址不对"),
               err_hint(err, "请该系统的管理员联系安全管理员"),
               err_pointer(err, "%s", x.found ? "redirect_uri" : "client_id");
    const char *wrong = wrong_request(rq, &x);
    if (wrong) return redirect_to(rq, x.redirect, "error", str_c(wrong)), 0;
    if (!rq->who->session.n && str_is(request_param(rq, "prompt"), "none"))
        return redirect_to(rq, x.redirect, "error", S("login_required")), 0;
    if (!rq->who->session.n && !request_param(rq, "again").n) return ask_again(rq), 0;
    if (!rq->who->session.n) {
        request_header(rq, "Location",
                       str_fmt(rq->arena, "/?next=" STR_FMT, STR_ARG(url_encoded(rq->arena, rq->target))));
        rq->status = 302;
        return 0;
    }
    /* no rights at all, or a password that must be changed first; or in another's name */
    if (!rq->who->roles.n || rq->who->behalf.n)
        return redirect_to(rq, x.redirect, "error", S("access_denied")), 0;
    x.code = new_token(rq->arena);
    TRY(store_tx(rq->city->store, "code", code_tx, &x, err));
    redirect_to(rq, x.redirect, "code", x.code);
    return 0;
}

/* --- token --- */

typedef struct Exchange {
    Authorize client;
    Str code, verifier, given_redirect, user, nonce, access;
    bool good;
} Exchange;

/* The code is used up by whoever presents it, rightly or not. */
static int exchange_tx(Tx *tx, void *p, Err *err)
{
    Exchange *x = p;
    Arena *a = x->client.rq->arena;
    int64_t now = clock_now_us();
    Str digest = digest_of(a, x->code);
    Rows *rows;
    TRY(tx_query(tx, a, &sql_people_code_get, VALS(V_TEXT(digest), V_INT(now)), &rows, err));
    int rc = rows_next(rows, err);
    x->good = false;
    if (rc > 0) {
        x->user = rows_text(rows, a, 1);
        x->nonce = rows_text(rows, a, 4);
        x->good = str_eq(rows_text(rows, a, 0), x->client.client) &&
                  str_eq(rows_text(rows, a, 2), x->given_redirect) &&
                  bytes_equal(rows_text(rows, a, 3), pkce_challenge(a, x->verifier));
    }
    rows_done(rows);
    if (rc < 0) return rc;
    TRY(tx_exec(tx, &sql_people_code_drop, VALS(V_TEXT(digest)), NULL, err));
    if (!x->good) return 0;
    TRY(tx_exec(tx, &sql_people_access_sweep, VALS(V_INT(now)), NULL, err));
    return tx_exec(tx, &sql_people_access_add,
                   VALS(V_TEXT(digest_of(a, x->access)), V_TEXT(x->client.client), V_TEXT(x->user),
                        V_INT(now + TOKEN_S * US_PER_SEC)),
                   NULL, err);
}

/* RFC 6749 §5.2: errors of this route are the client libraries', not problem documents. */
static int oauth_error(Request *rq, int status, const char *code)
{
    JsonWriter w;
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "error", str_c(code));
    jw_object_end(&w);
    if (status == 401) request_header(rq, "WWW-Authenticate", S("Basic realm=\"chengshu\""));
    rq->status = status;
    return 0;
}

/* Client id and secret from Basic (each form-encoded, RFC 6749 §2.3.1) or from the form. */
static void client_of(Request *rq, Str *ret_id, Str *ret_secret)
{
    Str h = rq->header(rq, "Authorization"), plain;
    Err ignored = ERR_INIT;
    *ret_id = url_param(rq->arena, rq->body, "client_id");
    *ret_secret = url_param(rq->arena, rq->body, "client_secret");
    if (!str_starts(h, S("Basic ")) ||
        base64_decode(rq->arena, str_trim(str_from(h, 6)), &plain, &ignored) < 0)
        return;
    ptrdiff_t colon = str_find(plain, ':');
    if (colon < 0) return;
    *ret_id = url_decode(rq->arena, str_n(plain.p, (size_t)colon), true);
    *ret_secret = url_decode(rq->arena, str_from(plain, (size_t)colon + 1), true);
}

static Str id_claims(Request *rq, const Exchange *x)
{
    Buf b;
    JsonWriter w;
    int64_t now = clock_now_us() / US_PER_SEC;
    buf_init(&b, 10000);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "iss", rq->base_url);
    jw_kstr(&w, "sub", x->user);
    jw_kstr(&w, "aud", x->client.client);
    jw_kint(&w, "iat", now);
    jw_kint(&w, "exp", now + TOKEN_S);
    if (x->nonce.n) jw_kstr(&w, "nonce", x->nonce);
    jw_kstr(&w, "preferred_username", x->user);
    jw_object_end(&w);
    Str s = buf_dup(rq->arena, &b);
    buf_done(&b);
    return s;
}

int oidc_token(Request *rq, Err *err)
{
    Str secret, id_token;
    JsonWriter w;
    Exchange x = {.client = {.rq = rq}, .access = new_token(rq->arena)};
    if (!people_rsa(rq->city)) return err_set(err, ERR_BUSY, "服务尚未就绪");
    client_of(rq, &x.client.client, &secret);
    x.code = url_param(rq->arena, rq->body, "code");
    x.verifier = url_param(rq->arena, rq->body, "code_verifier");
    x.given_redirect = url_param(rq->arena, rq->body, "redirect_uri");
    if (!str_is(url_param(rq->arena, rq->body, "grant_type"), "authorization_code"))
        return oauth_error(rq, 400, "unsupported_grant_type");
    TRY(store_read(rq->city->store, "client", client_tx, &x.client, err));
    if (!x.client.found || (x.client.secret.n && !bytes_equal(digest_of(rq->arena, secret), x.client.secret)))
        return oauth_error(rq, 401, "invalid_client");
    if (!x.code.n || x.verifier.n < 43 || x.verifier.n > 128) return oauth_error(rq, 400, "invalid_request");
    TRY(store_tx(rq->city->store, "token", exchange_tx, &x, err));
    if (!x.good) return oauth_error(rq, 400, "invalid_grant");
    TRY(jwt_sign(rq->arena, people_rsa(rq->city), id_claims(rq, &x), &id_token, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "access_token", x.access);
    jw_kstr(&w, "token_type", S("Bearer"));
    jw_kint(&w, "expires_in", TOKEN_S);
    jw_kstr(&w, "scope", S("openid profile"));
    jw_kstr(&w, "id_token", id_token);
    jw_object_end(&w);
    return 0;
}

/* --- userinfo --- */

typedef struct Info {
    Request *rq;
    Str digest;
    bool found;
} Info;

static int info_tx(Tx *tx, void *p, Err *err)
{
    Info *x = p;
    Arena *a = x->rq->arena;
    Rows *rows;
    JsonWriter w;
    TRY(tx_query(tx, a, &sql_people_access_get, VALS(V_TEXT(x->digest), V_INT(clock_now_us())), &rows, err));
    int rc = rows_next(rows, err);
    x->found = rc > 0;
    if (rc > 0) {
        buf_clear(&x->rq->out);
        jw_init(&w, &x->rq->out);
        jw_object(&w);
        jw_kstr(&w, "sub", rows_text(rows, a, 0));
        jw_kstr(&w, "preferred_username", rows_text(rows, a, 0));
        jw_kstr(&w, "name", rows_text(rows, a, 1));
        jw_kstr(&w, "org", rows_text(rows, a, 2));
        jw_object_end(&w);
    }
    rows_done(rows);
    return rc < 0 ? rc : 0;
}

int oidc_userinfo(Request *rq, Err *err)
{
    Str h = rq->header(rq, "Authorization");
    Info x = {.rq = rq};
    if (h.n > 7 && str_ieq(str_n(h.p, 7), S("Bearer ")))
        x.digest = digest_of(rq->arena, str_trim(str_from(h, 7)));
    if (x.digest.n) TRY(store_read(rq->city->store, "userinfo", info_tx, &x, err));
    if (x.found) return 0;
    request_header(rq, "WWW-Authenticate", S("Bearer error=\"invalid_token\""));
    return err_set(err, ERR_UNAUTHORIZED, "访问令牌无效或已过期"),
           err_hint(err, "重新经 /oidc/authorize 登录");
}

/* --- registered systems --- */

typedef struct ClientIn {
    Str title;
    StrList redirects;
    bool is_public;
} ClientIn;

const JsonField client_fields[] = {{"title", JSON_T_STR, offsetof(ClientIn, title), .required = true,
                                    .min = 1, .max = 100, .title = "系统名称"},
                                   {"redirects", JSON_T_STR_LIST, offsetof(ClientIn, redirects),
                                    .required = true, .title = "回调地址，逐字比较"},
                                   {"public", JSON_T_BOOL, offsetof(ClientIn, is_public),
                                    .title = "没有密钥的客户端（手机、浏览器里的程序）"},
                                   {0}};

typedef struct MakeClient {
    Request *rq;
    ClientIn in;
    Str id, secret, digest, redirects;
} MakeClient;

static int make_tx(Tx *tx, void *p, Err *err)
{
    MakeClient *m = p;
    Deed d = deed_of(m->rq, tx);
    TRY(tx_exec(tx, &sql_people_client_add,
                VALS(V_TEXT(m->id), V_TEXT(m->in.title), V_TEXT(m->digest), V_TEXT(m->redirects),
                     V_TEXT(d.who->user), V_INT(d.now)),
                NULL, err));
    const Fact after[] = {{"title", m->in.title}, {"redirects", m->redirects}, {0}};
    return note(&d, "people_client", m->id, "insert", NULL, after, err);
}

/* HTTPS, or plain HTTP on the machine itself; no fragment (RFC 6749 §3.1.2). */
static bool redirect_good(Str s)
{
    static const char *const own[] = {"http://127.0.0.1", "http://localhost"};
    bool secure = str_starts(s, S("https://"));
    for (size_t i = 0; i < 2; i++) { /* the host ends there: localhost.example.com is somebody else's */
        size_t n = strlen(own[i]);
        secure |= str_starts(s, str_c(own[i])) && (s.n == n || s.p[n] == ':' || s.p[n] == '/');
    }
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || strchr(",#\"<>\\", s.p[i])) return false;
    return secure && s.n < 500;
}

int client_post(Request *rq, Err *err)
{
    MakeClient m = {.rq = rq, .id = new_id(rq->arena), .secret = new_token(rq->arena), .digest = S("")};
    JsonWriter w;
    TRY(body_decode(rq, client_fields, &m.in, NULL, err));
    if (!m.in.redirects.n || m.in.redirects.n > CLIENT_REDIRECTS)
        return err_set(err, ERR_VALIDATION, "写 1 到 %d 个回调地址", CLIENT_REDIRECTS),
               err_pointer(err, "/redirects");
    for (size_t i = 0; i < m.in.redirects.n; i++)
        if (!redirect_good(m.in.redirects.items[i]))
            return err_set(err, ERR_VALIDATION, "回调地址要是 https 网址，不含 # 和逗号"),
                   err_pointer(err, "/redirects/%zu", i);
    m.redirects = comma_join(rq->arena, &m.in.redirects);
    if (!m.in.is_public) m.digest = digest_of(rq->arena, m.secret);
    TRY(store_tx(rq->city->store, "client", make_tx, &m, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "id", m.id);
    if (!m.in.is_public) jw_kstr(&w, "secret", m.secret);
    jw_object_end(&w);
    rq->status = 201;
    return 0;
}

int clients_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_LIST, COL_BOOL, COL_TEXT, COL_TIME};
    return list_answer(rq, &sql_people_client_list, VALS(V_TEXT(request_param(rq, "after"))), kinds, err);
}
