/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Spec rows of indicators.yaml. They stand beside the other pack files' rows because the JSON Schema is made
   of them; what they mean is the business of insight/. */
#include "model/pack_spec.h"

extern const PackKey indicators_keys[], indicator_keys[], measure_keys[], ratio_keys[], target_keys[],
    baseline_keys[];

typedef struct IndicatorFile {
    const Yaml *id, *no, *title, *group, *unit, *direction, *definition, *of, *ratio, *source, *period, *by,
        *past, *targets, *baseline, *org, *departments, *version;
} IndicatorFile;
typedef struct MeasureFile {
    const Yaml *entity, *where, *on, *count, *sum, *avg;
} MeasureFile;
typedef struct RatioFile {
    const Yaml *num, *den, *times;
} RatioFile;
typedef struct TargetFile {
    const Yaml *year, *value, *op, *text;
} TargetFile;
