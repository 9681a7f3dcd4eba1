/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared inside rule/: the running engine (lanes, dispatcher, outbox), its settings, the network, the routes.
 */
#include "rule/rule_int.h"
#include "rule/rule_net.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- the engine: rule_engine.c, rule_lane.c, rule_tick.c ------------------------------------------------ */

typedef struct Settings {
    Str smtp_url, mail_from, sms_url, webhook_url, webhook_secret;
    StrList allow;    /* hosts that may be called */
    int64_t tries;    /* before a dead letter */
    int64_t retry_us; /* first pause */
    Arena *a;
} Settings;
int settings_read(const char *dir, Settings *ret, Err *err) CHECKED;

typedef struct Count {
    atomic_llong fired, skipped, failed, cut;
} Count;

typedef struct Lane {
    struct Rules *s;
    int no;
    pthread_t thread;
    pthread_cond_t wake, room;
    Job **jobs; /* ring of BACKLOG_MAX */
    size_t head, n;
    atomic_bool owned;
    bool busy;
    int64_t cursor; /* as the database has it */
    int64_t seen;   /* highest entry handed to this lane, or passed over */
} Lane;

struct Rules {
    City *city;
    RuleSet *set;
    Settings settings;
    Count *counts;
    Str owner;
    Arena *a;
    pthread_mutex_t lock;
    pthread_cond_t news; /* the dispatcher sleeps here */
    pthread_cond_t mail; /* the senders sleep here */
    int64_t *since;      /* per rule: known since; nothing older is reacted to */
    atomic_bool stopping;
    bool started, poked;
    int watch;
    pthread_t dispatcher, senders[2];
    Lane lanes[LANES];
    int64_t reading; /* journal entry up to which the dispatcher has read */
    int64_t leased_us, scanned_us, stepped_us, swept_us;
    atomic_int latency[LATENCY_N]; /* ring of µs from the entry to the commit of its consequences */
    atomic_uint latency_at;
};

/* All but the threads; a test drives it by rules_pump. Loads what the database remembers. */
int rules_new(City *c, Rules **ret, Err *err) CHECKED;
void rules_free(Rules *s);
/* Reads the journal and works everything off on this thread, until nothing is left. */
int rules_pump(Rules *s, Err *err) CHECKED;
int lane_of(Str entity, Str record);
/* Hands a job (of its page's arena) to its lane; waits for room. False: not our lane, or stopping. */
bool lane_push(Rules *s, Job *job);
/* One batch: how many jobs were worked off. */
size_t lane_work(Lane *l);
/* One page of the journal: 1 there may be more, 0 the end. */
int journal_pass(Rules *s, Err *err) CHECKED;
int lanes_lease(Rules *s, int64_t now_us, Err *err) CHECKED;
/* Remembers that idle lanes have come as far as the journal was read. */
int lanes_catch_up(Rules *s, int64_t least, Err *err) CHECKED;
void *lane_main(void *lane);
void *dispatcher_main(void *rules);
void *sender_main(void *rules);
/* One pass over what is due at `now`: leases, cron, moments, events, digests, sweeping. */
int rule_tick(Rules *s, int64_t now_us, Err *err) CHECKED;
int moments_scan(Rules *s, int64_t now_us, Err *err) CHECKED;
int crons_scan(Rules *s, int64_t now_us, Err *err) CHECKED;
int events_scan(Rules *s, Err *err) CHECKED;
int digests_send(Rules *s, int64_t now_us, Err *err) CHECKED;
/* Claims what is due and sends it; *ret_n sent or failed. */
int outbox_deliver(Rules *s, int64_t now_us, size_t *ret_n, Err *err) CHECKED;
/* A set of jobs that came together lives in one arena. */
typedef struct Page {
    Arena *a;
    atomic_int refs;
} Page;
Page *page_new(void);
void page_drop(Page *p);
Job *job_new(Page *p, JobKind kind);
void rules_poke(Rules *s);

/* --- network: net.c --------------------------------------------------------------------------------------
 */

int net_mail(Arena *a, const Settings *st, Str to, Str subject, Str text, Str key, Err *err) CHECKED;

/* --- routes ------------------------------------------------------------------------------------------------
 */
int reactions_get(Request *rq, Err *err);
int reaction_trace(Request *rq, Err *err);
int reactions_fired(Request *rq, Err *err);
int reactions_dead(Request *rq, Err *err);
int reactions_cuts(Request *rq, Err *err);
int reaction_replay(Request *rq, Err *err);
int inbox_get(Request *rq, Err *err);
int inbox_count(Request *rq, Err *err);
int inbox_read(Request *rq, Err *err);
int inbox_settings_get(Request *rq, Err *err);
int inbox_settings_put(Request *rq, Err *err);
extern const JsonField inbox_settings_input[];
