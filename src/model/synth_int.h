/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Between reading synth files (synth_read.c) and making records (synth.c). */
#include "base/clock.h"
#include "model/synth.h"

/* Rows with weights: a list of values to pick from. */
typedef struct SynthList {
    StrList columns;     /* their names */
    const Str *cells;    /* n × columns.n */
    const int64_t *upto; /* running sum of the weights */
    size_t n;
} SynthList;

typedef struct SynthFrom {
    const Entity *entity;
    Str where, as;
} SynthFrom;

typedef struct SynthSpec {
    const Entity *entity;
    int64_t order, count;
    Str map;
    SynthList *pick;
    size_t n_pick, cap_pick;
    SynthFrom *from;
    size_t n_from, cap_from;
    const SynthList *births; /* ages; NULL = none */
    Date until;
    const Field *avoid;
} SynthSpec;

/* All of them in their order. */
int synth_read(Arena *a, const Model *m, Faults *f, SynthSpec **ret, size_t *ret_n, Err *err) CHECKED;
