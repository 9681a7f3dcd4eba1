/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Signed requests of applications:
 *
 *     Authorization: CS-SM3 KeyId=…, Ts=1735689600, Nonce=…, Sig=hex
 *     X-Content-SM3: hex of the body's SM3 (may be absent when there is no body)
 *     Sig = HMAC-SM3(secret, method \n path?query \n Ts \n Nonce \n X-Content-SM3)
 *
 * The head is judged before the body is read: time within 300 s, address, signature. What must be written
 * down (the nonce, the quota) and the body's digest come on a worker before the handler: see Request.admit.
 */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/sm.h"
#include "people_sql.h"
#include <arpa/inet.h>

enum { WINDOW_S = 300, NONCE_MIN = 16, NONCE_MAX = 64 };

typedef struct Signed {
    Str id, ts, nonce, sig, digest;
} Signed;

/* What a key's row says, and what admit needs of the head. */
typedef struct Key {
    Request *rq;
    Actor *actor;
    Signed s;
    bool found;
    Str user, sealed, ips;
    int64_t per_minute, per_day;
} Key;

/* --- the head --- */

static bool token_chars(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
        if (!ok) return false;
    }
    return true;
}

bool key_parse(Str header, Str digest, Str ret[5])
{
    static const char *const names[] = {"KeyId", "Ts", "Nonce", "Sig"};
    Str rest = str_from(header, sizeof "CS-SM3"), part;
    for (int i = 0; i < 5; i++) ret[i] = S("");
    if (header.n > 1000) return false;
    while (str_split(&rest, ',', &part)) {
        ptrdiff_t eq = str_find(part, '=');
        bool known = false;
        if (eq < 0) return false;
        Str name = str_trim(str_n(part.p, (size_t)eq)), value = str_trim(str_from(part, (size_t)eq + 1));
        for (int i = 0; i < 4; i++)
            if (str_is(name, names[i]) && !ret[i].n) ret[i] = value, known = true;
        if (!known || !value.n || !token_chars(value)) return false;
    }
    ret[4] = digest;
    return ret[0].n && ret[0].n <= 64 && ret[1].n && ret[2].n >= NONCE_MIN && ret[2].n <= NONCE_MAX &&
           ret[3].n == 2 * SM3_SIZE && (!digest.n || (digest.n == 2 * SM3_SIZE && token_chars(digest)));
}

/* An address, or a network as 192.0.2.0/24 or 2001:db8::/32. */
bool address_in(Str address, Str network)
{
    char a[64], n[64];
    unsigned char x[16], y[16];
    ptrdiff_t slash = str_find(network, '/');
    Str base = slash < 0 ? network : str_n(network.p, (size_t)slash);
    int64_t bits = -1;
    if (address.n >= sizeof a || base.n >= sizeof n || !base.n) return false;
    snprintf(a, sizeof a, STR_FMT, STR_ARG(address));
    snprintf(n, sizeof n, STR_FMT, STR_ARG(base));
    int family = strchr(n, ':') ? AF_INET6 : AF_INET, most = family == AF_INET6 ? 128 : 32;
    if (slash >= 0 && (!str_int(str_from(network, (size_t)slash + 1), &bits) || bits < 0 || bits > most))
        return false;
    if (bits < 0) bits = most;
    if (inet_pton(family, a, x) != 1 || inet_pton(family, n, y) != 1) return false;
    for (int i = 0; i < (int)bits; i++)
        if ((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1) return false;
    return true;
}

static bool address_listed(Str address, Str ips)
{
    Str part;
    if (!ips.n) return true;
    while (str_split(&ips, ',', &part))
        if (address_in(address, part)) return true;
    return false;
}

static int key_tx(Tx *tx, void *p, Err *err)
{
    Key *k = p;
    Arena *a = k->rq->arena;
    Rows *rows;
    *k->actor = (Actor){0};
    TRY(tx_query(tx, a, &sql_people_key_get, VALS(V_TEXT(k->s.id), V_INT(clock_now_us())), &rows, err));
    int rc = rows_next(rows, err);
    k->found = rc > 0;
    if (rc > 0) {
        k->user = rows_text(rows, a, 0);
        k->sealed = rows_text(rows, a, 1);
        k->ips = rows_text(rows, a, 2);
        k->per_minute = rows_int(rows, 3);
        k->per_day = rows_int(rows, 4);
    }
    rows_done(rows);
    if (rc <= 0) return rc;
    Rights r = {.a = a, .m = k->rq->city->model, .actor = k->actor};
    return rights_read(&r, tx, &sql_people_user_rights, k->user, NULL, err);
}

static int refuse(Err *err, const char *why)
{
    err_set(err, ERR_UNAUTHORIZED, "请求签名不成立：%s", why);
    return err_hint(err, "签名的写法见 docs/security.md “API keys”");
}

static int check_signature(const Key *k, Err *err)
{
    Arena *a = k->rq->arena;
    Str secret;
    uint8_t mac[SM3_SIZE];
    TRY(people_unseal(k->rq->city, a, str_fmt(a, "people_key " STR_FMT, STR_ARG(k->s.id)), k->sealed, &secret,
                      err));
    sm3_hmac(secret,
             str_fmt(a, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(k->rq->method),
                     STR_ARG(k->rq->target), STR_ARG(k->s.ts), STR_ARG(k->s.nonce), STR_ARG(k->s.digest)),
             mac);
    return bytes_equal(hex_encode(a, str_n((char *)mac, sizeof mac)), k->s.sig) ? 0
                                                                                : refuse(err, "摘要不一致");
}

static int key_admit(Request *rq, Err *err);

static int key_check(Key *k, Err *err)
{
    int64_t ts, now = clock_now_us() / US_PER_SEC;
    if (!str_int(k->s.ts, &ts) || ts < now - WINDOW_S || ts > now + WINDOW_S)
        return refuse(err, "时间相差超过 300 秒");
    TRY(store_read(k->rq->city->store, "key", key_tx, k, err));
    if (!k->found || !k->actor->user.n) return refuse(err, "密钥不存在、未批准或已停用");
    if (!address_listed(k->rq->remote, k->ips)) return refuse(err, "来源地址不在名单里");
    return check_signature(k, err);
}

int key_authenticate(Request *rq, Actor *ret, Err *err)
{
    Key *k = ARENA_NEW(rq->arena, Key);
    Str parts[5];
    char *empty = arena_alloc(rq->arena, SM3_HEX_SIZE);
    sm3_hex(S(""), empty);
    *k = (Key){.rq = rq, .actor = ret};
    if (!rq->city->people ||
        !key_parse(rq->header(rq, "Authorization"), rq->header(rq, "X-Content-SM3"), parts))
        return refuse(err, "写法不对");
    k->s = (Signed){parts[0], parts[1], parts[2], parts[3], parts[4].n ? parts[4] : str_c(empty)};
    if (key_check(k, err) < 0) {
        *ret = (Actor){0};
        return -(int)err->code;
    }
    ret->purpose = header_text(rq, "X-Purpose");
    rq->admit = key_admit;
    rq->admit_ctx = k;
    return 0;
}

/* --- what must be written down --- */

static int count(Tx *tx, Key *k, const char *span, int64_t start, int64_t most, bool *ret_over, Err *err)
{
    Val v;
    if (!most) return 0;
    TRY(tx_exec(tx, &sql_people_use_add, VALS(V_TEXT(k->s.id), V_TEXT(str_c(span)), V_INT(start)), NULL,
                err));
    TRY(tx_one(tx, k->rq->arena, &sql_people_use_get, VALS(V_TEXT(k->s.id), V_TEXT(str_c(span))), &v, err));
    *ret_over = v.i > most;
    return 0;
}

static int admit_tx(Tx *tx, void *p, Err *err)
{
    Key *k = p;
    Val v;
    int64_t now = clock_now_us(), china = now + CHINA_OFFSET_US;
    bool over = false;
    TRY(tx_exec(tx, &sql_people_nonce_sweep, VALS(V_INT(now - 2 * WINDOW_S * US_PER_SEC)), NULL, err));
    int rc =
        tx_one(tx, k->rq->arena, &sql_people_nonce_get, VALS(V_TEXT(k->s.id), V_TEXT(k->s.nonce)), &v, err);
    if (rc == 0) return refuse(err, "Nonce 已经用过");
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    TRY(tx_exec(tx, &sql_people_nonce_add, VALS(V_TEXT(k->s.id), V_TEXT(k->s.nonce), V_INT(now)), NULL, err));
    TRY(count(tx, k, "minute", china / (60 * US_PER_SEC), k->per_minute, &over, err));
    if (over)
        return err_set(err, ERR_TOO_MANY, "本分钟的调用次数已用完（%lld 次）", (long long)k->per_minute),
               err_hint(err, "下一分钟再调用，或请安全管理员提高配额");
    TRY(count(tx, k, "day", china / US_PER_DAY, k->per_day, &over, err));
    if (over)
        return err_set(err, ERR_TOO_MANY, "今天的调用次数已用完（%lld 次）", (long long)k->per_day),
               err_hint(err, "明天再调用，或请安全管理员提高配额");
    return 0;
}

static int key_admit(Request *rq, Err *err)
{
    Key *k = rq->admit_ctx;
    char hex[SM3_HEX_SIZE];
    sm3_hex(rq->body, hex);
    if (!bytes_equal(str_c(hex), k->s.digest)) return refuse(err, "内容与 X-Content-SM3 不一致");
    int rc = store_tx(rq->city->store, "key", admit_tx, k, err);
    if (rc == -(int)ERR_TOO_MANY) request_header(rq, "Retry-After", S("60"));
    if (rc == -(int)ERR_UNIQUE) return refuse(err, "Nonce 已经用过");
    return rc;
}
