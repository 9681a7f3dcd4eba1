/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Spec rows of rules.yaml. They stand beside the other pack files' rows because the JSON Schema is made of
   them; what they mean is the business of rule/. */
#include "model/pack_spec.h"

extern const PackKey rules_keys[], reaction_keys[], on_keys[], action_keys[], write_keys[], update_keys[],
    notify_keys[], notify_to_keys[], call_keys[];

typedef struct ReactionFile {
    const Yaml *id, *title, *on, *when, *actions;
} ReactionFile;
typedef struct OnFile {
    const Yaml *record, *ops, *fields, *moment, *of, *offset, *at, *cron, *message, *alarm;
} OnFile;
typedef struct ActionFile {
    const Yaml *key, *write, *update, *notify, *call, *flow, *raise, *signal;
} ActionFile;
typedef struct WriteFile {
    const Yaml *entity, *of, *set;
} WriteFile;
typedef struct NotifyFile {
    const Yaml *to, *title, *text, *channels;
} NotifyFile;
typedef struct NotifyToFile {
    const Yaml *user, *role, *org, *field;
} NotifyToFile;
typedef struct CallFile {
    const Yaml *url, *method, *body, *headers;
} CallFile;
