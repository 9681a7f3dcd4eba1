/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Checks of a foreign ID token (OpenID Connect Core 1.0 §3.1.3.7; RFC 7515, RFC 7517, RFC 8725): RS256 and
   nothing else, whatever the token itself proposes. */
#include "people/province_int.h"

#include "base/sm.h"
#include "base/text.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { TOKEN_MAX = 16384, RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, SKEW_S = 60, AGE_MAX_S = 600 };

static Str member(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    return json_is_string(v) ? str_n(json_string_value(v), json_string_length(v)) : STR_NONE;
}

static int wrong(Err *err, const char *why)
{
    err_set(err, ERR_UNAUTHORIZED, "省统一身份给的令牌不能接受：%s", why);
    return err_hint(err, "请重新登录；仍不行请把追踪号告诉系统管理员，或用本市的用户名和口令登录");
}

/* --- the key --- */

static bool fits(const json_t *key, Str kid)
{
    Str use = member(key, "use"), alg = member(key, "alg");
    return str_is(member(key, "kty"), "RSA") && (!use.n || str_is(use, "sig")) &&
           (!alg.n || str_is(alg, "RS256")) && (!kid.n || str_eq(member(key, "kid"), kid));
}

/* Without a kid there must be no choice. */
static const json_t *key_find(const json_t *set, Str kid)
{
    const json_t *keys = json_object_get(set, "keys"), *found = NULL;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *one = json_array_get(keys, i);
        if (!fits(one, kid)) continue;
        if (found) return NULL;
        found = one;
    }
    return found;
}

static BIGNUM *number(Arena *a, Str text)
{
    Err ignored = ERR_INIT;
    Str bytes;
    if (!text.n || text.n > RSA_BITS_MAX || base64_decode(a, text, &bytes, &ignored) < 0) return NULL;
    return BN_bin2bn((const unsigned char *)bytes.p, (int)bytes.n, NULL);
}

static EVP_PKEY *key_make(Arena *a, const json_t *jwk)
{
    BIGNUM *n = number(a, member(jwk, "n")), *e = number(a, member(jwk, "e"));
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    bool ok = n && e && b && x && BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX &&
              BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 64 &&
              OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
              OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
              (params = OSSL_PARAM_BLD_to_param(b)) && EVP_PKEY_fromdata_init(x) == 1;
    if (ok && EVP_PKEY_fromdata(x, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(x);
    BN_free(n);
    BN_free(e);
    return key;
}

static bool signed_by(Arena *a, const json_t *jwk, Str text, Str signature)
{
    EVP_PKEY *key = key_make(a, jwk);
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    bool ok = key && x && EVP_DigestVerifyInit(x, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(x, (const unsigned char *)signature.p, signature.n,
                               (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(x);
    EVP_PKEY_free(key);
    return ok;
}

/* --- what it says --- */

/* Ours alone, or ours among others with ourselves named as the party it was given to. */
static bool for_us(const json_t *claims, Str client)
{
    const json_t *aud = json_object_get(claims, "aud");
    Str azp = member(claims, "azp");
    bool named = str_eq(member(claims, "aud"), client);
    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *one = json_array_get(aud, i);
        named = named || (json_is_string(one) &&
                          str_eq(str_n(json_string_value(one), json_string_length(one)), client));
    }
    if (!named || (json_object_get(claims, "azp") && !str_eq(azp, client))) return false;
    return json_array_size(aud) <= 1 || azp.n;
}

static bool moment_of(const json_t *claims, const char *name, int64_t *ret)
{
    const json_t *v = json_object_get(claims, name);
    if (!json_is_integer(v)) return false;
    *ret = json_integer_value(v);
    return true;
}

static const char *claims_wrong(const json_t *claims, const TokenWant *w)
{
    int64_t exp, iat, nbf = w->now_s;
    Str nonce = member(claims, "nonce");
    if (!str_eq(member(claims, "iss"), w->issuer)) return "不是配置的签发者签发的";
    if (!for_us(claims, w->client)) return "不是给本系统的";
    if (!moment_of(claims, "exp", &exp) || exp <= w->now_s - SKEW_S) return "已经过期";
    if (!moment_of(claims, "iat", &iat) || iat > w->now_s + SKEW_S || iat < w->now_s - AGE_MAX_S)
        return "签发时间不对";
    if (json_object_get(claims, "nbf") && (!moment_of(claims, "nbf", &nbf) || nbf > w->now_s + SKEW_S))
        return "还没有生效";
    if (!w->nonce.n || !bytes_equal(nonce, w->nonce)) return "不是这次登录的";
    return NULL;
}

/* Header, claims and signature; false when it is no such thing. */
static bool take_apart(Arena *a, Str token, json_t **ret_head, json_t **ret_claims, Str *ret_text,
                       Str *ret_signature)
{
    Err ignored = ERR_INIT;
    Str part[3], json, rest = token;
    if (token.n > TOKEN_MAX) return false;
    for (int i = 0; i < 2; i++) {
        ptrdiff_t dot = str_find(rest, '.');
        if (dot <= 0) return false;
        part[i] = str_n(rest.p, (size_t)dot);
        rest = str_from(rest, (size_t)dot + 1);
    }
    part[2] = rest;
    if (!rest.n || str_find(rest, '.') >= 0) return false;
    *ret_text = str_n(token.p, part[0].n + 1 + part[1].n);
    if (base64_decode(a, part[0], &json, &ignored) < 0 || json_parse(a, json, ret_head, &ignored) < 0)
        return false;
    if (base64_decode(a, part[1], &json, &ignored) < 0 || json_parse(a, json, ret_claims, &ignored) < 0)
        return false;
    return json_is_object(*ret_head) && json_is_object(*ret_claims) &&
           base64_decode(a, part[2], ret_signature, &ignored) == 0;
}

int token_check(Arena *a, Str token, const json_t *keys, const TokenWant *want, Str *ret_subject,
                bool *ret_unknown_key, Err *err)
{
    json_t *head, *claims;
    Str text, signature;
    *ret_unknown_key = false;
    if (!take_apart(a, token, &head, &claims, &text, &signature)) return wrong(err, "读不懂");
    if (!str_is(member(head, "alg"), "RS256")) return wrong(err, "签名算法不是 RS256");
    if (json_object_get(head, "crit")) return wrong(err, "要求了本系统不懂的扩展");
    const json_t *key = key_find(keys, member(head, "kid"));
    *ret_unknown_key = !key;
    if (!key) return wrong(err, "签名的密钥不认识");
    if (!signed_by(a, key, text, signature)) return wrong(err, "签名不对");
    const char *why = claims_wrong(claims, want);
    if (why) return wrong(err, why);
    Str subject = member(claims, str_cdup(a, want->subject_claim));
    if (!subject.n || subject.n > SUBJECT_MAX || !text_valid(subject)) return wrong(err, "没有写明是谁");
    *ret_subject = str_dup(a, subject);
    return 0;
}
