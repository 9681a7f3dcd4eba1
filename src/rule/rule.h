/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Reactions: what follows from a change, a moment, a time of day, a message or an alarm, as the packs'
 * rules.yaml declare it. Driven by the journal: every entry is looked at at least once, in the order of its
 * record; what an action does to the database stands in the same transaction as the row that says it is done
 * (exactly once in effect). What leaves the house (mail, webhook, SMS, call) waits in an outbox that senders
 * empty.
 */
#include "model/city.h"
#include "model/record.h"
#include "model/yaml.h"

typedef struct Rules Rules;
typedef struct RuleSet RuleSet;

/* --- declared ------------------------------------------------------------------------------------------ */

/* Reads rules.yaml of every pack of the model. ERR_PACK with the faults in *f. The set lives as long as the
   model, which must outlive it. */
int rule_load(const Model *m, Faults *f, RuleSet **ret, Err *err) CHECKED;
/* One file, for the command `try`. */
int rule_load_file(const Model *m, const char *path, Faults *f, RuleSet **ret, Err *err) CHECKED;
int rule_load_text(const Model *m, const char *shown, Str text, Faults *f, RuleSet **ret, Err *err) CHECKED;
/* Only the faults. */
int rule_check(const Model *m, Faults *f, Err *err) CHECKED;
void rule_set_free(RuleSet *s);
void rule_set_freep(RuleSet **s);
#define _cleanup_ruleset_ __attribute__((cleanup(rule_set_freep)))
size_t rule_count(const RuleSet *s);

/* --- doing --------------------------------------------------------------------------------------------- */

/* Raises a message or an alarm in the caller's write transaction; its reactions run after the commit.
   `entity`, `record`: what it is about, or empty; `body`: JSON. */
int rule_message(Tx *tx, Str name, Str entity, Str record, Str body, Err *err) CHECKED;
int rule_alarm(Tx *tx, Str name, Str entity, Str record, Str body, Err *err) CHECKED;

/* An action that a room above adds (flow, raise, signal). */
typedef struct RuleFact {
    Arena *a;
    City *city;
    Tx *tx;
    const Actor *who; /* the reaction */
    const Entity *entity;
    Str record, key, trace;
    int64_t at_us;
} RuleFact;
typedef struct RuleAction {
    const char *name;
    /* At load: adds faults for what is wrong in the pack's node. */
    void (*check)(const Model *m, const Entity *e, const Yaml *y, Faults *f);
    /* In the reaction's transaction; the done row is written by the caller. */
    int (*run)(const RuleFact *fact, const Yaml *y, Err *err);
} RuleAction;
/* NULL-terminated; rooms above add their rows (rule_actions.c). */
extern const RuleAction *const rule_actions[];

/* --- asking -------------------------------------------------------------------------------------------- */

/* Evaluates every reaction on this record now, without acting: a JSON array of objects {id, title, entity,
   on, met, when, values: {…}}. Sensitive values are masked. `only` empty = all. ERR_NOT_FOUND. */
int rule_try(const RuleSet *s, const City *c, Tx *tx, Arena *a, Str only, Str entity, Str record, Buf *out,
             Err *err) CHECKED;

/* Unread messages of a person's inbox. */
int rule_inbox_unread(Tx *tx, Arena *a, Str user, int64_t *ret, Err *err) CHECKED;

extern const Room rule_room;
extern const Engine rule_engine;
