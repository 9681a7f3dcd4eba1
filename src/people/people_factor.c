/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Second factor: time-based one-time passwords (RFC 6238: 30 s, six digits, one step to either side), with
 * HMAC-SHA-1 as every authenticator app has it, or HMAC-SM3 for those that can. The secret lies sealed in the
 * database; a step counts once. Ten recovery codes, each for one use, kept as digests.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SECRET_SIZE = 20, STEP_S = 30, DIGITS = 1000000, RECOVERY_N = 10 };

static Str base32(Arena *a, Str bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *p = arena_alloc(a, bytes.n * 2 + 1);
    size_t n = 0;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < bytes.n; i++) {
        bits = (bits << 8 | (unsigned char)bytes.p[i]) & 0xffff;
        held += 8;
        for (; held >= 5; held -= 5) p[n++] = alphabet[bits >> (held - 5) & 31];
    }
    if (held) p[n++] = alphabet[bits << (5 - held) & 31];
    return str_n(p, n);
}

/* RFC 4226 §5.3, the offset from the last byte of the digest whatever its length. */
int totp_code(Str kind, Str secret, int64_t step)
{
    unsigned char counter[8], mac[64];
    unsigned n = SM3_SIZE;
    for (int i = 7; i >= 0; i--, step >>= 8) counter[i] = (unsigned char)(step & 0xff);
    Str text = str_n((char *)counter, sizeof counter);
    if (str_is(kind, "sm3"))
        sm3_hmac(secret, text, mac);
    else if (!HMAC(EVP_sha1(), secret.p, (int)secret.n, counter, sizeof counter, mac, &n))
        return -1;
    unsigned at = mac[n - 1] & 15;
    unsigned value =
        (mac[at] & 0x7fu) << 24 | (unsigned)mac[at + 1] << 16 | (unsigned)mac[at + 2] << 8 | mac[at + 3];
    return (int)(value % DIGITS);
}

int64_t totp_match(Str kind, Str secret, int64_t now_us, Str code)
{
    int64_t step = now_us / US_PER_SEC / STEP_S, given, found = -1;
    if (code.n != 6 || !str_int(code, &given) || given < 0) return -1;
    for (int64_t s = step - 1; s <= step + 1; s++)
        if (totp_code(kind, secret, s) == (int)given) found = s;
    return found;
}

static Str context(Arena *a, Str user) { return str_fmt(a, "people_factor " STR_FMT, STR_ARG(user)); }

int factor_read(Tx *tx, const City *c, Arena *a, Str user, Factor *ret, Err *err)
{
    Rows *rows;
    Str sealed = S("");
    *ret = (Factor){0};
    TRY(tx_query(tx, a, &sql_people_factor_get, VALS(V_TEXT(user)), &rows, err));
    int rc = rows_next(rows, err);
    if (rc > 0) {
        ret->there = true;
        ret->kind = rows_text(rows, a, 0);
        sealed = rows_text(rows, a, 1);
        ret->confirmed = rows_int(rows, 2) != 0;
    }
    rows_done(rows);
    if (rc <= 0) return rc;
    return people_unseal(c, a, context(a, user), sealed, &ret->secret, err);
}

static Str recovery_digest(Arena *a, Str user, Str code)
{
    char *hex = arena_alloc(a, SM3_HEX_SIZE);
    sm3_hex(str_fmt(a, STR_FMT ":" STR_FMT, STR_ARG(user), STR_ARG(code)), hex);
    return str_c(hex);
}

int factor_take(Deed *d, Str user, const Factor *f, Str code, bool *ret_right, Err *err)
{
    int64_t n = 0, step = totp_match(f->kind, f->secret, d->now, code);
    *ret_right = false;
    if (step >= 0)
        TRY(tx_exec(d->tx, &sql_people_factor_step, VALS(V_TEXT(user), V_INT(step)), &n, err));
    else if (f->confirmed)
        TRY(tx_exec(d->tx, &sql_people_recovery_use,
                    VALS(V_TEXT(user), V_TEXT(recovery_digest(d->a, user, code))), &n, err));
    *ret_right = n > 0;
    return 0;
}

/* --- routes of one's own factor --- */

typedef struct FactorIn {
    Str kind, password, code;
} FactorIn;

const JsonField factor_fields[] = {
    {"password", JSON_T_STR, offsetof(FactorIn, password), .required = true, .min = 1, .max = PASSWORD_MAX,
     .title = "现在的口令"},
    {"kind", JSON_T_STR, offsetof(FactorIn, kind), .max = 4, .title = "sha1（默认，手机验证器）或 sm3"},
    {0}};
const JsonField factor_code_fields[] = {
    {"code", JSON_T_STR, offsetof(FactorIn, code), .required = true, .min = 6, .max = 40, .title = "验证码"},
    {0}};
const JsonField factor_off_fields[] = {{"password", JSON_T_STR, offsetof(FactorIn, password),
                                        .required = true, .min = 1, .max = PASSWORD_MAX,
                                        .title = "现在的口令"},
                                       {"code", JSON_T_STR, offsetof(FactorIn, code), .required = true,
                                        .min = 6, .max = 40, .title = "验证码或恢复码"},
                                       {0}};

typedef struct Enrol {
    Request *rq;
    FactorIn in;
    Str sealed, hash;
    Factor factor;
    bool right;
    StrList codes;
} Enrol;

static int look_tx(Tx *tx, void *p, Err *err)
{
    Enrol *e = p;
    Rows *rows;
    Arena *a = e->rq->arena;
    TRY(tx_query(tx, a, &sql_people_user_get, VALS(V_TEXT(e->rq->who->user)), &rows, err));
    int rc = rows_next(rows, err);
    e->hash = rc > 0 ? rows_text(rows, a, 2) : S("");
    rows_done(rows);
    return rc < 0 ? rc : factor_read(tx, e->rq->city, a, e->rq->who->user, &e->factor, err);
}

static int check_password(Enrol *e, Err *err)
{
    TRY(sign_in_gate(e->rq, e->rq->who->user, err));
    TRY(store_read(e->rq->city->store, "factor", look_tx, e, err));
    if (password_right(e->hash.n ? e->hash.p : NULL, e->in.password)) return 0;
    TRY(sign_in_failed(e->rq, e->rq->who->user, err));
    return err_set(err, ERR_VALIDATION, "现在的口令不对"), err_pointer(err, "/password");
}

static int enrol_tx(Tx *tx, void *p, Err *err)
{
    Enrol *e = p;
    return tx_exec(tx, &sql_people_factor_put,
                   VALS(V_TEXT(e->rq->who->user), V_TEXT(e->in.kind), V_TEXT(e->sealed)), NULL, err);
}

int factor_post(Request *rq, Err *err)
{
    Enrol e = {.rq = rq};
    char bytes[SECRET_SIZE];
    Str user = rq->who->user;
    TRY(body_decode(rq, factor_fields, &e.in, NULL, err));
    if (!e.in.kind.n) e.in.kind = S("sha1");
    if (!str_is(e.in.kind, "sha1") && !str_is(e.in.kind, "sm3"))
        return err_set(err, ERR_VALIDATION, "kind 写 sha1 或 sm3"), err_pointer(err, "/kind");
    TRY(check_password(&e, err));
    if (e.factor.confirmed)
        return err_set(err, ERR_CONFLICT, "已经有第二因素"), err_hint(err, "先停用原来的，再登记新的");
    random_bytes(bytes, sizeof bytes);
    TRY(people_seal(rq->city, rq->arena, context(rq->arena, user), str_n(bytes, sizeof bytes), &e.sealed,
                    err));
    TRY(store_tx(rq->city->store, "factor", enrol_tx, &e, err));
    Str secret = base32(rq->arena, str_n(bytes, sizeof bytes));
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "kind", e.in.kind);
    jw_kstr(&w, "secret", secret);
    jw_kstr(&w, "uri",
            str_fmt(rq->arena,
                    "otpauth://totp/Chengshu:" STR_FMT "?secret=" STR_FMT "&issuer=Chengshu&algorithm=%s",
                    STR_ARG(user), STR_ARG(secret), str_is(e.in.kind, "sm3") ? "SM3" : "SHA1"));
    jw_object_end(&w);
    rq->status = 201;
    return 0;
}

static int confirm_tx(Tx *tx, void *p, Err *err)
{
    Enrol *e = p;
    Deed d = deed_of(e->rq, tx);
    Str user = d.who->user;
    TRY(factor_read(tx, d.city, d.a, user, &e->factor, err));
    if (!e->factor.there || e->factor.confirmed)
        return err_set(err, ERR_CONFLICT, "没有待确认的第二因素"), err_hint(err, "先 POST /api/me/factor");
    TRY(factor_take(&d, user, &e->factor, e->in.code, &e->right, err));
    if (!e->right) return err_set(err, ERR_VALIDATION, "验证码不对"), err_pointer(err, "/code");
    TRY(tx_exec(tx, &sql_people_recovery_drop, VALS(V_TEXT(user)), NULL, err));
    for (size_t i = 0; i < e->codes.n; i++)
        TRY(tx_exec(tx, &sql_people_recovery_add,
                    VALS(V_TEXT(user), V_TEXT(recovery_digest(d.a, user, e->codes.items[i]))), NULL, err));
    const Fact after[] = {{"factor", e->factor.kind}, {0}};
    return note(&d, "people_user", user, "update", NULL, after, err);
}

int factor_confirm_post(Request *rq, Err *err)
{
    Str codes[RECOVERY_N];
    Enrol e = {.rq = rq, .codes = {codes, RECOVERY_N}};
    JsonWriter w;
    TRY(body_decode(rq, factor_code_fields, &e.in, NULL, err));
    for (size_t i = 0; i < RECOVERY_N; i++) {
        char bytes[10];
        random_bytes(bytes, sizeof bytes);
        codes[i] = base32(rq->arena, str_n(bytes, sizeof bytes));
    }
    TRY(store_tx(rq->city->store, "factor", confirm_tx, &e, err));
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_key(&w, S("recovery"));
    jw_array(&w);
    for (size_t i = 0; i < RECOVERY_N; i++) jw_str(&w, codes[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    return 0;
}

static int off_tx(Tx *tx, void *p, Err *err)
{
    Enrol *e = p;
    Deed d = deed_of(e->rq, tx);
    Str user = d.who->user;
    TRY(factor_read(tx, d.city, d.a, user, &e->factor, err));
    if (!e->factor.there) return err_set(err, ERR_NOT_FOUND, "没有登记第二因素");
    TRY(factor_take(&d, user, &e->factor, e->in.code, &e->right, err));
    if (!e->right) return err_set(err, ERR_VALIDATION, "验证码不对"), err_pointer(err, "/code");
    TRY(tx_exec(tx, &sql_people_factor_drop, VALS(V_TEXT(user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_recovery_drop, VALS(V_TEXT(user)), NULL, err));
    const Fact before[] = {{"factor", e->factor.kind}, {0}};
    return note(&d, "people_user", user, "update", before, NULL, err);
}

int factor_disable_post(Request *rq, Err *err)
{
    Enrol e = {.rq = rq};
    TRY(body_decode(rq, factor_off_fields, &e.in, NULL, err));
    TRY(check_password(&e, err));
    int rc = store_tx(rq->city->store, "factor", off_tx, &e, err);
    if (rc == -(int)ERR_VALIDATION) {
        Err why = *err;
        TRY(sign_in_failed(rq, rq->who->user, err));
        *err = why;
        return rc;
    }
    TRY(rc);
    rq->status = 204;
    return 0;
}
