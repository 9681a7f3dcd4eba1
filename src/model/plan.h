/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The plan of changes: from the tables that exist to those that the packs declare. Shown before it is
 * applied; a second run is empty. A step that drops or narrows data is refused unless its name is allowed.
 * When it is allowed, texts are cut to the new length, decimals rounded to the new scale, and what the new
 * type cannot hold at all (a reference to what is not there, too) becomes empty. What is newly required stays
 * empty in old records until they are next written. A new unique key over values that occur twice fails, and
 * with it the whole.
 */
#include "model/model.h"

typedef struct PlanStep {
    Str text;   /* what it does, Chinese */
    Str danger; /* ENTITY or ENTITY.FIELD that would lose data; empty = harmless */
    int kind;   /* PlanKind; steps run in its order */
    size_t at;  /* order within a kind */
    const Entity *entity;
    const Field *field;
    Str name, extra;
    FieldSet set;
    bool unique;
    Storage was; /* conversions: the old column */
    int was_scale;
    bool was_sealed;
} PlanStep;

typedef struct Plan {
    PlanStep *steps;
    size_t n, cap;
} Plan;

/* Compares; *ret lives in the arena. */
int plan_make(Arena *a, const Model *m, Tx *tx, Plan *ret, Err *err) CHECKED;
/* ERR_DATA_LOSS naming the first step that is not allowed. `allowed` holds the names given by
 * --allow-data-loss. */
int plan_check(const Plan *p, const StrList *allowed, Err *err) CHECKED;
/* Applies all steps and records what is applied now. */
int plan_apply(Arena *a, const Model *m, const Plan *p, Tx *tx, Err *err) CHECKED;

/* An index of the entity holds the rows with given values of `equal`, all of them, in this order: what a list
   costs does not depend on the values. Asked for every list: `a` is for what it needs meanwhile. */
bool plan_lists(Arena *a, const Entity *e, const FieldSet *equal, const FieldSet *order);

/* Seals every sealed value anew under the current data key, in one transaction. */
int plan_reseal(const Model *m, Tx *tx, int64_t *ret_fields, Err *err) CHECKED;

extern const Room model_room;
