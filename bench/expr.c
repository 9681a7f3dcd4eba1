/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Evaluations a second of a rule of ten terms: expr_eval, and as its peer the same expression as a plain
 * prepared statement of SQLite, both on one thread; then expr_eval on several threads that share one
 * environment. `bench_expr [SECONDS] [THREADS]`; prints a line each, with ratios.
 */
#include "base/clock.h"
#include "model/expr.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum { NAMES = 9, THREADS_MAX = 64, SLICE = 1000 };

static const char text[] =
    "a > 1 and b < 100 and c = 'x' and d is not null and e + f > 10 and g like '61%' and "
    "h in (1,2,3) and not (i = 0)";
static const char plain[] =
    "select (?1 > 1 and ?2 < 100 and ?3 = 'x' and ?4 is not null and ?5 + ?6 > 10 and ?7 like '61%' and "
    "?8 in (1,2,3) and not (?9 = 0))";

static Val inputs[NAMES];

static void fill(void)
{
    const Val vals[NAMES] = {V_INT(5),    V_REAL(7.5), V_TEXT(S("x")),      V_TEXT(S("2025-06-03")),
                             V_REAL(7.5), V_INT(5),    V_TEXT(S("610502")), V_INT(3),
                             V_INT(1)};
    memcpy(inputs, vals, sizeof vals);
}

static double since(int64_t start) { return (double)(clock_mono_us() - start) / 1e6; }

static double peer(double seconds)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int64_t n = 0, held = 0, start;
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ||
        sqlite3_prepare_v3(db, plain, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL))
        abort();
    for (start = clock_mono_us(); since(start) < seconds; n += SLICE)
        for (int k = 0; k < SLICE; k++) {
            for (int i = 0; i < NAMES; i++) {
                const Val *v = &inputs[i];
                if (v->kind == VAL_INT)
                    sqlite3_bind_int64(st, i + 1, v->i);
                else if (v->kind == VAL_REAL)
                    sqlite3_bind_double(st, i + 1, v->r);
                else
                    sqlite3_bind_text(st, i + 1, v->s.p, (int)v->s.n, SQLITE_STATIC);
            }
            held += sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0);
            sqlite3_reset(st);
        }
    double rate = (double)n / since(start);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return held == n ? rate : 0;
}

typedef struct Bench {
    const Expr *x;
    double seconds;
    _Atomic int64_t n;
} Bench;

static void *ours(void *p)
{
    Bench *b = p;
    int64_t n = 0, held = 0, start = clock_mono_us();
    Arena *a = arena_new();
    for (; since(start) < b->seconds; n += SLICE)
        for (int k = 0; k < SLICE; k++) {
            Val v;
            Err err;
            held += expr_eval(b->x, a, inputs, &v, &err) == 0 && v.kind == VAL_INT && v.i;
        }
    arena_free(a);
    b->n += held == n ? n : 0;
    return NULL;
}

static double run(const Expr *x, double seconds, int64_t threads)
{
    Bench b = {.x = x, .seconds = seconds};
    pthread_t ids[THREADS_MAX];
    int64_t start = clock_mono_us();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, ours, &b)) abort();
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    return (double)b.n / since(start);
}

int main(int argc, char **argv)
{
    double seconds = 2;
    int64_t threads = 2;
    Str names[NAMES] = {S("a"), S("b"), S("c"), S("d"), S("e"), S("f"), S("g"), S("h"), S("i")};
    Err err = ERR_INIT;
    Expr *x;
    if ((argc > 1 && !str_real(str_c(argv[1]), &seconds)) ||
        (argc > 2 && !str_int(str_c(argv[2]), &threads)) || seconds <= 0 || threads < 1 ||
        threads > THREADS_MAX) {
        fprintf(stderr, "bench_expr [SECONDS] [THREADS]\n");
        return 2;
    }
    fill();
    ExprEnv *env = expr_env_new();
    if (expr_compile(env, str_c(text), names, NAMES, &x, &err) < 0)
        return fprintf(stderr, "%s\n", err.msg), 1;
    double theirs = peer(seconds), one = run(x, seconds, 1), all = run(x, seconds, threads);
    printf("expr  sqlite3 prepared, 1 thread   %10.0f evaluations/s\n", theirs);
    printf("expr  expr_eval, 1 thread          %10.0f evaluations/s   %.2f x\n", one, one / theirs);
    printf("expr  expr_eval, %2lld threads        %10.0f evaluations/s   %.2f x of one thread\n",
           (long long)threads, all, all / one);
    expr_env_free(env);
    return 0;
}
