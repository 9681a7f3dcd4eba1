/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/import_map against the pack of the tests: any text is a map whose columns are fields of its entity,
   each from one source, or has faults with their places. The first line: the entity of the import, or none.
 */
#include "model/import_int.h"

#include "fuzz_dir.h"
#include "fuzz_pack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Model *small(void)
{
    static Model *m; /* loaded once for all inputs */
    if (!m) m = fuzz_pack("small");
    return m;
}

static void check_map(const ImportMap *map, bool sound)
{
    assert(map->header >= 1 && map->header <= 1000);
    for (size_t i = 0; i < map->n_skip; i++) assert(map->skip_lines[i] >= 1);
    for (size_t i = 0; i < map->n; i++) {
        assert(map->columns[i].field);
        assert(map->columns[i].source.n || map->columns[i].expr.n || !sound);
        for (size_t k = 0; k < i; k++) assert(map->columns[i].field != map->columns[k].field);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    char path[96];
    Str all = str_n((const char *)data, size), line;
    Faults f = {.arena = a};
    if (!str_split(&all, '\n', &line) || !fuzz_dir_put("map.yaml", all.p ? all : S(""))) return 0;
    snprintf(path, sizeof path, "%s/map.yaml", fuzz_dir);
    const Entity *e = model_entity(small(), line);
    ImportMap *map = import_map_read(a, small(), e, path, true, &f);
    assert(map || f.n);
    if (map) check_map(map, !f.n);
    for (size_t i = 0; i < f.n; i++) assert(f.items[i].what.n && fault_text(a, &f.items[i]).n);

    NameList words = {0};
    expr_words(a, all, &words);
    for (size_t i = 0; i < words.n; i++) assert(words.items[i].n && name_find(&words, words.items[i]) == i);
    return 0;
}
