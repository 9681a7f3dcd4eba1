/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Indicators: figures over records, as the packs' indicators.yaml declare them. Each value is a record of the
 * built-in entity indicator_value, computed within a second of the change that moves it, with its lineage;
 * it opens into exactly the rows it counts. What no record tells is reported with an evidence file, or has no
 * source and no value. docs/indicators.md.
 */
#include "model/city.h"
#include "model/record.h"
#include "model/yaml.h"

typedef struct Insight Insight;
typedef struct InsightSet InsightSet;

/* Reads indicators.yaml of every pack. ERR_PACK with the faults in *f. The set lives as long as the model,
   which must outlive it. */
int insight_load(const Model *m, Faults *f, InsightSet **ret, Err *err) CHECKED;
int insight_load_text(const Model *m, const char *shown, Str text, Faults *f, InsightSet **ret,
                      Err *err) CHECKED;
/* Only the faults. */
int insight_check(const Model *m, Faults *f, Err *err) CHECKED;
void insight_set_free(InsightSet *s);
void insight_set_freep(InsightSet **s);
#define _cleanup_insightset_ __attribute__((cleanup(insight_set_freep)))
size_t insight_count(const InsightSet *s);

extern const Room insight_room;
extern const Engine insight_engine;
