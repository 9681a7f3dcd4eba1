/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/query: any query string against the small pack gives a query or an error with a code and a message; a
   query's SQL can be built for both databases. No database. */
#include "model/query.h"

#include "fuzz_pack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Model *small(void)
{
    static Model *m; /* loaded once for all inputs */
    if (!m) m = fuzz_pack("small");
    return m;
}

/* The first byte chooses entity and actor, the rest is the query string. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"all_types", "area", "org", "post", "region", "tag", "file"};
    const Model *m = small();
    if (!size) return 0;
    _cleanup_arena_ Arena *a = arena_new();
    const Entity *e = model_entity(m, str_c(names[data[0] % 7]));
    const Role *role = model_role(m, data[0] & 0x40 ? S("keeper") : S("local"));
    Actor who = {.user = S("u"),
                 .org = S("A"),
                 .region = S("610502"),
                 .grants = role->grants,
                 .n_grants = role->n_grants,
                 .system = (data[0] & 0x80) != 0};
    QueryCtx c = {a, m, &who, S("")};
    Query *q;
    Err err = ERR_INIT;
    Str text = str_n((const char *)data + 1, size - 1);
    if (query_parse(&c, e, text, &q, &err) < 0) {
        assert(err.code > ERR_NONE && err.code < ERR_N && err.msg[0]);
        return 0;
    }
    assert(q->where && q->n_picks);
    for (Dialect d = DIALECT_SQLITE; d < DIALECT_N; d++) {
        Build b;
        build_init(&b, a, d);
        query_where(&c, &b, "t", q);
        (void)build_sql(&b, "fuzz");
    }
    return 0;
}
