/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/expr and model/expr_sql: any text compiles or is refused with a message and a place inside the text;
   what compiles gives a value or a refusal; what is portable can be written for both databases. */
#include "model/expr.h"
#include "model/expr_sql.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    Storage storage;
} columns[] = {{"i", STORE_INT},  {"d", STORE_NUM},  {"s", STORE_TEXT}, {"b", STORE_BOOL},
               {"x", STORE_DATE}, {"t", STORE_TIME}, {"a", STORE_AT},   {"g", STORE_GEO}};
enum { COLUMNS = sizeof columns / sizeof *columns, NAMES = COLUMNS + SYS_N + 5 };
static const char *const sys[SYS_N] = {"id", "_rev", "_created_at", "_created_by", "_updated_at"};
static const char *const asked[] = {":user", ":org", ":region", ":person", ":today"};

static Entity *entity(Arena *a)
{
    Entity *e = ARENA_NEW(a, Entity);
    e->name = S("e"), e->n = COLUMNS;
    e->fields = ARENA_ARRAY(a, Field, COLUMNS);
    e->sys = ARENA_ARRAY(a, Field, SYS_N);
    for (size_t i = 0; i < COLUMNS; i++)
        e->fields[i] =
            (Field){.name = str_c(columns[i].name), .storage = columns[i].storage, .owner = e, .i = i};
    for (size_t i = 0; i < SYS_N; i++)
        e->sys[i] = (Field){.name = str_c(sys[i]),
                            .storage = i == SYS_REV                                 ? STORE_INT
                                       : i == SYS_CREATED_AT || i == SYS_UPDATED_AT ? STORE_AT
                                                                                    : STORE_TEXT,
                            .owner = e,
                            .system = true,
                            .i = i};
    return e;
}

static void check_error(const Err *err, size_t size)
{
    assert(err->code > ERR_NONE && err->code < ERR_N && err->msg[0]);
    assert(err->at >= -1 && err->at <= (int64_t)size);
}

static void write_both(const ExprSql *x, Arena *a)
{
    const ExprAsk ask = {S("wang"), S("A"), S("610500"), S(""), S("2025-06-03")};
    for (Dialect d = DIALECT_SQLITE; d < DIALECT_N; d++) {
        Build b;
        build_init(&b, a, d);
        expr_sql(x, &b, "t", &ask);
        assert(!b.text.over && b.text.n > 2);
        (void)build_sql(&b, "fuzz");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ExprEnv *env; /* renewed now and then: what it compiled stays until it is freed */
    static int uses;
    _cleanup_arena_ Arena *a = arena_new();
    Str names[NAMES], text = str_n((const char *)data, size);
    const Val given[COLUMNS] = {V_INT(3),
                                V_REAL(2.5),
                                V_TEXT(S("渭南")),
                                V_INT(1),
                                V_TEXT(S("2025-06-03")),
                                V_TEXT(S("09:00:00")),
                                V_TEXT(S("2025-06-03T01:00:00.000000Z")),
                                V_TEXT(S("{\"type\":\"Point\",\"coordinates\":[109.5,34.5]}"))};
    Val in[NAMES] = {{.kind = VAL_NULL}}, v;
    size_t n = 0;
    if (uses++ % 1000 == 0) expr_env_free(env), env = expr_env_new();
    memcpy(in, given, sizeof given);
    for (size_t i = 0; i < COLUMNS; i++) names[n++] = str_c(columns[i].name);
    for (size_t i = 0; i < SYS_N; i++) names[n++] = str_c(sys[i]);
    for (size_t i = 0; i < 5; i++) names[n++] = str_c(asked[i]);
    Err err = ERR_INIT, other = ERR_INIT;
    Expr *x;
    ExprSql *portable;
    bool compiles = expr_compile(env, text, names, n, &x, &err) == 0;
    if (!compiles) check_error(&err, size);
    err = ERR_INIT;
    if (compiles && expr_eval(x, a, in, &v, &err) < 0) assert(err.msg[0]);
    if (expr_sql_parse(a, text, entity(a), &portable, &other) < 0) return check_error(&other, size), 0;
    write_both(portable, a);
    return 0;
}
