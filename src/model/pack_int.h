/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the files that turn pack files into a model: pack_read (files → drafts), pack_entity and
   pack_role (drafts → model, with every check). */
#include "model/model.h"
#include "model/pack_spec.h"

typedef struct FieldDraft {
    const Yaml *name;
    FieldFile y;
} FieldDraft;

typedef struct EntityDraft {
    Entity *entity;
    EntityFile y;
    FieldDraft *fields; /* parallel to entity->fields as far as declared */
    size_t n, cap;
    System *system;
} EntityDraft;

typedef struct PackLoader {
    Arena *a; /* of the model */
    Model *m;
    Faults *f;
    EntityDraft *entities;
    size_t n_entities, cap_entities;
    struct {
        const Yaml *y;
        System *system;
    } * roles;
    size_t n_roles, cap_roles;
    struct {
        const Yaml *y;
        System *system;
    } * pages;
    size_t n_pages, cap_pages;
    struct {
        SystemFile y;
        size_t i; /* index in m->systems while reading */
    } * systems;
    size_t n_systems, cap_systems;
    const Yaml **users; /* roots of demo/users.yaml */
    size_t n_users, cap_users;
    Buf declared; /* all pack text, for the digest */
} PackLoader;

/* pack_read.c */
void pack_read_all(PackLoader *l, const char *dir);
/* every file of maps/, against the finished entities */
void pack_check_maps(PackLoader *l);
/* pack_entity.c: fields, references, indexes of all drafts */
void pack_build_entities(PackLoader *l);
/* pack_field.c: one field. First name, type and storage of all; references, limits and codes when every
   entity has its fields */
void pack_begin_field(PackLoader *l, EntityDraft *d, size_t i);
void pack_finish_field(PackLoader *l, EntityDraft *d, size_t i);
/* s is one of a list that ends with NULL */
bool pack_listed(Str s, const char *const *list);
/* pack_codes.c: one table of codes/ */
void pack_build_codes(PackLoader *l, const Yaml *root);
/* pack_policy.c: row and field policies, once roles and references are known */
void pack_build_policies(PackLoader *l);
/* pack_page.c: pages of the desk, once everything that they name is known */
void pack_build_pages(PackLoader *l);
/* A fault of an expression at its place in the file. `what` stands before the message. */
void pack_expr_fault(PackLoader *l, const Yaml *y, Str what, const Err *err);
/* pack_role.c: roles, load steps, users files, order of systems */
void pack_build_roles(PackLoader *l);
void pack_check_users(PackLoader *l);
void pack_build_loads(PackLoader *l);
void pack_order_systems(PackLoader *l);
/* `to` belongs to the system, to one that it depends on (through others, too), or to the program itself. */
bool pack_sees(const PackLoader *l, const System *s, const Entity *to);
Str pack_near_role(PackLoader *l, Str name);
unsigned pack_verbs(const Yaml *y); /* Op bits of `do:` */
/* "是不是 “x”" for the nearest entity / code table, else what to do */
Str pack_near_entity(PackLoader *l, Str name);
