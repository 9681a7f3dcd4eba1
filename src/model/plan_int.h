/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by plan.c (what must change) and plan_apply.c (changing it). */
#include "model/plan.h"

/* In the order in which steps run. */
enum PlanKind {
    DROP_CUBE, /* kept counts are taken away before their table changes, and made anew at the end */
    CREATE_TABLE,
    ADD_COLUMN,
    DROP_INDEX,
    CONVERT,
    CREATE_LINK,
    ADD_FOREIGN_KEY,
    RECOMPUTE,
    CREATE_INDEX,
    DROP_COLUMN,
    DROP_LINK,
    DROP_TABLE,
    CREATE_CUBE,
    NOTE_SPEC, /* nothing to do in the database but to remember the new limits */
    KIND_N
};

/* What is remembered of an entity in model_entity. */
Str plan_spec(Arena *a, const Entity *e);
