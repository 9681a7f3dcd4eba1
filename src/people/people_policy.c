/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What a new password must be (GB/T 22239-2019 §8.1.4.1; lists of common ones as in NIST SP 800-63B
   §5.1.1.2), and changing one's own: the old one is asked for, the last five are not used again, all other
   sessions end. */
#include "people/people_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "people_sql.h"

enum { LENGTH_MIN = 10, LENGTH_MIN_DEMO = 8, HISTORY = 5 };

static size_t characters(Str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool contains(Arena *a, Str text, Str part)
{
    char *t = str_cdup(a, text), *p = str_cdup(a, part);
    return part.n >= 3 && strcasestr(t, p);
}

static bool common(Str password)
{
    Str rest = str_c(people_common_passwords), line;
    while (str_split(&rest, '\n', &line))
        if (line.n && line.p[0] != '#' && str_ieq(line, password)) return true;
    return false;
}

/* One letter over and over, or a walk of neighbours such as 1234567890. */
static bool monotonous(Str s)
{
    size_t same = 0, up = 0, down = 0;
    for (size_t i = 1; i < s.n; i++) {
        same += s.p[i] == s.p[i - 1];
        up += s.p[i] == s.p[i - 1] + 1;
        down += s.p[i] == s.p[i - 1] - 1;
    }
    size_t most = s.n * 3 / 4;
    return same >= most || up >= most || down >= most;
}

static size_t least_of(const City *c) { return c->demo ? LENGTH_MIN_DEMO : LENGTH_MIN; }

Str password_rule(const City *c, Arena *a)
{
    return str_fmt(a, "至少 %zu 个字符，不含登录名；几个不相干的词连在一起既好记又难猜", least_of(c));
}

int password_check(const City *c, Str user, Str password, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    size_t least = least_of(c);
    const char *why = NULL;
    if (password.n > PASSWORD_MAX || !text_valid(password))
        why = "太长或不是有效的文字";
    else if (characters(password) < least)
        why = "太短";
    else if (monotonous(password))
        why = "只是重复或连续的字符";
    else if (contains(a, password, user))
        why = "含有登录名";
    else if (common(password))
        why = "是常见口令";
    if (!why) return 0;
    err_set(err, ERR_VALIDATION, "新口令%s", why);
    err_hint(err, "%s", password_rule(c, a).p);
    return err_pointer(err, "/password");
}

bool password_expired(const City *c, int64_t since, int64_t now)
{
    return !c->demo && since && now - since > (int64_t)PASSWORD_DAYS * US_PER_DAY;
}

typedef struct ChangeIn {
    Str old, password;
} ChangeIn;

const JsonField password_fields[] = {{"old", JSON_T_STR, offsetof(ChangeIn, old), .required = true, .min = 1,
                                      .max = PASSWORD_MAX, .title = "现在的口令"},
                                     {"password", JSON_T_STR, offsetof(ChangeIn, password), .required = true,
                                      .min = 1, .max = PASSWORD_MAX, .title = "新口令"},
                                     {0}};

typedef struct ChangeOwn {
    Request *rq;
    Str hash, fresh;
    StrList earlier;
    NewSession session;
} ChangeOwn;

static int earlier_tx(Tx *tx, void *p, Err *err)
{
    ChangeOwn *x = p;
    Arena *a = x->rq->arena;
    size_t cap = 0;
    Rows *rows;
    int rc;
    x->earlier = (StrList){0};
    TRY(tx_query(tx, a, &sql_people_user_get, VALS(V_TEXT(x->rq->who->user)), &rows, err));
    rc = rows_next(rows, err);
    x->hash = rc > 0 ? rows_text(rows, a, 2) : S("");
    rows_done(rows);
    if (rc < 0) return rc;
    TRY(tx_query(tx, a, &sql_people_password_history, VALS(V_TEXT(x->rq->who->user)), &rows, err));
    while ((rc = rows_next(rows, err)) > 0)
        *ARENA_PUSH(a, x->earlier.items, x->earlier.n, cap) = rows_text(rows, a, 0);
    rows_done(rows);
    return rc;
}

static int change_tx(Tx *tx, void *p, Err *err)
{
    ChangeOwn *x = p;
    Deed d = deed_of(x->rq, tx);
    Str user = d.who->user;
    TRY(tx_exec(tx, &sql_people_password_keep, VALS(V_TEXT(user), V_INT(d.now)), NULL, err));
    TRY(tx_exec(tx, &sql_people_password_forget, VALS(V_TEXT(user)), NULL, err));
    TRY(tx_exec(tx, &sql_people_user_password, VALS(V_TEXT(user), V_TEXT(x->fresh), V_INT(0), V_INT(d.now)),
                NULL, err));
    TRY(tx_exec(tx, &sql_people_session_drop_all, VALS(V_TEXT(user)), NULL, err));
    TRY(session_begin(&d, user, &x->session, err));
    const Fact after[] = {{"password", S("本人修改")}, {0}};
    return note(&d, "people_user", user, "update", NULL, after, err);
}

static int check_new(const ChangeOwn *x, Str password, Err *err)
{
    TRY(password_check(x->rq->city, x->rq->who->user, password, err));
    bool used = password_right(x->hash.p, password);
    for (size_t i = 0; i < x->earlier.n && i < HISTORY; i++)
        used = used || password_right(x->earlier.items[i].p, password);
    if (!used) return 0;
    return err_set(err, ERR_VALIDATION, "最近 %d 次用过的口令不能再用", HISTORY),
           err_pointer(err, "/password");
}

int me_password_post(Request *rq, Err *err)
{
    ChangeIn in = {0};
    ChangeOwn x = {.rq = rq, .session = session_new(rq)};
    char hash[PASSWORD_HASH_SIZE];
    TRY(body_decode(rq, password_fields, &in, NULL, err));
    TRY(sign_in_gate(rq, rq->who->user, err));
    TRY(store_read(rq->city->store, "password", earlier_tx, &x, err));
    if (!password_right(x.hash.n ? x.hash.p : NULL, in.old)) {
        TRY(sign_in_failed(rq, rq->who->user, err));
        return err_set(err, ERR_VALIDATION, "现在的口令不对"), err_pointer(err, "/old");
    }
    TRY(check_new(&x, in.password, err));
    TRY(password_hash(in.password, hash, err));
    x.fresh = str_c(hash);
    TRY(store_tx(rq->city->store, "password", change_tx, &x, err));
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_object(&w);
    jw_kstr(&w, "token", x.session.token);
    jw_object_end(&w);
    session_cookie(rq, x.session.token);
    return 0;
}
