/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * A synthetic city: synth/NAME.yaml files of the packs say how many records of an entity a full city has and
 * from which columns they are made; the columns become a file that is imported through a map like anybody's
 * (docs/packs.md), so every rule, reference, count and journal entry is as with real data. The same scale
 * gives the same records.
 *
 *     entity: person
 *     order: 20                      smaller first
 *     count: 4600000                 records at scale 1
 *     map: maps/synth-person.yaml
 *     pick: [synth/surname.csv]      a row drawn by its column `weight`; its other columns become columns
 *     from: [{entity: region, where: "level=eq.5", as: place}]   an existing record: place (its id),
 * place_title (its label) births: {file: synth/age.csv, until: 2025-06-30, avoid: id_no} born, born_order
 * (three digits) by ages of `age,weight`; no number is given twice, nor one that stands in characters 7–17 of
 * the field `avoid` already
 *
 * Always there: n (from 1), n7 (seven digits), u1 … u9 (0–999999, even).
 */
#include "model/import.h"

typedef struct SynthOptions {
    double scale; /* 0.0001–1 */
    const Actor *who;
    const char *work_dir; /* for the file that is imported */
    const char *rejected_dir;
    void (*progress)(void *ctx, const Entity *e, int64_t done, int64_t count);
    void (*made)(void *ctx, const Entity *e, const ImportResult *r, double seconds);
    void *ctx;
} SynthOptions;

/* Reads all synth files of the packs: ERR_PACK with faults. ERR_CONFLICT when this city was filled before. */
int synth_run(Store *s, const Model *m, const SynthOptions *o, Faults *f, Err *err) CHECKED;
