/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * An expression E over names a, b becomes `with v("a","b") as (values($1,$2)) select (E) from v`, prepared
 * once. The authorizer is on while it is compiled: it lets through the select itself, functions, and columns
 * of v.
 */
#include "model/expr.h"

#include "base/text.h"
#include "model/expr_funcs.h"
#include <pthread.h>
#include <sqlite3.h>

struct ExprEnv {
    sqlite3 *db;
    pthread_mutex_t lock;
    Arena *arena;
    Expr **all;
    size_t n, cap;
    int64_t steps; /* left in the running evaluation */
    ExprFuncs funcs;
};

struct Expr {
    ExprEnv *env;
    sqlite3_stmt *stmt;
    const Str *names;
    size_t n;
    int *index; /* parameter number of each name; 0 = not used */
    bool *used;
};

static int authorize(void *ctx, int action, const char *a, const char *b, const char *db, const char *trigger)
{
    (void)ctx, (void)trigger, (void)b;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: return action == SQLITE_SELECT ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        if (b && (!strcmp(b, "load_extension") || !strcmp(b, "random") || !strcmp(b, "randomblob")))
            return SQLITE_DENY;
        return SQLITE_OK;
    case SQLITE_READ: return (!db || !*db) && a && !strcmp(a, "v") ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
    }
}

static int step_limit(void *ctx)
{
    ExprEnv *env = ctx;
    env->steps -= 1000;
    return env->steps <= 0;
}

ExprEnv *expr_env_new(void)
{
    ExprEnv *env = xcalloc(1, sizeof *env);
    env->arena = arena_new();
    pthread_mutex_init(&env->lock, NULL);
    if (sqlite3_open_v2(":memory:", &env->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        abort(); /* memory only: cannot fail but for want of memory */
    /* A misspelt "name" is an error, not a text. */
    sqlite3_db_config(env->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_limit(env->db, SQLITE_LIMIT_SQL_LENGTH, EXPR_TEXT_MAX * 4);
    sqlite3_limit(env->db, SQLITE_LIMIT_LENGTH, EXPR_VALUE_MIN);
    sqlite3_limit(env->db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(env->db, SQLITE_LIMIT_COMPOUND_SELECT, 3);
    sqlite3_limit(env->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(env->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200);
    expr_funcs_register(env->db, &env->funcs);
    sqlite3_set_authorizer(env->db, authorize, env);
    sqlite3_progress_handler(env->db, 1000, step_limit, env);
    env->steps = INT64_MAX;
    return env;
}

void expr_env_free(ExprEnv *env)
{
    if (!env) return;
    for (size_t i = 0; i < env->n; i++) sqlite3_finalize(env->all[i]->stmt);
    sqlite3_close(env->db);
    pthread_mutex_destroy(&env->lock);
    arena_free(env->arena);
    free(env);
}

void expr_env_lookup(ExprEnv *env, ExprLookup fn, void *ctx)
{
    env->funcs.lookup = fn;
    env->funcs.ctx = ctx;
}

static void quote_name(Buf *b, Str name)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') buf_addc(b, '"');
        buf_addc(b, name.p[i]);
    }
    buf_addc(b, '"');
}

/* SQLite says "no such column: x" and the like: into our words, with the nearest name. */
static int compile_error(sqlite3 *db, const Str *names, size_t n, Err *err)
{
    const char *msg = sqlite3_errmsg(db);
    static const char *const kinds[][2] = {{"no such column: ", "表达式里没有名为 “%s” 的字段"},
                                           {"no such function: ", "表达式里没有名为 “%s” 的函数"}};
    for (size_t i = 0; i < 2; i++) {
        if (strncmp(msg, kinds[i][0], strlen(kinds[i][0])) != 0) continue;
        Str name = str_c(msg + strlen(kinds[i][0]));
        int rc = i ? err_set(err, ERR_PACK, "表达式里没有名为 “" STR_FMT "” 的函数", STR_ARG(name))
                   : err_set(err, ERR_PACK, "表达式里没有名为 “" STR_FMT "” 的字段", STR_ARG(name));
        ptrdiff_t near = i ? -1 : text_nearest(name, names, n);
        return near >= 0 ? err_hint(err, "是不是 “" STR_FMT "”", STR_ARG(names[near])) : rc;
    }
    if (strstr(msg, "prohibited") || strstr(msg, "not authorized"))
        return err_set(err, ERR_PACK, "表达式里只能用字段和函数，不能读表或改库");
    return err_set(err, ERR_PACK, "表达式写得不对：%s", msg),
           err_hint(err, "按 SQL 表达式的写法检查括号、引号和运算符");
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80);
}

static size_t skip_space(Str s, size_t i)
{
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r')) i++;
    return i;
}

/* printf counts out a width of a thousand million, however short the result may be: only literal formats with
   small widths. `i` is behind the function's name. */
static bool safe_format(Str s, size_t i)
{
    i = skip_space(s, i);
    if (i >= s.n || s.p[i] != '(') return true; /* a field of that name */
    i = skip_space(s, i + 1);
    if (i >= s.n || s.p[i] != '\'') return false;
    for (i++; i < s.n && s.p[i] != '\''; i++) {
        int digits = 0;
        if (s.p[i] != '%') continue;
        while (i + 1 < s.n && s.p[i + 1] != '\'' && strchr("-+ #0!,.123456789*", s.p[i + 1])) {
            char c = s.p[++i];
            digits = c >= '0' && c <= '9' ? digits + 1 : 0;
            if (c == '*' || digits > 3) return false;
        }
        if (i + 1 < s.n && s.p[i + 1] == '%') i++;
    }
    return i + 1 >= s.n || s.p[i + 1] != '\''; /* a doubled quote is not looked behind */
}

/* What must not be in an expression however SQLite would take it: the end of our own select (a closing
   parenthesis too many, a semicolon, a comment that hides it), another select, a parameter of its own. */
static int scan(Str text, Err *err)
{
    int depth = 0;
    char quote = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i], next = i + 1 < text.n ? text.p[i + 1] : 0;
        if (quote) {
            if (c != quote) continue;
            size_t after = skip_space(text, i + 1);
            if (quote != '\'' && after < text.n && text.p[after] == '(')
                return err_set(err, ERR_PACK, "表达式里的函数名不加引号");
            quote = 0;
        } else if (c == '\'' || c == '"' || c == '`') {
            quote = c;
        } else if (c == '[') {
            quote = ']';
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth < 0) {
            return err_set(err, ERR_PACK, "表达式写得不对：右括号多了");
        } else if (c == ';' || (c == '-' && next == '-') || (c == '/' && next == '*') || !c) {
            return err_set(err, ERR_PACK, "表达式里不能有分号或注释");
        } else if (c == '?' || c == '$' || c == '@' || (c == ':' && next != ':')) {
            return err_set(err, ERR_PACK, "表达式里不能有参数 “%c”", c), err_hint(err, "直接写字段名");
        } else if (is_word(c)) {
            size_t start = i;
            while (i + 1 < text.n && is_word(text.p[i + 1])) i++;
            Str word = str_n(text.p + start, i + 1 - start);
            if (str_ieq(word, S("select")) || str_ieq(word, S("values")))
                return err_set(err, ERR_PACK, "表达式里只能用字段和函数，不能有 " STR_FMT, STR_ARG(word));
            if ((str_ieq(word, S("printf")) || str_ieq(word, S("format"))) && !safe_format(text, i + 1))
                return err_set(err, ERR_PACK, STR_FMT " 的格式要直接写成文字，宽度最多三位数，不用 *",
                               STR_ARG(word));
        }
    }
    if (quote) return err_set(err, ERR_PACK, "表达式写得不对：引号没有配对");
    if (depth) return err_set(err, ERR_PACK, "表达式写得不对：左括号多了");
    return 0;
}

static int prepare(ExprEnv *env, Str sql, Str text, sqlite3_stmt **ret, const Str *names, size_t n, Err *err)
{
    TRY(scan(text, err));
    if (sqlite3_prepare_v3(env->db, sql.p, (int)sql.n, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
        return compile_error(env->db, names, n, err);
    return 0;
}

/* The name occurs in the text in any case, as SQL reads names; what is written with doubled quotes counts as
 * there. */
static bool occurs(Str text, Str name)
{
    if (!name.n || str_find(name, '"') >= 0) return true;
    for (size_t i = 0; i + name.n <= text.n; i++)
        if (str_ieq(str_n(text.p + i, name.n), name)) return true;
    return false;
}

int expr_compile(ExprEnv *env, Str text, const Str *names, size_t n, Expr **ret, Err *err)
{
    if (text.n > EXPR_TEXT_MAX) return err_set(err, ERR_PACK, "表达式超过 %d 个字节", EXPR_TEXT_MAX);
    if (!str_trim(text).n) return err_set(err, ERR_PACK, "表达式是空的");
    Buf sql;
    buf_init(&sql, EXPR_TEXT_MAX * 4);
    buf_adds(&sql, "with v(");
    for (size_t i = 0; i < n; i++) {
        if (i) buf_addc(&sql, ',');
        quote_name(&sql, names[i]);
    }
    if (!n) buf_adds(&sql, "\"none\"");
    buf_adds(&sql, ") as (select ");
    for (size_t i = 0; i < n; i++) buf_addf(&sql, "%s?%zu", i ? "," : "", i + 1);
    if (!n) buf_adds(&sql, "1");
    buf_adds(&sql, ") select (");
    buf_add(&sql, text);
    buf_adds(&sql, ") from v");
    sqlite3_stmt *stmt = NULL;
    pthread_mutex_lock(&env->lock);
    int rc = sql.over ? err_set(err, ERR_PACK, "表达式太长")
                      : prepare(env, buf_str(&sql), text, &stmt, names, n, err);
    if (rc == 0) {
        Expr *x = ARENA_NEW(env->arena, Expr);
        *ARENA_PUSH(env->arena, env->all, env->n, env->cap) = x;
        Str *copy = ARENA_ARRAY(env->arena, Str, n + 1);
        x->used = ARENA_ARRAY(env->arena, bool, n + 1);
        for (size_t i = 0; i < n; i++) {
            copy[i] = str_dup(env->arena, names[i]);
            x->used[i] = occurs(text, names[i]);
        }
        x->env = env, x->stmt = stmt, x->names = copy, x->n = n;
        *ret = x;
    }
    pthread_mutex_unlock(&env->lock);
    buf_done(&sql);
    return rc;
}

bool expr_uses(const Expr *x, size_t name) { return name < x->n && x->used[name]; }

/* False: too long for the limits of an expression. */
static bool bind(sqlite3_stmt *st, int i, Val v)
{
    switch (v.kind) {
    case VAL_NULL: return sqlite3_bind_null(st, i) == SQLITE_OK;
    case VAL_INT: return sqlite3_bind_int64(st, i, v.i) == SQLITE_OK;
    case VAL_REAL: return sqlite3_bind_double(st, i, v.r) == SQLITE_OK;
    case VAL_TEXT:
        return sqlite3_bind_text(st, i, v.s.p ? v.s.p : "", (int)v.s.n, SQLITE_STATIC) == SQLITE_OK;
    case VAL_BLOB: return sqlite3_bind_blob(st, i, v.s.p, (int)v.s.n, SQLITE_STATIC) == SQLITE_OK;
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

int expr_eval(const Expr *x, Arena *a, const Val *inputs, Val *ret, Err *err)
{
    ExprEnv *env = x->env;
    int rc = 0;
    pthread_mutex_lock(&env->lock);
    env->steps = EXPR_STEPS_MAX;
    bool bound = true;
    size_t bytes = 0;
    for (size_t i = 0; i < x->n; i++)
        if (x->used[i] && inputs[i].kind >= VAL_TEXT) bytes += inputs[i].s.n;
    sqlite3_limit(env->db, SQLITE_LIMIT_LENGTH,
                  bytes < (EXPR_VALUE_MAX - EXPR_VALUE_MIN) / 2 ? EXPR_VALUE_MIN + (int)bytes * 2
                                                                : EXPR_VALUE_MAX);
    for (size_t i = 0; i < x->n; i++) bound &= bind(x->stmt, (int)i + 1, x->used[i] ? inputs[i] : V_NULL);
    int step = bound ? sqlite3_step(x->stmt) : SQLITE_TOOBIG;
    if (step == SQLITE_ROW)
        *ret = column(x->stmt, a);
    else if (step == SQLITE_INTERRUPT)
        rc = err_set(err, ERR_VALIDATION, "表达式运算步数过多，已中止");
    else if (step == SQLITE_TOOBIG)
        rc = err_set(err, ERR_VALIDATION, "表达式得出的文字过长");
    else
        rc = err_set(err, ERR_VALIDATION, "%s", sqlite3_errmsg(env->db));
    sqlite3_reset(x->stmt);
    sqlite3_clear_bindings(x->stmt);
    env->steps = INT64_MAX;
    pthread_mutex_unlock(&env->lock);
    return rc;
}
