/* SPDX-License-Identifier: MulanPSL-2.0 */
/* insight: any text is an amount that reads back equal or an error; any parts give contributions that add up,
   or an error; any indicators.yaml against the pack of the tests gives a set, or faults with their places.
   The first byte chooses. No database. */
#include "insight/insight_int.h"

#include "fuzz_pack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Model *pack(void)
{
    static Model *m; /* loaded once for all inputs */
    if (!m) m = fuzz_pack("insight");
    return m;
}

static void amount(Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    Amount x, again;
    Err err = ERR_INIT;
    if (amount_parse(text, &x, &err) < 0) {
        assert(err.msg[0]);
        return;
    }
    assert(amount_parse(amount_text(a, x), &again, NULL) == 0 && again == x);
}

static void parts(Str bytes)
{
    Part p[16] = {0};
    Amount before, after, sum = 0;
    Err err = ERR_INIT;
    size_t n = bytes.n / sizeof(Amount) / 4;
    if (n > 16) n = 16;
    for (size_t i = 0; i < n; i++) {
        Amount x[4];
        memcpy(x, bytes.p + i * sizeof x, sizeof x);
        p[i] = (Part){.key = S("x"), .n0 = x[0] / 2, .d0 = x[1] / 2, .n1 = x[2] / 2, .d1 = x[3] / 2};
    }
    if (amount_parts(p, n, n % 4 != 3, 100, &before, &after, &err) < 0) {
        assert(err.msg[0]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(sum, p[i].contribution, &sum)) return;
    Amount change;
    if (!__builtin_sub_overflow(after, before, &change)) assert(sum == change);
}

static void file(Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_insightset_ InsightSet *s = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    int rc = insight_load_text(pack(), "indicators.yaml", text, &f, &s, &err);
    assert(rc == 0 ? !f.n : f.n > 0);
    for (size_t i = 0; i < f.n; i++) assert(f.items[i].what.n && fault_text(a, &f.items[i]).n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    Str text = str_n((const char *)data + 1, size - 1);
    if (data[0] == 'a') return amount(text), 0;
    if (data[0] == 'p') return parts(text), 0;
    return file(text), 0;
}
