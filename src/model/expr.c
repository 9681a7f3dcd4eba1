/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * An expression E over names becomes `select (E)` with a parameter for each name that occurs, prepared once a
 * connection. The authorizer is on while it is compiled: it lets through the select itself and functions. A
 * connection belongs to one evaluation at a time (a lane): a thread takes the lane its number points at, or
 * the next free one, with one atomic exchange, so that threads do not wait for each other. Lanes are opened,
 * and expressions prepared on them, when they are first needed.
 */
#include "model/expr.h"

#include "base/text.h"
#include "model/expr_funcs.h"
#include "model/expr_scan.h"
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum { LANES = 64, EXTRAS_MAX = 64 };
/* Nobody can write this name: see in_list. */
#define SAME "\x01same"

typedef struct Lane {
    atomic_int busy;
    sqlite3 *db; /* NULL until first used */
    sqlite3_stmt **stmts;
    size_t n_stmts;
    int64_t steps; /* left in the running evaluation */
    int length;    /* SQLITE_LIMIT_LENGTH as it stands */
    ExprCall call;
} Lane;

struct ExprEnv {
    Lane lanes[LANES];
    pthread_mutex_t lock; /* of the arena and n, while compiling */
    Arena *arena;
    size_t n; /* expressions */
    ExprCall call;
    struct {
        const SqlFunc *rows;
        void *data;
    } extras[EXTRAS_MAX];
    size_t n_extras;
};

struct Expr {
    ExprEnv *env;
    size_t no; /* index of its statement in each lane */
    Str sql;
    size_t *params; /* parameter i + 1 is the name params[i] */
    size_t n_params, cap;
    bool *used;
    size_t n; /* names of the compilation */
};

static int authorize(void *ctx, int action, const char *a, const char *b, const char *db, const char *trigger)
{
    (void)ctx, (void)a, (void)db, (void)trigger;
    static const char *const denied[] = {"load_extension", "random", "randomblob"};
    if (action == SQLITE_SELECT) return SQLITE_OK;
    if (action != SQLITE_FUNCTION) return SQLITE_DENY;
    for (size_t i = 0; b && i < sizeof denied / sizeof *denied; i++)
        if (!strcmp(b, denied[i])) return SQLITE_DENY;
    return SQLITE_OK;
}

static int step_limit(void *ctx)
{
    Lane *l = ctx;
    l->steps -= 1000;
    return l->steps <= 0;
}

/* --- lanes
 * ---------------------------------------------------------------------------------------------------- */

static void same(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    sqlite3_result_value(c, v[0]);
}

static void open_lane(ExprEnv *env, Lane *l)
{
    const SqlFunc *const own[] = {expr_funcs_normal, expr_funcs_text, expr_funcs_date, expr_funcs_geo};
    if (sqlite3_open_v2(":memory:", &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        abort(); /* memory only: cannot fail but for want of memory */
    /* A misspelt "name" is an error, not a text. */
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_limit(l->db, SQLITE_LIMIT_SQL_LENGTH, EXPR_TEXT_MAX * 4);
    sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, EXPR_VALUE_MIN);
    sqlite3_limit(l->db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(l->db, SQLITE_LIMIT_COMPOUND_SELECT, 1);
    sqlite3_limit(l->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(l->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200);
    l->length = EXPR_VALUE_MIN;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) expr_funcs_register(l->db, own[i], &l->call);
    for (size_t i = 0; i < env->n_extras; i++)
        expr_funcs_register(l->db, env->extras[i].rows, env->extras[i].data);
    sqlite3_create_function_v2(l->db, SAME, 1, SQLITE_UTF8, NULL, same, NULL, NULL, NULL);
    sqlite3_set_authorizer(l->db, authorize, NULL);
    sqlite3_progress_handler(l->db, 1000, step_limit, l);
    l->steps = INT64_MAX;
}

static Lane *take(ExprEnv *env)
{
    size_t at = ((uintptr_t)pthread_self() >> 6) * (size_t)0x9E3779B97F4A7C15u >> 58;
    for (size_t i = 0;; i++) {
        Lane *l = &env->lanes[(at + i) % LANES];
        if (!atomic_load_explicit(&l->busy, memory_order_relaxed) &&
            !atomic_exchange_explicit(&l->busy, 1, memory_order_acquire)) {
            if (!l->db) open_lane(env, l);
            return l;
        }
        if (i % LANES == LANES - 1) sched_yield();
    }
}

static void give_back(Lane *l) { atomic_store_explicit(&l->busy, 0, memory_order_release); }

static sqlite3_stmt **slot(Lane *l, size_t no)
{
    if (no >= l->n_stmts) {
        size_t n = no + 32;
        l->stmts = xrealloc(l->stmts, n * sizeof *l->stmts);
        memset(l->stmts + l->n_stmts, 0, (n - l->n_stmts) * sizeof *l->stmts);
        l->n_stmts = n;
    }
    return &l->stmts[no];
}

ExprEnv *expr_env_new(void)
{
    ExprEnv *env = xcalloc(1, sizeof *env);
    env->arena = arena_new();
    pthread_mutex_init(&env->lock, NULL);
    return env;
}

void expr_env_free(ExprEnv *env)
{
    if (!env) return;
    for (size_t i = 0; i < LANES; i++) {
        Lane *l = &env->lanes[i];
        for (size_t k = 0; k < l->n_stmts; k++) sqlite3_finalize(l->stmts[k]);
        sqlite3_close(l->db);
        free(l->stmts);
    }
    pthread_mutex_destroy(&env->lock);
    arena_free(env->arena);
    free(env);
}

void expr_env_lookup(ExprEnv *env, ExprLookup fn, void *ctx) { env->call.lookup = fn, env->call.ctx = ctx; }
void expr_env_calendar(ExprEnv *env, const Calendar *c) { env->call.calendar = c; }
void expr_env_now(ExprEnv *env, int64_t us) { env->call.fixed_us = us; }

void expr_env_functions(ExprEnv *env, const SqlFunc *rows, void *data)
{
    if (env->n_extras == EXTRAS_MAX) abort(); /* a table of the program, not of a pack */
    env->extras[env->n_extras].rows = rows;
    env->extras[env->n_extras++].data = data;
}

/* --- compiling
 * ------------------------------------------------------------------------------------------------ */

/* One compilation: the statement's text, and where its pieces stand in the expression. */
typedef struct Draft {
    Arena *a;
    Expr *x;
    const Str *names;
    ExprTokens tokens;
    Buf sql;
    size_t *starts; /* token → offset in sql */
} Draft;

/* printf counts out a width of a thousand million, however short the result may be: only literal formats with
   small widths. */
static bool safe_format(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        int digits = 0;
        if (s.p[i] != '%') continue;
        while (i + 1 < s.n && strchr("-+ #0!,.123456789*", s.p[i + 1])) {
            char c = s.p[++i];
            digits = c >= '0' && c <= '9' ? digits + 1 : 0;
            if (c == '*' || digits > 3) return false;
        }
        if (i + 1 < s.n && s.p[i + 1] == '%') i++;
    }
    return true;
}

static int check_format(Draft *d, size_t i, Err *err)
{
    const ExprToken *t = d->tokens.items + i;
    bool literal = i + 3 < d->tokens.n && t[2].kind == TOK_TEXT &&
                   (expr_token_is(&t[3], ",") || expr_token_is(&t[3], ")"));
    if (literal && safe_format(expr_token_value(d->a, &t[2]))) return 0;
    return expr_fault(err, t->at, STR_FMT " 的格式要直接写成文字，宽度最多三位数，不用 *", STR_ARG(t->text));
}

static int unknown_name(Draft *d, const ExprToken *t, Str name, Err *err)
{
    if (t->kind == TOK_PARAM)
        return expr_fault(err, t->at, "表达式里不能有参数 “" STR_FMT "”", STR_ARG(name)),
               err_hint(err, "直接写字段名");
    int rc = expr_fault(err, t->at, "表达式里没有名为 “" STR_FMT "” 的字段", STR_ARG(text_cut(name, 48)));
    ptrdiff_t near = text_nearest(name, d->names, d->x->n);
    return near >= 0 ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(d->names[near])) : rc;
}

static int add_name(Draft *d, const ExprToken *t, Err *err)
{
    Str name = expr_token_value(d->a, t);
    Expr *x = d->x;
    size_t i = 0, p = 0;
    while (i < x->n && !str_ieq(name, d->names[i])) i++;
    if (i == x->n) return unknown_name(d, t, name, err);
    while (p < x->n_params && x->params[p] != i) p++;
    if (p == x->n_params) *ARENA_PUSH(x->env->arena, x->params, x->n_params, x->cap) = i;
    x->used[i] = true;
    buf_addf(&d->sql, "?%zu", p + 1);
    return 0;
}

/* SQLite makes a table of a constant list at every evaluation, which costs four times what the comparisons
   do. A list that is not constant in its eyes is compared item by item; the values are the same. */
static bool in_list(const Draft *d, size_t i)
{
    const ExprToken *t = d->tokens.items + i;
    if (i < 2 || i + 1 >= d->tokens.n || (t->kind != TOK_TEXT && t->kind != TOK_NUMBER)) return false;
    return expr_token_is(&t[-2], "in") && expr_token_is(&t[-1], "(") && expr_token_is(&t[1], ",");
}

/* Words behind `cast(x as` and `collate` are SQLite's names. */
static bool is_type(const Draft *d, size_t i)
{
    const ExprToken *t = d->tokens.items;
    size_t k = i;
    while (k > 0 && t[k - 1].kind == TOK_NAME) k--;
    return k > 0 && (expr_token_is(&t[k - 1], "as") || (k == i && expr_token_is(&t[k - 1], "collate")));
}

static int add_token(Draft *d, size_t i, Err *err)
{
    const ExprToken *t = &d->tokens.items[i];
    bool name = t->kind == TOK_QUOTED || t->kind == TOK_PARAM || (t->kind == TOK_NAME && !t->call);
    if (i) buf_addc(&d->sql, ' ');
    d->starts[i] = d->sql.n;
    if (name && !is_type(d, i)) return add_name(d, t, err);
    if (t->kind == TOK_NAME && t->call) {
        bool word = str_ieq(t->text, S("left")) || str_ieq(t->text, S("right")); /* of SQLite's joins */
        if (str_ieq(t->text, S("printf")) || str_ieq(t->text, S("format"))) TRY(check_format(d, i, err));
        if (word) buf_addc(&d->sql, '"');
        buf_add(&d->sql, t->text);
        if (word) buf_addc(&d->sql, '"');
    } else if (in_list(d, i)) {
        buf_adds(&d->sql, "\"" SAME "\"(");
        buf_add(&d->sql, t->text);
        buf_addc(&d->sql, ')');
    } else
        buf_add(&d->sql, t->text);
    return 0;
}

/* The place in the expression of an offset in the statement. */
static int64_t place(const Draft *d, int offset)
{
    size_t i = d->tokens.n;
    if (offset < 0) return -1;
    while (i > 0 && d->starts[i - 1] > (size_t)offset) i--;
    return i ? (int64_t)d->tokens.items[i - 1].at : 0;
}

/* SQLite says "no such function: x" and the like: into our words, with the nearest name. */
static int compile_error(Draft *d, sqlite3 *db, Err *err)
{
    const char *msg = sqlite3_errmsg(db), *function = "no such function: ";
    int64_t at = place(d, sqlite3_error_offset(db));
    if (!strncmp(msg, function, strlen(function))) {
        Str name = str_c(msg + strlen(function)), near = expr_funcs_nearest(name);
        for (size_t i = 0; i < d->tokens.n; i++)
            if (d->tokens.items[i].call && str_ieq(d->tokens.items[i].text, name))
                at = (int64_t)d->tokens.items[i].at;
        err_set(err, ERR_PACK, "表达式里没有名为 “" STR_FMT "” 的函数", STR_ARG(text_cut(name, 48)));
        if (near.n) err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(near));
    } else if (strstr(msg, "prohibited") || strstr(msg, "not authorized")) {
        err_set(err, ERR_PACK, "表达式里只能用字段和函数，不能读表或改库");
    } else {
        err_set(err, ERR_PACK, "表达式写得不对：%s", msg);
        err_hint(err, "按 SQL 表达式的写法检查括号、引号和运算符");
    }
    if (err) err->at = at;
    return -(int)ERR_PACK;
}

static int prepare(Lane *l, const Expr *x)
{
    return sqlite3_prepare_v3(l->db, x->sql.p, (int)x->sql.n, SQLITE_PREPARE_PERSISTENT, slot(l, x->no),
                              NULL);
}

static int draft(Draft *d, Str text, Err *err)
{
    TRY(expr_scan(d->a, text, &d->tokens, err));
    if (!d->tokens.n) return err_set(err, ERR_PACK, "表达式是空的");
    d->starts = ARENA_ARRAY(d->a, size_t, d->tokens.n + 1);
    buf_adds(&d->sql, "select (");
    for (size_t i = 0; i < d->tokens.n; i++) TRY(add_token(d, i, err));
    buf_adds(&d->sql, ")");
    if (d->sql.over) return err_set(err, ERR_PACK, "表达式太长");
    Expr *x = d->x;
    x->sql = buf_dup(x->env->arena, &d->sql);
    Lane *l = take(x->env);
    l->call = x->env->call;
    l->call.work = EXPR_WORK_MAX;
    int rc = prepare(l, x) == SQLITE_OK ? 0 : compile_error(d, l->db, err);
    give_back(l);
    return rc;
}

int expr_compile(ExprEnv *env, Str text, const Str *names, size_t n, Expr **ret, Err *err)
{
    if (text.n > EXPR_TEXT_MAX) return err_set(err, ERR_PACK, "表达式超过 %d 个字节", EXPR_TEXT_MAX);
    _cleanup_arena_ Arena *a = arena_new();
    pthread_mutex_lock(&env->lock);
    Expr *x = ARENA_NEW(env->arena, Expr);
    *x = (Expr){.env = env, .no = env->n, .n = n, .used = ARENA_ARRAY(env->arena, bool, n + 1)};
    Draft d = {.a = a, .x = x, .names = names};
    buf_init(&d.sql, EXPR_TEXT_MAX * 4);
    int rc = draft(&d, text, err);
    if (rc == 0) *ret = x, env->n++;
    buf_done(&d.sql);
    pthread_mutex_unlock(&env->lock);
    return rc;
}

bool expr_uses(const Expr *x, size_t name) { return name < x->n && x->used[name]; }

/* --- evaluating
 * ----------------------------------------------------------------------------------------------- */

/* False: too long for the limits of an expression. */
static bool bind(sqlite3_stmt *st, int i, Val v)
{
    switch (v.kind) {
    case VAL_NULL: return sqlite3_bind_null(st, i) == SQLITE_OK;
    case VAL_INT: return sqlite3_bind_int64(st, i, v.i) == SQLITE_OK;
    case VAL_REAL: return sqlite3_bind_double(st, i, v.r) == SQLITE_OK;
    case VAL_TEXT:
        return v.s.n <= EXPR_VALUE_MAX &&
               sqlite3_bind_text(st, i, v.s.p ? v.s.p : "", (int)v.s.n, SQLITE_STATIC) == SQLITE_OK;
    case VAL_BLOB:
        return v.s.n <= EXPR_VALUE_MAX &&
               sqlite3_bind_blob(st, i, v.s.p ? v.s.p : "", (int)v.s.n, SQLITE_STATIC) == SQLITE_OK;
    }
    return false;
}

static Val column(sqlite3_stmt *st, Arena *a)
{
    switch (sqlite3_column_type(st, 0)) {
    case SQLITE_INTEGER: return V_INT(sqlite3_column_int64(st, 0));
    case SQLITE_FLOAT: return V_REAL(sqlite3_column_double(st, 0));
    case SQLITE_NULL: return V_NULL;
    default: {
        const char *p = (const char *)sqlite3_column_text(st, 0);
        return V_TEXT(str_dup(a, str_n(p, (size_t)sqlite3_column_bytes(st, 0))));
    }
    }
}

/* How long a value may get on the way. */
static void limit_length(Lane *l, const Expr *x, const Val *inputs)
{
    size_t bytes = 0;
    for (size_t i = 0; i < x->n_params; i++)
        if (inputs[x->params[i]].kind >= VAL_TEXT) bytes += inputs[x->params[i]].s.n;
    /* in steps of the least, so that it seldom changes */
    bytes = bytes < EXPR_VALUE_MAX ? (bytes * 2 + EXPR_VALUE_MIN - 1) / EXPR_VALUE_MIN * EXPR_VALUE_MIN
                                   : EXPR_VALUE_MAX;
    int length = bytes < EXPR_VALUE_MAX - EXPR_VALUE_MIN ? (int)bytes + EXPR_VALUE_MIN : EXPR_VALUE_MAX;
    if (length == l->length) return;
    l->length = length;
    sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, length);
}

static int eval(Lane *l, const Expr *x, Arena *a, const Val *inputs, Val *ret, Err *err)
{
    sqlite3_stmt **st = slot(l, x->no);
    if (!*st && prepare(l, x) != SQLITE_OK) return err_set(err, ERR_INTERNAL, "%s", sqlite3_errmsg(l->db));
    bool bound = true;
    int rc = 0;
    limit_length(l, x, inputs);
    for (size_t i = 0; i < x->n_params; i++) bound &= bind(*st, (int)i + 1, inputs[x->params[i]]);
    l->steps = EXPR_STEPS_MAX;
    int step = bound ? sqlite3_step(*st) : SQLITE_TOOBIG;
    if (step == SQLITE_ROW)
        *ret = column(*st, a);
    else if (step == SQLITE_INTERRUPT)
        rc = err_set(err, ERR_VALIDATION, "表达式运算步数过多，已中止");
    else if (step == SQLITE_TOOBIG)
        rc = err_set(err, ERR_VALIDATION, "表达式得出的文字过长");
    else
        rc = err_set(err, ERR_VALIDATION, "%s", sqlite3_errmsg(l->db));
    sqlite3_reset(*st);
    l->steps = INT64_MAX;
    return rc;
}

int expr_eval(const Expr *x, Arena *a, const Val *inputs, Val *ret, Err *err)
{
    Lane *l = take(x->env);
    l->call = x->env->call;
    l->call.work = EXPR_WORK_MAX;
    int rc = eval(l, x, a, inputs, ret, err);
    give_back(l);
    return rc;
}
