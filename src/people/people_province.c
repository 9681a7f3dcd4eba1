/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The province's identity provider, this city being its client: settings (DIR/keys/province.json), what it
 * publishes about itself (OpenID Connect Discovery 1.0 §4, RFC 7517; kept for an hour) and the exchange of a
 * code (RFC 6749 §4.1.3). It is asked from workers, so a silent provider must not take them all: few calls at
 * a time, and after a failure none for some seconds.
 */
#include "people/province_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret_file.h"
#include "base/sm.h"
#include "rule/rule_net.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { ANSWER_MAX = JWKS_MAX, ASKING_MAX = 4 };
#define KEPT_US  ((int64_t)3600 * US_PER_SEC)
#define PAUSE_US ((int64_t)5 * US_PER_SEC)
#define CALLBACK "/api/session/province/callback"

typedef struct Kept {
    Buf text;
    int64_t at, failed_at; /* 0 = never */
} Kept;
typedef enum KeptWhat { KEPT_ENDS, KEPT_KEYS, KEPT_N } KeptWhat;

struct Province {
    Arena *a; /* of the settings */
    ProvinceSettings s;
    Str host;
    StrList allow; /* and the issuer's own host */
    pthread_mutex_t lock;
    Kept kept[KEPT_N];
    atomic_int asking;
};

/* --- settings --- */

static const JsonField spec[] = {
    {"issuer", JSON_T_STR, offsetof(ProvinceSettings, issuer), .required = true, .min = 8, .max = 500},
    {"client_id", JSON_T_STR, offsetof(ProvinceSettings, client_id), .required = true, .min = 1, .max = 200},
    {"client_secret", JSON_T_STR, offsetof(ProvinceSettings, client_secret), .max = 500},
    {"redirect_uri", JSON_T_STR, offsetof(ProvinceSettings, redirect_uri), .required = true, .min = 8,
     .max = 500},
    {"subject_claim", JSON_T_STR, offsetof(ProvinceSettings, subject_claim), .max = 100},
    {"title", JSON_T_STR, offsetof(ProvinceSettings, title), .max = 100},
    {"allow", JSON_T_STR_LIST, offsetof(ProvinceSettings, allow)},
    {0}};

static bool clean(Str url)
{
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || strchr("\"<>\\^`{|}#\x7f", url.p[i])) return false;
    return str_starts(url, S("https://")) || str_starts(url, S("http://"));
}

/* Without the port; empty when there is none, or a user before it. */
static Str host_of(Str url)
{
    Str rest = str_from(url, (size_t)str_find_str(url, S("://")) + 3);
    size_t n = 0;
    bool inside = rest.n && rest.p[0] == '[';
    while (n < rest.n && !strchr("/?", rest.p[n])) n++;
    rest.n = n;
    if (str_find(rest, '@') >= 0) return S("");
    for (n = 0; n < rest.n && (inside || rest.p[n] != ':'); n++)
        if (rest.p[n] == ']') inside = false;
    return str_n(rest.p, n);
}

static bool ends_with(Str s, Str end) { return s.n >= end.n && str_eq(str_from(s, s.n - end.n), end); }

static int check(Province *p, Err *err)
{
    ProvinceSettings *s = &p->s;
    bool inner = false;
    size_t cap = 0;
    if (!clean(s->issuer) || str_find(s->issuer, '?') >= 0 || !(p->host = host_of(s->issuer)).n)
        return err_set(err, ERR_INPUT, "issuer 写得不对"), err_hint(err, "如 https://id.example.gov.cn"),
               err_pointer(err, "/issuer");
    if (!clean(s->redirect_uri) || !ends_with(s->redirect_uri, S(CALLBACK)))
        return err_set(err, ERR_INPUT, "redirect_uri 写得不对"), err_hint(err, "本市网址后面接 " CALLBACK),
               err_pointer(err, "/redirect_uri");
    for (size_t i = 0; i < s->allow.n; i++)
        *ARENA_PUSH(p->a, p->allow.items, p->allow.n, cap) = s->allow.items[i];
    *ARENA_PUSH(p->a, p->allow.items, p->allow.n, cap) = p->host;
    if (str_starts(s->issuer, S("http://")) && (!net_allowed(&p->allow, p->host, &inner) || !inner))
        return err_set(err, ERR_INPUT, "issuer 必须是 https"),
               err_hint(err, "只有 allow 里写明 private:主机 的内部主机可以用 http"),
               err_pointer(err, "/issuer");
    if (!s->subject_claim.n) s->subject_claim = S("sub");
    if (!s->title.n) s->title = S("省统一身份");
    return 0;
}

int province_load(const City *c, Province **ret, Err *err)
{
    Province *p = xcalloc(1, sizeof *p);
    json_t *o;
    Str text = STR_NONE;
    *ret = NULL;
    p->a = arena_new();
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < KEPT_N; i++) buf_init(&p->kept[i].text, ANSWER_MAX);
    Str path = str_fmt(p->a, "%s/keys/province.json", c->dir);
    int rc = secret_file_read(p->a, path.p, &text, err);
    if (rc == 0 && text.p) {
        rc = json_parse(p->a, text, &o, err);
        if (rc == 0) rc = json_decode(p->a, o, spec, &p->s, err);
        if (rc == 0) rc = check(p, err);
        if (rc < 0) rc = err_wrap(err, "%s", path.p);
    }
    if (rc < 0 || !text.p)
        province_free(p);
    else
        *ret = p;
    return rc;
}

void province_free(Province *p)
{
    if (!p) return;
    for (int i = 0; i < KEPT_N; i++) buf_done(&p->kept[i].text);
    pthread_mutex_destroy(&p->lock);
    arena_free(p->a);
    free(p);
}

const ProvinceSettings *province_settings(const Province *p) { return &p->s; }

/* --- asking --- */

static int silent(Err *err)
{
    err_set(err, ERR_BUSY, "省统一身份现在连不上");
    return err_hint(err, "过几分钟再试，或用本市的用户名和口令登录");
}

/* Its answer when it is 200 and a JSON object. What went wrong is for the operator's log. */
static int ask(Province *p, Arena *a, Net *n, json_t **ret, Str *ret_text, Err *err)
{
    Err why = ERR_INIT;
    Buf b;
    buf_init(&b, ANSWER_MAX);
    n->answer = &b;
    n->allow = &p->allow;
    int rc = -(int)ERR_BUSY;
    if (atomic_fetch_add(&p->asking, 1) < ASKING_MAX)
        rc = net_send(a, n, &why);
    else
        err_set(&why, ERR_BUSY, "太多人同时在等");
    atomic_fetch_sub(&p->asking, 1);
    if (rc == 0 && n->status != 200) rc = err_set(&why, ERR_IO, "答复 %ld", n->status);
    Str text = buf_dup(a, &b);
    buf_done(&b);
    if (rc == 0) rc = json_parse(a, text, ret, &why);
    if (rc == 0 && !json_is_object(*ret)) rc = err_set(&why, ERR_IO, "答复不是 JSON 对象");
    if (ret_text) *ret_text = text;
    if (rc == 0) return 0;
    err_wrap(&why, STR_FMT, STR_ARG(n->url));
    log_err("province", S(""), &why);
    return silent(err);
}

static Str member(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_string(v) ? str_n(json_string_value(v), json_string_length(v)) : STR_NONE;
}

/* Of the issuer itself, its places as safe as it is (RFC 8414 §3.3: the issuer must be the one asked). */
static bool good_ends(const Province *p, const json_t *o)
{
    static const char *const names[] = {"authorization_endpoint", "token_endpoint", "jwks_uri"};
    bool plain = str_starts(p->s.issuer, S("http://"));
    if (!str_eq(member(o, "issuer"), p->s.issuer)) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Str url = member(o, names[i]);
        if (!clean(url) || url.n > 1000 || (!plain && !str_starts(url, S("https://")))) return false;
    }
    return true;
}

static bool good_keys(const Province *p, const json_t *o)
{
    (void)p;
    return json_is_array(json_object_get(o, "keys"));
}

/* What is kept, or asked anew when it is old or `again`. */
static int kept(Province *p, Arena *a, KeptWhat what, Str url, bool again, json_t **ret, Err *err)
{
    static bool (*const good[KEPT_N])(const Province *, const json_t *) = {good_ends, good_keys};
    Kept *k = &p->kept[what];
    int64_t now = clock_now_us();
    pthread_mutex_lock(&p->lock);
    bool have = k->at && now - k->at < KEPT_US && !again, pause = now - k->failed_at < PAUSE_US;
    Str text = have ? buf_dup(a, &k->text) : S("");
    pthread_mutex_unlock(&p->lock);
    if (have) return json_parse(a, text, ret, err);
    if (pause) return silent(err);
    Net n = {.url = url, .method = S("GET"), .content_type = S("application/json")};
    int rc = ask(p, a, &n, ret, &text, err);
    if (rc == 0 && !good[what](p, *ret)) {
        Err why = ERR_INIT;
        err_set(&why, ERR_VERIFY, STR_FMT "：不是 " STR_FMT " 的，或缺了地址", STR_ARG(url),
                STR_ARG(p->s.issuer));
        log_err("province", S(""), &why);
        rc = silent(err);
    }
    pthread_mutex_lock(&p->lock);
    if (rc == 0) {
        buf_clear(&k->text);
        buf_add(&k->text, text);
        k->at = now;
        k->failed_at = 0;
    } else
        k->failed_at = clock_now_us();
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int province_ends(Province *p, Arena *a, ProvinceEnds *ret, Err *err)
{
    json_t *o;
    Str base = p->s.issuer;
    if (base.p[base.n - 1] == '/') base.n--;
    Str url = str_fmt(a, STR_FMT "/.well-known/openid-configuration", STR_ARG(base));
    TRY(kept(p, a, KEPT_ENDS, url, false, &o, err));
    *ret = (ProvinceEnds){member(o, "authorization_endpoint"), member(o, "token_endpoint"),
                          member(o, "jwks_uri")};
    return 0;
}

int province_keys(Province *p, Arena *a, bool again, json_t **ret, Err *err)
{
    ProvinceEnds ends;
    TRY(province_ends(p, a, &ends, err));
    return kept(p, a, KEPT_KEYS, ends.jwks, again, ret, err);
}

int province_exchange(Province *p, Arena *a, Str code, Str verifier, Str *ret_token, Err *err)
{
    const ProvinceSettings *s = &p->s;
    ProvinceEnds ends;
    json_t *o;
    TRY(province_ends(p, a, &ends, err));
    Str id = url_encoded(a, s->client_id), redirect = url_encoded(a, s->redirect_uri);
    Str pair = str_fmt(a, STR_FMT ":" STR_FMT, STR_ARG(id), STR_ARG(url_encoded(a, s->client_secret)));
    Str basic = str_fmt(a, "Authorization: Basic " STR_FMT, STR_ARG(base64_encode(a, pair)));
    Str body = str_fmt(
        a, "grant_type=authorization_code&code=" STR_FMT "&code_verifier=" STR_FMT "&redirect_uri=" STR_FMT,
        STR_ARG(url_encoded(a, code)), STR_ARG(verifier), STR_ARG(redirect));
    if (!s->client_secret.n) body = str_fmt(a, STR_FMT "&client_id=" STR_FMT, STR_ARG(body), STR_ARG(id));
    Net n = {.url = ends.token,
             .method = S("POST"),
             .body = body,
             .content_type = S("application/x-www-form-urlencoded"),
             .headers = {&basic, s->client_secret.n ? 1 : 0}};
    int rc = ask(p, a, &n, &o, NULL, err);
    if (rc < 0 && n.status >= 400 && n.status < 500)
        return err_set(err, ERR_UNAUTHORIZED, "省统一身份没有认可这次登录"),
               err_hint(err, "请回到登录页重新登录；仍不行请把追踪号告诉系统管理员");
    TRY(rc);
    *ret_token = member(o, "id_token");
    if (!ret_token->n)
        return err_set(err, ERR_UNAUTHORIZED, "省统一身份没有给出身份令牌"),
               err_hint(err, "请系统管理员核对 province.json 和省里的登记");
    return 0;
}
