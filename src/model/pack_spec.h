/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Specs of pack files: one table of keys for each kind of mapping. The same rows check a file, find the
 * nearest right name for a wrong one, and give the JSON Schema that editors use.
 */
#include "base/json.h"
#include "model/yaml.h"

typedef enum PackKind {
    PACK_NAME, /* [a-z][a-z0-9_]* */
    PACK_TEXT, /* any single value */
    PACK_BOOL, /* true, false */
    PACK_INT,
    PACK_DATE,     /* YYYY-MM-DD */
    PACK_CHOICE,   /* one of choices */
    PACK_TEXTS,    /* a list of single values, or one of them */
    PACK_CHOICES,  /* the same, each one of choices */
    PACK_MAP_OF,   /* name: mapping of `item` rows */
    PACK_LIST_OF,  /* list of mappings of `item` rows */
    PACK_OBJECT,   /* one mapping of `item` rows */
    PACK_TEXT_MAP, /* name: single value or mapping */
    PACK_ANY,
} PackKind;

/* Destination of every row is a `const Yaml *`, left NULL when the key is absent. A table ends with name
 * NULL. */
typedef struct PackKey {
    const char *name;
    PackKind kind;
    size_t offset;
    bool required;
    const char *const *choices; /* NULL-terminated */
    const struct PackKey *item;
    const char *title;
} PackKey;

/* Fills dst's pointers; faults for what is missing, unknown or of the wrong kind. False when y is no mapping.
 */
bool pack_decode(const Yaml *y, const PackKey *keys, void *dst, Faults *f);
bool pack_is_name(Str s);

/* Decoded values; the defaults for NULL. */
Str pack_text(const Yaml *y);
bool pack_bool(const Yaml *y);
/* A list of single values, or one of them, as a list. */
StrList pack_texts(Arena *a, const Yaml *y);
int64_t pack_int(const Yaml *y, int64_t otherwise);

extern const PackKey system_keys[], entity_keys[], field_keys[], codes_keys[], roles_keys[], users_keys[],
    map_keys[], pages_keys[];
extern const PackKey code_keys[], load_keys[], role_keys[], record_keys[], user_keys[], rule_keys[],
    policy_keys[];
extern const char *const field_type_names[];

typedef struct SystemFile {
    const Yaml *system, *no, *title, *group, *lead, *about, *depends, *load;
} SystemFile;
typedef struct LoadFile {
    const Yaml *entity, *file, *demo;
} LoadFile;
typedef struct EntityFile {
    const Yaml *entity, *title, *key, *label, *tree, *history, *region, *org, *order, *unique, *index, *rules,
        *policies, *catalogue, *purposes, *fields;
} EntityFile;
typedef struct FieldFile {
    const Yaml *title, *type, *required, *unique, *def, *min, *max, *pattern, *unit, *help, *sensitivity,
        *codes, *to, *scale, *expr, *as, *index, *roles, *write_roles;
} FieldFile;
typedef struct RuleFile {
    const Yaml *check, *say, *field;
} RuleFile;
typedef struct PolicyFile {
    const Yaml *roles, *ops, *when, *say;
} PolicyFile;
typedef struct CodesFile {
    const Yaml *codes, *title, *standard, *version, *values;
} CodesFile;
typedef struct CodeFile {
    const Yaml *code, *title, *parent, *from, *to;
} CodeFile;
typedef struct RoleFile {
    const Yaml *title, *permissions, *records, *exclusive;
} RoleFile;
typedef struct RecordFile {
    const Yaml *entities, *ops, *scope;
} RecordFile;
typedef struct UserFile {
    const Yaml *user, *name, *roles, *org, *region, *person;
} UserFile;
typedef struct MapFile {
    const Yaml *entity, *header, *skip_lines, *columns, *set, *skip;
} MapFile;
