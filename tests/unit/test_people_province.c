/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people: what an ID token of the province must be (OpenID Connect Core 1.0 §3.1.3.7, RFC 8725), with keys of
   our own; where a browser may be sent; the settings; whose a subject is. */
#include "people/province_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "testcity.h"
#include "unit.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

enum { NOW = 1800000000 };
#define HEAD   "{\"alg\":\"RS256\",\"kid\":\"" KID "\"}"
#define KID    "k1"
#define CLAIMS "{\"iss\":\"https://id.example\",\"aud\":\"city\",\"sub\":\"zhao\",\"nonce\":\"n1\","

typedef struct Keys {
    Arena *a;
    EVP_PKEY *own, *other;
    json_t *set;
} Keys;

/* The key set as the issuer publishes it, under our own kid. */
static json_t *published(Arena *a, EVP_PKEY *key, const char *kid)
{
    Buf b;
    JsonWriter w;
    json_t *set;
    Err err = ERR_INIT;
    buf_init(&b, JWKS_MAX);
    jw_init(&w, &b);
    jwt_keys(a, key, &w);
    if (json_parse(a, buf_str(&b), &set, &err) < 0) fail_msg("%s", err.msg);
    json_object_set_new(json_array_get(json_object_get(set, "keys"), 0), "kid", json_string(kid));
    buf_done(&b);
    return set;
}

static Keys keys_make(void)
{
    Keys k = {.a = arena_new(), .own = EVP_RSA_gen(2048), .other = EVP_RSA_gen(2048)};
    k.set = published(k.a, k.own, KID);
    return k;
}

static void keys_free(Keys *k)
{
    EVP_PKEY_free(k->own);
    EVP_PKEY_free(k->other);
    arena_free(k->a);
}

/* A token whose every part is ours to choose. */
static Str token(Keys *k, EVP_PKEY *key, const char *head, const char *claims)
{
    Arena *a = k->a;
    Str h = base64url_encode(a, str_c(head)), c = base64url_encode(a, str_c(claims));
    Str text = str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(c));
    unsigned char sig[1024];
    size_t n = sizeof sig;
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(x, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(x, sig, &n, (const unsigned char *)text.p, text.n), 1);
    EVP_MD_CTX_free(x);
    Str s = base64url_encode(a, str_n((char *)sig, n));
    return str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(s));
}

/* "ok SUBJECT", or why not. */
static const char *checked(Keys *k, const json_t *set, Str t, bool *ret_unknown)
{
    TokenWant want = {S("https://id.example"), S("city"), S("n1"), S("sub"), NOW};
    Err err = ERR_INIT;
    Str subject = STR_NONE;
    bool unknown;
    int rc = token_check(k->a, t, set, &want, &subject, &unknown, &err);
    if (ret_unknown) *ret_unknown = unknown;
    if (rc == 0) return str_fmt(k->a, "ok " STR_FMT, STR_ARG(subject)).p;
    assert_int_equal(rc, -(int)ERR_UNAUTHORIZED);
    assert_true(err.hint[0]);
    return str_dup(k->a, str_c(err.msg)).p;
}

static void expect(Keys *k, const char *head, const char *claims, const char *want)
{
    const char *got = checked(k, k->set, token(k, k->own, head, claims), NULL);
    if (!strstr(got, want)) fail_msg("%s %s: %s, not %s", head, claims, got, want);
}

static void token__claims(void **state)
{
    (void)state;
    Keys k = keys_make();
    static const struct {
        const char *claims, *want;
    } rows[] = {
        {CLAIMS "\"iat\":1799999990,\"exp\":1800000300}", "ok zhao"},
        {CLAIMS "\"iat\":1799999990,\"exp\":1799999970}", "ok zhao"}, /* clocks differ a little */
        {CLAIMS "\"iat\":1799999000,\"exp\":1799999900}", "过期"},
        {CLAIMS "\"iat\":1799999990}", "过期"},
        {CLAIMS "\"iat\":1799999990,\"exp\":\"1800000300\"}", "过期"},
        {CLAIMS "\"iat\":1800000100,\"exp\":1800000300}", "签发时间"},
        {CLAIMS "\"iat\":1700000000,\"exp\":1800000300}", "签发时间"},
        {CLAIMS "\"exp\":1800000300}", "签发时间"},
        {CLAIMS "\"nbf\":1800000200,\"iat\":1800000000,\"exp\":1800000300}", "生效"},
        {CLAIMS "\"azp\":\"x\",\"iat\":1800000000,\"exp\":1800000300}", "不是给本系统的"},
        {"{\"iss\":\"https://evil.example\",\"aud\":\"city\",\"sub\":\"zhao\",\"nonce\":\"n1\","
         "\"iat\":1800000000,\"exp\":1800000300}",
         "签发者"},
        {"{\"iss\":\"https://id.example\",\"aud\":\"town\",\"sub\":\"zhao\",\"nonce\":\"n1\","
         "\"iat\":1800000000,\"exp\":1800000300}",
         "不是给本系统的"},
        {"{\"iss\":\"https://id.example\",\"aud\":[\"city\"],\"sub\":\"zhao\",\"nonce\":\"n1\","
         "\"iat\":1800000000,\"exp\":1800000300}",
         "ok zhao"},
        {"{\"iss\":\"https://id.example\",\"aud\":[\"city\",\"town\"],\"sub\":\"zhao\",\"nonce\":\"n1\","
         "\"iat\":1800000000,\"exp\":1800000300}",
         "不是给本系统的"},
        {"{\"iss\":\"https://id.example\",\"aud\":\"city\",\"sub\":\"zhao\",\"nonce\":\"n2\","
         "\"iat\":1800000000,\"exp\":1800000300}",
         "不是这次登录的"},
        {"{\"iss\":\"https://id.example\",\"aud\":\"city\",\"sub\":\"zhao\",\"iat\":1800000000,"
         "\"exp\":1800000300}",
         "不是这次登录的"},
        {"{\"iss\":\"https://id.example\",\"aud\":\"city\",\"sub\":7,\"nonce\":\"n1\",\"iat\":1800000000,"
         "\"exp\":1800000300}",
         "没有写明是谁"},
        {"[]", "读不懂"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) expect(&k, HEAD, rows[i].claims, rows[i].want);
    keys_free(&k);
}

static void token__algorithm_and_key(void **state)
{
    (void)state;
    Keys k = keys_make();
    bool unknown;
    const char *good = CLAIMS "\"iat\":1800000000,\"exp\":1800000300}";
    static const char *const algs[] = {"none", "HS256", "RS384", "rs256", "ES256"};
    for (size_t i = 0; i < COUNT(algs); i++)
        expect(&k, str_fmt(k.a, "{\"alg\":\"%s\",\"kid\":\"k1\"}", algs[i]).p, good, "不是 RS256");
    expect(&k, "{\"kid\":\"k1\"}", good, "不是 RS256");
    expect(&k, "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"x\"]}", good, "扩展");
    expect(&k, "{\"alg\":\"RS256\"}", good, "ok zhao"); /* one key: no choice */
    Str t = token(&k, k.own, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", good);
    assert_non_null(strstr(checked(&k, k.set, t, &unknown), "不认识"));
    assert_true(unknown);
    t = token(&k, k.other, HEAD, good);
    assert_non_null(strstr(checked(&k, k.set, t, &unknown), "签名不对"));
    assert_false(unknown);
    /* a key for another use, and one too short to be safe */
    json_t *one = json_array_get(json_object_get(k.set, "keys"), 0);
    json_object_set_new(one, "use", json_string("enc"));
    expect(&k, HEAD, good, "不认识");
    EVP_PKEY *small = EVP_RSA_gen(1024);
    t = token(&k, small, HEAD, good);
    assert_non_null(strstr(checked(&k, published(k.a, small, KID), t, NULL), "签名不对"));
    EVP_PKEY_free(small);
    keys_free(&k);
}

static void token__changed_is_refused(void **state)
{
    (void)state;
    Keys k = keys_make();
    Str t = token(&k, k.own, HEAD, CLAIMS "\"iat\":1800000000,\"exp\":1800000300}");
    for (size_t cut = 0; cut < t.n; cut += 7)
        assert_null(strstr(checked(&k, k.set, str_n(t.p, cut), NULL), "ok"));
    for (size_t i = 0; i + 3 < t.n; i += 5) { /* not the last digit: its low bits are padding */
        char *p = str_cdup(k.a, t);
        p[i] = p[i] == 'A' ? 'B' : 'A';
        assert_null(strstr(checked(&k, k.set, str_n(p, t.n), NULL), "ok"));
    }
    ptrdiff_t dot = str_find_str(t, S("."));
    Str bare = str_n(t.p, (size_t)dot + 1 + (size_t)str_find(str_from(t, (size_t)dot + 1), '.') + 1);
    assert_non_null(strstr(checked(&k, k.set, bare, NULL), "读不懂"));
    json_t *nothing = json_object();
    assert_non_null(strstr(checked(&k, nothing, t, NULL), "不认识"));
    json_decref(nothing);
    keys_free(&k);
}

static void next__local_only(void **state)
{
    (void)state;
    static const char *const
        good[] = {"/", "/?e=project&id=1", "/oidc/authorize?again=1&x=%2F"},
        *const bad[] = {"",           "x",    "//evil.example", "/\\evil.example", "https://evil.example",
                        "/a\r\nX: y", "/a b", "/\xe4\xb8\xad"};
    for (size_t i = 0; i < COUNT(good); i++) assert_true(local_path(str_c(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(local_path(str_c(bad[i])));
}

/* Writes DIR/keys/province.json and reads it: NULL = fine. */
static const char *settings(TestCity *c, const char *json, mode_t mode)
{
    City city = {.dir = testdb_dir(c->db)};
    Province *p;
    Str dir = str_fmt(c->a, "%s/keys", city.dir), path = str_fmt(c->a, "%s/keys/province.json", city.dir);
    Err err = ERR_INIT;
    mkdir(dir.p, 0700);
    FILE *f = fopen(path.p, "we");
    assert_non_null(f);
    fputs(json, f);
    fclose(f);
    assert_int_equal(chmod(path.p, mode), 0);
    int rc = province_load(&city, &p, &err);
    assert_true((rc == 0) == (p != NULL));
    if (p) assert_true(str_is(province_settings(p)->subject_claim, "sub"));
    province_free(p);
    return rc < 0 ? str_dup(c->a, str_c(err.msg)).p : NULL;
}

#define REST                                                                                                 \
    "\"client_id\":\"c\",\"client_secret\":\"s\","                                                           \
    "\"redirect_uri\":\"https://city.example/api/session/province/callback\""

static void settings__say_what_is_wrong(void **state)
{
    (void)state;
    TestCity *c = testcity_new("offices", false);
    City city = {.dir = testdb_dir(c->db)};
    Province *p;
    Err err = ERR_INIT;
    assert_int_equal(province_load(&city, &p, &err), 0);
    assert_null(p); /* no file: not configured */
    assert_null(settings(c, "{\"issuer\":\"https://id.example\"," REST "}", 0600));
    assert_null(
        settings(c, "{\"issuer\":\"http://127.0.0.1:8\",\"allow\":[\"private:127.0.0.1\"]," REST "}", 0600));
    static const struct {
        const char *json, *want;
        mode_t mode;
    } rows[] = {{"{\"issuer\":\"https://id.example\"," REST "}", "别人也能读", 0644},
                {"{\"issuer\":\"http://id.example\"," REST "}", "https", 0600},
                {"{\"issuer\":\"http://127.0.0.1:8\",\"allow\":[\"127.0.0.1\"]," REST "}", "https", 0600},
                {"{\"issuer\":\"https://a@id.example\"," REST "}", "issuer", 0600},
                {"{\"issuer\":\"https://id.example\",\"client_id\":\"c\",\"redirect_uri\":\"https://x/\"}",
                 "redirect_uri", 0600},
                {"{\"issuer\":\"https://id.example\",\"isuer\":\"\"," REST "}", "isuer", 0600},
                {"{", "province.json", 0600}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = settings(c, rows[i].json, rows[i].mode);
        if (!got || !strstr(got, rows[i].want)) fail_msg("%s: %s", rows[i].json, got ? got : "fine");
    }
    testcity_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token__claims),
        cmocka_unit_test(token__algorithm_and_key),
        cmocka_unit_test(token__changed_is_refused),
        cmocka_unit_test(next__local_only),
        cmocka_unit_test(settings__say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
