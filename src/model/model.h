/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The model: what the packs declare, as one immutable snapshot that all threads read. Built by model_load
 * from a folder of packs; a set with any fault gives no model at all.
 */
#include "base/engine.h"
#include "base/geometry.h"
#include "model/fault.h"
#include "store/store.h"
#include <regex.h>

typedef struct Model Model;
typedef struct System System;
typedef struct Entity Entity;
typedef struct Field Field;
typedef struct Codes Codes;
typedef struct Expr Expr;

typedef enum FieldType {
#define T(id, name, store, json, title) F_##id,
#include "model/types.def"
#undef T
    F_N
} FieldType;

/* How a value is kept in a column. */
typedef enum Storage {
    STORE_TEXT,
    STORE_INT,
    STORE_NUM, /* decimal: NUMERIC / numeric */
    STORE_BOOL,
    STORE_DATE, /* YYYY-MM-DD */
    STORE_TIME, /* HH:MM:SS */
    STORE_AT,   /* instant */
    STORE_GEO,  /* canonical GeoJSON text */
    STORE_JSON,
    STORE_LINK, /* no column: a link table */
    STORE_N
} Storage;

const char *field_type_name(FieldType t);  /* as written in packs */
const char *field_type_title(FieldType t); /* Chinese */
const char *field_type_json(FieldType t);  /* JSON Schema type(s) for OpenAPI */
Storage field_type_storage(FieldType t);

enum { NAME_MAX_LEN = 48, TEXT_MAX = 1000, LONGTEXT_MAX = 1000000, PICK_MAX = 1000 };

typedef struct Code {
    Str code, title, parent, from, to; /* from/to: dates or empty */
    Place at;
} Code;

struct Codes {
    Str name, title, standard, version;
    Code *items;
    size_t n, cap;
    Place at;
};
/* The code or NULL. */
const Code *codes_find(const Codes *c, Str code);
/* The code that has this code or title, or NULL. */
const Code *codes_match(const Codes *c, Str text);

struct Field {
    Str name, title, help, unit, pattern, def;
    FieldType type; /* of the value; for a computed field the type of its result */
    Storage storage;
    Entity *owner;
    const Codes *codes; /* F_ENUM */
    const Entity *to;   /* F_REF, F_REFS, F_FILE, F_FILES */
    Str link;           /* STORE_LINK: name of the link table */
    regex_t *regex;
    Str expr; /* computed: its text */
    const Expr *computed;
    StrList roles, write_roles; /* who alone sees it / writes it; none = as the entity's grants say */
    bool has_default, required, unique, index, system; /* system: id, _rev … */
    bool has_min, has_max;
    double min, max; /* numbers: value; text: characters; dates: days since 1970 */
    int scale, sensitivity;
    bool sealed; /* sensitivity 4: the column holds sealed text (vault.h) */
    size_t i;    /* position in owner->fields */
    Place at;
};

typedef struct FieldSet {
    const Field **items;
    size_t n;
} FieldSet;

/* What must hold of a record: a rule of the pack. NULL counts as holding, as in SQL's CHECK. */
typedef struct CheckRule {
    const Expr *check;
    Str say;
    const Field *field; /* where the message belongs; may be NULL */
} CheckRule;

/* A limit beside the grants: for actors with one of the roles only rows for which `when` holds. */
typedef struct Policy {
    StrList roles;
    unsigned ops;
    const struct ExprSql *when;
    Str say; /* told when a write would leave the limit; may be empty */
    Place at;
} Policy;

struct Entity {
    Str name, title;
    const System *system;
    const Model *model;
    Field *fields; /* declared ones, in screen order */
    size_t n, cap;
    Field *sys; /* SYS_N fields of the program */
    const Field *key, *label, *tree, *region, *org;
    const Field *order;
    bool order_desc, history;
    bool about_people; /* a record is a person: figures over few of them are suppressed */
    StrList purposes;  /* for which its sensitive fields may be shown whole; none = any stated one */
    FieldSet *unique;
    size_t n_unique;
    FieldSet *index;
    size_t n_index;
    CheckRule *rules;
    size_t n_rules, cap_rules;
    Policy *policies;
    size_t n_policies, cap_policies;
    Place at;
};

/* Fields that every record has. SYS_ID is a column only where the entity has no key; else it stands for the
 * key. */
enum { SYS_ID, SYS_REV, SYS_CREATED_AT, SYS_CREATED_BY, SYS_UPDATED_AT, SYS_N };

/* Field by name, the program's included; NULL when there is none. */
const Field *entity_field(const Entity *e, Str name);
/* The field whose value names a record: key, or id. */
const Field *entity_id(const Entity *e);
/* Nearest field name for a hint, or empty. */
Str entity_nearest(const Entity *e, Str name);

typedef struct Load {
    const Entity *entity;
    Str file; /* absolute path */
    bool demo;
    Place at;
} Load;

struct System {
    Str name, title, group, about;
    StrList lead, depends;
    int64_t no;
    Str dir;
    const char *dir_shown;
    Load *loads;
    size_t n_loads, cap_loads;
    Str users_file; /* demo/users.yaml or empty */
    Place at;
};

typedef struct Role {
    Str name, title;
    StrList permissions;
    size_t cap_permissions;
    Grant *grants;
    size_t n_grants, cap_grants;
    bool separation; /* one of the three administrators: excludes the others and every right to records */
    Place at;
} Role;

/* A page of the desk (pages.yaml). */
typedef struct PageChart {
    Str title, kind, query, x, y, series, unit, help;
    const Entity *entity;
    bool wide;
} PageChart;
typedef struct DeskPage {
    Str name, title, kind, about, query, date;
    const System *system;
    const Entity *entity; /* NULL for a board */
    PageChart *charts;
    size_t n_charts;
    Place at;
} DeskPage;

struct Model {
    Arena *arena;
    struct Vault
        *vault; /* set when the city is opened, before anything is read; NULL when no field is sealed */
    bool has_sealed;
    System *systems; /* [0] is the built-in one */
    size_t n_systems;
    System **order; /* the same, each after those it depends on */
    size_t n_order, cap_order;
    Entity **entities;
    size_t n_entities, cap_entities;
    Codes **codes;
    size_t n_codes, cap_codes;
    Role *roles;
    size_t n_roles, cap_roles;
    DeskPage *pages;
    size_t n_pages, cap_pages;
    struct ExprEnv *exprs;
    Str digest; /* SM3 of what was declared; changes when a pack changes */
};

/*
 * Reads every pack under `dir` (and the built-in one). 0 and *ret, or ERR_PACK with all faults added to *f
 * (whose arena the caller owns). Places show files relative to `dir` with `dir` as the caller wrote it in
 * front.
 */
int model_load(const char *dir, Faults *f, Model **ret, Err *err) CHECKED;
void model_free(Model *m);
void model_freep(Model **m);
#define _cleanup_model_ __attribute__((cleanup(model_freep)))
const Entity *model_entity(const Model *m, Str name);
/* The same for a name that a client wrote: ERR_NOT_FOUND with the nearest right one as hint. */
int model_find(const Model *m, Str name, const Entity **ret, Err *err) CHECKED;
const Codes *model_codes(const Model *m, Str name);
const Role *model_role(const Model *m, Str name);
/* Nearest entity name for a hint, or empty. */
Str model_nearest(const Model *m, Str name);

/* JSON Schema (2020-12) of one kind of pack file: system, entity, codes, roles, users, map. ERR_NOT_FOUND. */
int pack_schema(Str kind, Buf *out, Err *err) CHECKED;
extern const char *const pack_kinds[]; /* NULL-terminated */
