/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Sign-in by certificate: the server gives a nonce, the client signs it with the SM2 key of a certificate
 * (GB/T 32918.2-2016, default user id) that the city's authority DIR/keys/ca.pem issued. One level: authority
 * to holder. The nonce needs no memory until it is answered: time and random bytes under the server key; good
 * for two minutes.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { PEM_MAX = 16 << 10, NONCE_S = 120, NONCE_PARTS = 3 };

/* --- nonces: seconds.random.mac --- */

static Str nonce_mac(const City *c, Arena *a, Str head)
{
    return people_successor(c, a, str_fmt(a, "challenge " STR_FMT, STR_ARG(head)));
}

int challenge_post(Request *rq, Err *err)
{
    JsonWriter w;
    Arena *a = rq->arena;
    if (!rq->city->people) return err_set(err, ERR_BUSY, "服务尚未就绪");
    Str head = str_fmt(a, "%lld." STR_FMT, (long long)(clock_now_us() / US_PER_SEC), STR_ARG(new_id(a)));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "nonce",
            str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(head), STR_ARG(nonce_mac(rq->city, a, head))));
    jw_kint(&w, "seconds", NONCE_S);
    jw_object_end(&w);
    return 0;
}

static bool nonce_good(const City *c, Arena *a, Str nonce)
{
    Str rest = nonce, parts[NONCE_PARTS], more;
    int64_t at, now = clock_now_us() / US_PER_SEC;
    for (int i = 0; i < NONCE_PARTS; i++)
        if (!str_split(&rest, '.', &parts[i])) return false;
    if (str_split(&rest, '.', &more) || !str_int(parts[0], &at) || at > now || at < now - NONCE_S)
        return false;
    Str head = str_n(nonce.p, parts[0].n + 1 + parts[1].n);
    return bytes_equal(nonce_mac(c, a, head), parts[2]);
}

/* --- certificates --- */

static void free_x509(void *x) { X509_free(x); }

static X509 *read_pem(Arena *a, Str pem)
{
    if (!pem.n || pem.n > PEM_MAX) return NULL;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (x) arena_defer(a, free_x509, x);
    return x;
}

static int read_ca(const City *c, Arena *a, X509 **ret, Err *err)
{
    char text[PEM_MAX];
    Str path = str_fmt(a, "%s/keys/ca.pem", c->dir);
    FILE *f = fopen(path.p, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (f) fclose(f);
    *ret = read_pem(a, str_n(text, n));
    if (*ret && X509_check_ca(*ret) > 0) return 0;
    return err_set(err, ERR_UNAUTHORIZED, "这座城市没有设证书登录"), err_hint(err, "请用口令登录");
}

/* SM2 signatures of certificates are over the default user id (GB/T 35276). */
static void set_sm2_id(X509 *x)
{
    static const char id[] = "1234567812345678";
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    if (s && ASN1_OCTET_STRING_set(s, (const unsigned char *)id, sizeof id - 1))
        X509_set0_distinguishing_id(x, s);
    else
        ASN1_OCTET_STRING_free(s);
}

static Str subject_text(Arena *a, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    Str s = S("");
    if (bio &&
        X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        if (n > 0 && n < 1000) s = str_dup(a, str_n(p, (size_t)n));
    }
    BIO_free(bio);
    return s;
}

int certificate_check(const City *c, Arena *a, Str pem, Str *ret_subject, Err *err)
{
    X509 *x = read_pem(a, pem), *ca = NULL;
    const char *why = NULL;
    *ret_subject = S("");
    TRY(read_ca(c, a, &ca, err));
    if (!x) return err_set(err, ERR_UNAUTHORIZED, "证书读不懂"), err_pointer(err, "/certificate");
    set_sm2_id(x);
    if (X509_cmp_current_time(X509_get0_notBefore(x)) >= 0 ||
        X509_cmp_current_time(X509_get0_notAfter(x)) <= 0 ||
        X509_cmp_current_time(X509_get0_notAfter(ca)) <= 0)
        why = "不在有效期内";
    else if (X509_check_issued(ca, x) != X509_V_OK || X509_verify(x, X509_get0_pubkey(ca)) != 1)
        why = "不是本市签发机构签发的";
    else if (!(X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE))
        why = "不能用于签名";
    if (!why) *ret_subject = subject_text(a, x);
    if (!why && !ret_subject->n) why = "没有主体名称";
    if (!why) return 0;
    return err_set(err, ERR_UNAUTHORIZED, "证书%s", why), err_pointer(err, "/certificate");
}

int certificate_sign_in(Request *rq, Str pem, Str nonce, Str signature, Str *ret_subject, Err *err)
{
    Arena *a = rq->arena;
    Str der;
    _cleanup_sm2_ Sm2Key *key = NULL;
    if (!rq->city->people || !nonce_good(rq->city, a, nonce))
        return err_set(err, ERR_UNAUTHORIZED, "挑战已过期"),
               err_hint(err, "重新 POST /api/session/challenge"), err_pointer(err, "/nonce");
    TRY(certificate_check(rq->city, a, pem, ret_subject, err));
    if (base64_decode(a, signature, &der, err) < 0 || sm2_from_cert_pem(pem, &key, err) < 0 ||
        sm2_verify(key, SM2_ID_DEFAULT, nonce, der, err) < 0)
        return err_set(err, ERR_UNAUTHORIZED, "签名与证书不符"), err_pointer(err, "/signature");
    return 0;
}

int challenge_take(Deed *d, Str nonce, bool *ret_fresh, Err *err)
{
    char hex[SM3_HEX_SIZE];
    int64_t n;
    sm3_hex(nonce, hex);
    TRY(tx_exec(d->tx, &sql_people_challenge_sweep, VALS(V_INT(d->now - 2 * NONCE_S * US_PER_SEC)), NULL,
                err));
    TRY(tx_exec(d->tx, &sql_people_challenge_add, VALS(V_TEXT(str_c(hex)), V_INT(d->now)), &n, err));
    *ret_fresh = n > 0;
    return 0;
}
