/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/yaml and pack_decode: any text as any kind of pack file gives a tree or faults, each with its line.
 */
#include "model/pack_spec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than any of the structs that pack_decode fills. */
typedef union Any {
    SystemFile system;
    EntityFile entity;
    FieldFile field;
    CodesFile codes;
    const Yaml *one;
} Any;

static void decode_items(const Yaml *y, const PackKey *keys, Faults *f)
{
    Any any;
    for (size_t i = 0; y && i < y->n; i++) {
        memset(&any, 0, sizeof any);
        (void)pack_decode(y->kind == YAML_MAP ? y->pairs[i].value : y->items[i], keys, &any, f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const PackKey *const kinds[] = {system_keys, entity_keys, codes_keys, roles_keys,
                                           users_keys,  map_keys,    field_keys};
    _cleanup_arena_ Arena *a = arena_new();
    Faults f = {.arena = a};
    Yaml *root = yaml_parse(a, str_n((const char *)data, size), "fuzz.yaml", &f);
    assert(root || f.n);
    for (size_t i = 0; root && i < sizeof kinds / sizeof *kinds; i++) {
        Any any = {0};
        if (!pack_decode(root, kinds[i], &any, &f)) continue;
        if (kinds[i] == system_keys) decode_items(any.system.load, load_keys, &f);
        if (kinds[i] == entity_keys)
            decode_items(any.entity.fields, field_keys, &f), decode_items(any.entity.rules, rule_keys, &f);
        if (kinds[i] == codes_keys) decode_items(any.codes.values, code_keys, &f);
        if (kinds[i] == roles_keys) decode_items(any.one, role_keys, &f);
        if (kinds[i] == users_keys) decode_items(any.one, user_keys, &f);
    }
    faults_sort(&f);
    for (size_t i = 0; i < f.n; i++) assert(f.items[i].what.n && f.items[i].file);
    return 0;
}
