/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared inside rule/: a reaction as declared, what it is evaluated on, what it does, and the engine. */
#include "model/expr.h"
#include "model/value.h"
#include "rule/cron.h"
#include "rule/rule.h"

enum {
    LANES = 8,
    CHAIN_MAX = 16,          /* reactions that follow one from the other */
    CONSEQUENCES_MAX = 1000, /* of one original journal entry */
    BATCH_MAX = 64,          /* jobs of a lane in one transaction */
    BACKLOG_MAX = 2048,      /* jobs that wait in a lane */
    RULES_MAX = 2000,
    ACTIONS_MAX = 20,
    LATENCY_N = 8192,
};

/* --- declared: rule_load.c, rule_names.c ------------------------------------------------------------- */

typedef enum NameKind {
    NAME_NOW,
    NAME_OLD,
    NAME_REF,
    NAME_OP,
    NAME_ACTOR,
    NAME_TODAY,
    NAME_CLOCK,
    NAME_BODY
} NameKind;

typedef struct Name {
    Str text;
    NameKind kind;
    const Field *f;   /* NAME_NOW, NAME_OLD: the field; NAME_REF: the reference */
    const Field *sub; /* NAME_REF: field of the referenced record */
} Name;

typedef struct RuleExpr {
    Expr *x; /* NULL = none given */
    Name *names;
    size_t n;
    Str text;
} RuleExpr;

typedef struct SetItem {
    const Field *f;
    RuleExpr x;
} SetItem;

typedef enum RuleTo { TO_USER, TO_ROLE, TO_ORG, TO_FIELD } RuleTo;
typedef enum ActKind { ACT_WRITE, ACT_UPDATE, ACT_NOTIFY, ACT_CALL, ACT_OTHER } ActKind;
typedef enum Channel { CHANNEL_INBOX = 1, CHANNEL_MAIL = 2, CHANNEL_WEBHOOK = 4, CHANNEL_SMS = 8 } Channel;

typedef struct Act {
    ActKind kind;
    RuleExpr key;
    const Entity *entity; /* ACT_WRITE, ACT_UPDATE: written to */
    const Field *of;      /* ACT_UPDATE: through this reference; NULL = the record itself */
    SetItem *sets;
    size_t n_sets, cap_sets;
    RuleTo to;
    Str to_value;
    const Field *to_field;
    RuleExpr title, text; /* ACT_NOTIFY */
    unsigned channels;
    Str url, method; /* ACT_CALL */
    RuleExpr body;
    Str headers; /* JSON object */
    const RuleAction *other;
    const Yaml *node;
} Act;

typedef enum Trigger { ON_RECORD, ON_MOMENT, ON_CRON, ON_MESSAGE, ON_ALARM } Trigger;
typedef enum OffsetUnit { UNIT_DAYS, UNIT_WORKDAYS, UNIT_HOURS } OffsetUnit;
typedef struct Offset {
    int64_t n;
    OffsetUnit unit;
    TimeOfDay at;
} Offset;

typedef struct Rule {
    Str id;                   /* SYSTEM.NAME, unique in the city */
    Str title, on_text, name; /* name: of message or alarm */
    Trigger trigger;
    unsigned ops;         /* bits of RuleOp */
    const Entity *entity; /* NULL for cron, and messages about nothing */
    const Field **fields;
    size_t n_fields, cap_fields;
    const Field *moment;
    Offset offset;
    Cron cron;
    RuleExpr when;
    Act *acts;
    size_t n_acts, cap_acts;
    Place at;
    size_t i; /* position in the set */
} Rule;
enum { RULE_INSERT = 1, RULE_UPDATE = 2, RULE_DELETE = 4 };

struct RuleSet {
    Arena *a;
    const Model *m;
    ExprEnv *env;
    Rule **rules;
    size_t n, cap;
    bool records, moments, crons, events; /* some rule waits for these */
};

/* Compiles over the names of e (may be NULL); a fault at y when it is wrong. */
void rule_expr(RuleSet *s, const Entity *e, const Yaml *y, RuleExpr *ret, Faults *f);
/* "-3 workdays". ERR_PACK. */
int offset_parse(Str s, Offset *ret, Err *err) CHECKED;
/* The instant of a stored date or instant with its offset. */
int64_t offset_apply(const Calendar *c, const Field *f, Str stored, const Offset *o);
const Rule *rule_find(const RuleSet *s, Str id);

/* --- evaluating: rule_eval.c -------------------------------------------------------------------------- */

typedef enum JobKind { JOB_ENTRY, JOB_MOMENT, JOB_CRON, JOB_EVENT } JobKind;

/* One thing to react to. */
typedef struct Job {
    JobKind kind;
    JournalEntry e;   /* JOB_ENTRY; of the others only at_us, entity, record */
    const Rule *only; /* JOB_MOMENT, JOB_CRON, and a replay: this one; NULL = all that match */
    Str id;           /* occurrence or event; part of the keys */
    Str name, body;   /* JOB_EVENT: "message" or "alarm" stands in e.op */
    struct Page *page;
    const Rule **rules; /* those that match, in declared order */
    size_t n;
    char *result;   /* per rule: R_… of the last attempt */
    char **reasons; /* per rule: malloc'ed, why it failed for good */
} Job;
enum { R_OPEN, R_FIRED, R_SKIPPED, R_CUT, R_FAILED, R_GONE };

typedef struct Facts {
    Arena *a;
    const City *city;
    Tx *tx;
    const Job *job;
    const Entity *e;
    Input now, old; /* canonical values by field */
    Stored **refs;  /* by field: the referenced record once loaded */
    bool *ref_tried;
    bool there; /* the record exists now */
    Writer w;   /* system, for loading */
    Actor who;
} Facts;

/* Reads what the job is about. */
int facts_load(Facts *x, const City *c, Tx *tx, Arena *a, const Job *job, const Entity *e, Err *err) CHECKED;
int facts_value(Facts *x, const Name *n, Val *ret, Err *err) CHECKED;
int facts_eval(Facts *x, const RuleExpr *r, Val *ret, Err *err) CHECKED;
Str val_text(Arena *a, Val v);
bool val_true(Val v);
/* The rule waits for this job, its condition not looked at. */
bool rule_matches(const Rule *r, const Job *job);
/* Fills job->rules; false when there is none. */
bool job_match(const RuleSet *s, Arena *a, Job *job);
void job_forget(Job *job); /* frees the reasons */

/* --- doing: rule_do.c, rule_run.c ---------------------------------------------------------------------- */

typedef struct Chain {
    int64_t origin; /* journal entry with which it began */
    size_t depth;
    Str path; /* a>b */
} Chain;
/* What led to this entry: empty path unless a reaction wrote it. */
Chain chain_of(const JournalEntry *e);
Str chain_text(Arena *a, const Chain *c, Str id);

typedef struct Doing {
    Facts *x;
    Rules *rules;
    const Rule *r;
    Chain chain;
    Actor who;
    Str trace;
    int64_t at_us;
} Doing;
int rule_act(Doing *d, const Act *act, Str key, Err *err) CHECKED;
/* Queues one thing that goes out; the key makes it once. */
int outbox_put(Tx *tx, Arena *a, Str key, Str reaction, const char *kind, Str person, Str payload,
               int64_t at_us, Err *err) CHECKED;

/* Runs every matching rule of a job in a write transaction. On a failure *ret_rule says which one (index
   among the matching) so that the caller can mark it R_FAILED with a reason and try again. */
int job_run(Rules *s, Tx *tx, Arena *a, Job *job, size_t *ret_rule, Err *err) CHECKED;
/* Some matching rule's condition holds. */
int job_wants(Rules *s, Tx *tx, Arena *a, Job *job, bool *ret, Err *err) CHECKED;
Str job_json(Arena *a, const Job *job);
int job_from_json(Arena *a, Str text, Job *ret, Err *err) CHECKED;
bool lasting(int rc); /* trying again would not help */
/* A dead letter once more, without claiming the occurrence again. */
int job_replay(Rules *s, Tx *tx, Arena *a, Job *job, Err *err) CHECKED;
