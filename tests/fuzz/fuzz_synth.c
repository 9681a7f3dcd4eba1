/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/synth_read against the pack of the tests: any text as a file of synth/ and any text as its list give
   a sound plan or faults. The two are parted by a line %%; the list is called list.csv, a map map.yaml is
   there. */
#include "model/synth_int.h"

#include "fuzz_dir.h"
#include "fuzz_pack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Model *pack(void)
{
    static Model m; /* loaded once for all inputs; one system, whose folder is the one in memory */
    static System system;
    if (m.n_systems) return &m;
    m = *fuzz_pack("small");
    system = m.systems[0];
    if (!fuzz_dir_put("map.yaml", S("entity: area\n"))) abort();
    system.dir = str_c(fuzz_dir);
    m.systems = &system;
    m.n_systems = 1;
    return &m;
}

static void check_list(const SynthList *l)
{
    assert(l->n && l->upto[0] >= 1);
    for (size_t i = 1; i < l->n; i++) assert(l->upto[i] > l->upto[i - 1]);
    for (size_t i = 0; i < l->n * l->columns.n; i++) assert(!l->cells[i].n || l->cells[i].p);
}

static void check_spec(const SynthSpec *s)
{
    assert(s->entity && s->count >= 1 && s->map.n);
    for (size_t i = 0; i < s->n_pick; i++) check_list(&s->pick[i]);
    for (size_t i = 0; i < s->n_from; i++) assert(s->from[i].entity && s->from[i].as.n);
    if (!s->births) return;
    check_list(s->births);
    assert(s->births->columns.n && date_valid(s->until));
    for (size_t i = 0; i < s->births->n; i++) {
        int64_t age;
        assert(str_int(s->births->cells[i * s->births->columns.n], &age) && age >= 0 && age <= 150);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    const Model *m = pack();
    Str all = str_n((const char *)data, size), list = S("");
    ptrdiff_t at = str_find_str(all, S("\n%%\n"));
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    SynthSpec *specs;
    size_t n;
    if (at >= 0) {
        list = str_from(all, (size_t)at + 4);
        all = str_n(all.p, (size_t)at + 1);
    }
    if (!fuzz_dir_put("synth/one.yaml", all) || !fuzz_dir_put("list.csv", list)) return 0;
    if (synth_read(a, m, &f, &specs, &n, &err) < 0) {
        assert(err.code == ERR_PACK && f.n);
        return 0;
    }
    for (size_t i = 0; i < n; i++) check_spec(&specs[i]);
    return 0;
}
