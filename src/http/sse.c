/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The pump reads what the journal has past a stream's position and writes it into the stream's buffer.
 * Streams that are up to date share one reading; one that lags (it asked for the past, or its client reads
 * slowly) is served a page at a time whenever its buffer has room, so a slow reader costs its buffer and
 * nothing more, and misses nothing.
 *
 * Locks: `lock` guards the list and the streams, except `stage` and `next_after` of a `busy` one: those are
 * the pump's, which reads the database without the lock. libmicrohttpd is only asked to suspend or resume
 * while it is held, so the two never cross: a stream that is `waiting` is suspended.
 */
#include "http/sse_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/record.h"
#include "rule/rule.h"

#include <poll.h>

/* ---- what a stream may know ---- */

static bool sees_all(const Actor *who, const Entity *e)
{
    Access access;
    if (actor_may(who, "journal.read")) return true;
    return access_check(who, e, OP_READ, &access, NULL) == 0 && access_whole(who, e, &access);
}

static bool wants(const SseStream *s, const Entity *e)
{
    if (!s->n_entities) return true;
    for (size_t i = 0; i < s->n_entities; i++)
        if (s->entities[i] == e) return true;
    return false;
}

/* The entry is for this stream. One that is only allowed some rows is told of those that it can be shown to
   see now; the deletion of a row is told to those who see all. */
static bool may_know(Sse *sse, Tx *tx, Arena *a, const SseStream *s, const JournalEntry *j)
{
    const Entity *e = model_entity(sse->city->model, j->entity);
    bool change = str_is(j->op, "insert") || str_is(j->op, "update") || str_is(j->op, "delete");
    if (!change && !actor_may(&s->who, "journal.read")) return false; /* who looked is nobody else's news */
    if (!e) return !s->n_entities && actor_may(&s->who, "journal.read");
    if (!wants(s, e)) return false;
    if (sees_all(&s->who, e)) return true;
    if (!access_any(&s->who, e, OP_READ)) return false;
    bool visible = false;
    Err err = ERR_INIT;
    return record_visible(tx, a, sse->city->model, &s->who, e, j->record, &visible, &err) == 0 && visible;
}

static void write_entry(SseStream *s, const JournalEntry *j)
{
    char at[CLOCK_SIZE];
    clock_format(j->at_us, at);
    buf_addf(&s->stage, "event: change\nid: %lld\ndata: ", (long long)j->seq);
    JsonWriter w;
    jw_init(&w, &s->stage);
    jw_object(&w);
    jw_kint(&w, "seq", j->seq);
    jw_kstr(&w, "at", str_c(at));
    if (actor_may(&s->who, "journal.read")) jw_kstr(&w, "actor", j->actor);
    jw_kstr(&w, "entity", j->entity);
    jw_kstr(&w, "record", j->record);
    jw_kstr(&w, "op", j->op);
    jw_object_end(&w);
    buf_adds(&s->stage, "\n\n");
}

/* ---- the pump ---- */

static void resume(SseStream *s)
{
    if (!s->waiting) return;
    s->waiting = false;
    MHD_resume_connection(s->mhd);
}

void stream_free(SseStream *s)
{
    buf_done(&s->out);
    buf_done(&s->stage);
    arena_free(s->arena);
    free(s);
}

void stream_place(SseStream *s) { buf_addf(&s->out, "id: %lld\n\n", (long long)s->after); }

typedef struct Page {
    Sse *sse;
    int64_t after;
    SseStream **streams; /* all busy ones; those that stand at `after` are served */
    size_t n;
} Page;

/* As many of the entries as the stage has room for. */
static void give(Sse *sse, Tx *tx, Arena *a, SseStream *s, const JournalEntry *entries, size_t n,
                 int64_t head)
{
    for (size_t i = 0; i < n; i++) {
        if (s->stage.n > STAGE_MAX - EVENT_MAX) return;
        if (may_know(sse, tx, a, s, &entries[i])) write_entry(s, &entries[i]);
        s->next_after = entries[i].seq;
    }
    if (n < PAGE && head > s->next_after) s->next_after = head;
    s->next_lags = n == PAGE;
}

/* How many messages are unread, when that has changed; asked for once a second at the most. */
static void give_inbox(Tx *tx, Arena *a, SseStream *s)
{
    Err err = ERR_INIT;
    int64_t now = clock_mono_us(), unread;
    s->next_unread = -1; /* not asked */
    if (!s->inbox || now - s->asked_us < US_PER_SEC) return;
    if (rule_inbox_unread(tx, a, s->who.user, &unread, &err) < 0) return;
    s->next_unread = unread;
    if (unread != s->unread)
        buf_addf(&s->stage, "event: inbox\ndata: {\"unread\":%lld}\n\n", (long long)unread);
}

/* May be run again by the store: begins by forgetting what it staged. */
static int read_page(Tx *tx, void *ctx, Err *err)
{
    Page *p = ctx;
    _cleanup_arena_ Arena *a = arena_new();
    JournalFilter f = {.after = p->after, .limit = PAGE};
    JournalEntry *entries = NULL;
    size_t n = 0;
    int64_t head = 0;
    TRY(journal_head(tx, &head, err));
    if (head > p->after) TRY(journal_read(tx, a, &f, &entries, &n, err));
    for (size_t i = 0; i < p->n; i++) {
        SseStream *s = p->streams[i];
        if (s->after != p->after) continue;
        buf_clear(&s->stage);
        s->next_after = s->after;
        s->next_lags = true;
        give(p->sse, tx, a, s, entries, n, head);
        give_inbox(tx, a, s);
    }
    return 0;
}

static void read_pages(Sse *sse, SseStream **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool done = false;
        for (size_t k = 0; k < i && !done; k++) done = list[k]->after == list[i]->after;
        if (done) continue;
        Page p = {sse, list[i]->after, list, n};
        Err err = ERR_INIT;
        if (store_read(sse->city->store, "stream", read_page, &p, &err) == 0) continue;
        log_err("stream", STR_NONE, &err);
        for (size_t k = 0; k < n; k++)
            if (list[k]->after == p.after) buf_clear(&list[k]->stage), list[k]->next_after = p.after;
    }
}

/* Takes the streams that have room; the lock is held. */
static size_t take(Sse *sse, SseStream **list)
{
    size_t n = 0;
    for (SseStream *s = sse->streams; s; s = s->next) {
        if (s->ended || stream_pending(s) > STREAM_BUF_LOW) continue;
        s->busy = true;
        s->next_after = s->after;
        s->next_lags = s->lags;
        s->next_unread = -1;
        list[n++] = s;
    }
    return n;
}

/* Gives them back; true when one of them has more to come and room for it. The lock is held. */
static bool give_back(SseStream **list, size_t n)
{
    bool more = false;
    for (size_t i = 0; i < n; i++) {
        SseStream *s = list[i];
        s->busy = false;
        if (s->dead) {
            stream_free(s);
            continue;
        }
        bool moved = s->next_after != s->after;
        s->after = s->next_after;
        s->lags = s->next_lags;
        if (s->next_unread >= 0) s->unread = s->next_unread, s->asked_us = clock_mono_us();
        buf_add(&s->out, buf_str(&s->stage));
        buf_clear(&s->stage);
        if (stream_pending(s)) resume(s);
        more |= moved && s->lags && stream_pending(s) <= STREAM_BUF_LOW;
    }
    return more;
}

static bool pump(Sse *sse)
{
    SseStream **list = xcalloc((size_t)sse->n + 1, sizeof *list);
    size_t n = take(sse, list);
    pthread_mutex_unlock(&sse->lock);
    read_pages(sse, list, n);
    pthread_mutex_lock(&sse->lock);
    bool more = give_back(list, n);
    free(list);
    return more;
}

/* libmicrohttpd does not look at suspended connections, so the pump does: once a second. */
static bool is_gone(const SseStream *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLRDHUP};
    return s->waiting && s->fd >= 0 && poll(&p, 1, 0) > 0;
}

static void beat(Sse *sse, int64_t now)
{
    bool looks = now - sse->looked_us >= US_PER_SEC;
    if (looks) sse->looked_us = now;
    for (SseStream *s = sse->streams; s; s = s->next) {
        bool old = now - s->born_us > LIFE_S * US_PER_SEC, gone = looks && is_gone(s);
        if (!old && !gone && now - s->beat_us < HEARTBEAT_S * US_PER_SEC) continue;
        if (!stream_pending(s)) stream_place(s);
        s->ended |= old || gone;
        s->beat_us = now;
        resume(s);
    }
}

static void *run(void *arg)
{
    Sse *sse = arg;
    pthread_mutex_lock(&sse->lock);
    while (!sse->stopping) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += 1;
        if (!sse->changed) pthread_cond_timedwait(&sse->wake, &sse->lock, &at);
        if (sse->changed && sse->streams && !sse->stopping) {
            sse->changed = false;
            if (pump(sse)) sse->changed = true;
        } else
            sse->changed =
                sse->inboxes > 0 && !sse->stopping; /* messages come without a change of the journal */
        beat(sse, clock_mono_us());
    }
    pthread_mutex_unlock(&sse->lock);
    return NULL;
}

void sse_wake(Sse *sse)
{
    sse->changed = true;
    pthread_cond_signal(&sse->wake);
}

static void on_change(void *ctx)
{
    Sse *sse = ctx;
    pthread_mutex_lock(&sse->lock);
    sse_wake(sse);
    pthread_mutex_unlock(&sse->lock);
}

int sse_new(City *city, Sse **ret, Err *err)
{
    Sse *sse = xcalloc(1, sizeof *sse);
    pthread_condattr_t attr;
    sse->city = city;
    pthread_mutex_init(&sse->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sse->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&sse->thread, NULL, run, sse)) {
        sse_free(sse);
        return err_set(err, ERR_INTERNAL, "系统不能再建线程");
    }
    sse->running = true;
    if (city->store) {
        sse->watch = store_watch(city->store, on_change, sse);
        sse->watching = true;
    }
    *ret = sse;
    return 0;
}

void sse_end_streams(Sse *sse)
{
    pthread_mutex_lock(&sse->lock);
    sse->ending = true;
    for (SseStream *s = sse->streams; s; s = s->next) {
        s->ended = true;
        resume(s);
    }
    pthread_mutex_unlock(&sse->lock);
}

void sse_free(Sse *sse)
{
    if (!sse) return;
    if (sse->watching) store_unwatch(sse->city->store, sse->watch);
    pthread_mutex_lock(&sse->lock);
    sse->stopping = true;
    pthread_cond_signal(&sse->wake);
    pthread_mutex_unlock(&sse->lock);
    if (sse->running) pthread_join(sse->thread, NULL);
    pthread_cond_destroy(&sse->wake);
    pthread_mutex_destroy(&sse->lock);
    free(sse);
}

int sse_count(Sse *sse)
{
    pthread_mutex_lock(&sse->lock);
    int n = sse->n;
    pthread_mutex_unlock(&sse->lock);
    return n;
}
