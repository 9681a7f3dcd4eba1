/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Row and field rules: what an actor may do with an entity, compiled into the query (never filtered after
 * reading). Deny by default: without a grant there is nothing.
 */
#include "model/build.h"

typedef struct Access {
    unsigned scopes; /* bit per Scope that some grant gives */
    Op op;           /* for which the grants were looked up */
} Access;

/* ERR_UNAUTHORIZED for nobody, ERR_FORBIDDEN without a grant. */
int access_check(const Actor *who, const Entity *e, Op op, Access *ret, Err *err) CHECKED;
bool access_any(const Actor *who, const Entity *e, Op op);
/* " and ( … )" for rows that the access covers, or nothing when it covers all. */
void access_where(Build *b, const char *alias, const Actor *who, const Entity *e, const Access *access);
/* Every row: no scope and no policy limits this actor. */
bool access_whole(const Actor *who, const Entity *e, const Access *access);
/* The i-th policy that limits the actor here, or NULL; and its condition, as access_where writes it. */
const Policy *access_policy(const Actor *who, const Entity *e, Op op, size_t i);
void access_policy_where(Build *b, const char *alias, const Actor *who, const Policy *p);
/* The field is not there for this actor: no value, no condition, no sorting, no writing. */
bool access_hides(const Actor *who, const Field *f);
bool access_writes(const Actor *who, const Field *f);
/* ERR_FORBIDDEN with pointer when the field is hidden. */
int access_field(const Actor *who, const Field *f, const char *pointer, Err *err) CHECKED;
/* The actor states a purpose that the entity allows. */
bool access_purpose(const Actor *who, const Entity *e);
/* The field's values are shown masked to this actor. */
bool access_masks(const Actor *who, const Entity *e, const Field *f, const Access *read);
/* Region code → the prefix that its own and all lower codes share: 390100 → 3901, 390102 → 390102. */
Str region_prefix(Str code);
