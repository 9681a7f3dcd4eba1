/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The operator's files: any text as keys/province.json (people), keys/map.json (http) or city.json (main) is
   read, or refused with a message. The first byte chooses: p, m, c. settings.json is in fuzz_rules. */
#include "http/http_int.h"
#include "main/main.h"
#include "people/province_int.h"

#include "fuzz_dir.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_province(Str text)
{
    Province *p;
    Err err = ERR_INIT;
    if (!fuzz_dir_put("keys/province.json", text)) return;
    if (province_load(&(City){.dir = fuzz_dir}, &p, &err) < 0) assert(err.msg[0] && !p);
    province_free(p);
}

static void try_map(Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    City city = {.dir = fuzz_dir};
    Request rq = {.arena = a, .city = &city};
    json_t *tree;
    Err err = ERR_INIT;
    if (!fuzz_dir_put("keys/map.json", text)) return;
    buf_init(&rq.out, 1 << 20);
    if (map_route(&rq, &err) < 0)
        assert(err.msg[0]);
    else
        assert(json_parse(a, buf_str(&rq.out), &tree, &err) == 0);
    buf_done(&rq.out);
}

static void try_city(Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    Remembered r;
    Err err = ERR_INIT;
    if (!fuzz_dir_put("city.json", text)) return;
    if (city_recall(a, fuzz_dir, &r, &err) < 0)
        assert(err.msg[0]);
    else
        assert(r.there && r.db.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    Str text = str_n((const char *)data + 1, size - 1);
    if (data[0] == 'p') try_province(text);
    if (data[0] == 'm') try_map(text);
    if (data[0] == 'c') try_city(text);
    return 0;
}
