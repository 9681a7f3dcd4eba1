/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The connection's side of a stream: opening it, handing out bytes, going to sleep, going away. */
#include "http/sse_int.h"
#include "base/clock.h"
#include "http/http_int.h"
#include "model/url.h"

/* The request's memory is gone long before the stream ends. */
static StrList copy_list(Arena *a, StrList l)
{
    StrList r = {ARENA_ARRAY(a, Str, l.n ? l.n : 1), l.n};
    for (size_t i = 0; i < l.n; i++) r.items[i] = str_dup(a, l.items[i]);
    return r;
}

static Actor copy_actor(Arena *a, const Actor *w)
{
    Grant *grants = ARENA_ARRAY(a, Grant, w->n_grants ? w->n_grants : 1);
    for (size_t i = 0; i < w->n_grants; i++)
        grants[i] = (Grant){.entity = str_dup(a, w->grants[i].entity),
                            .ops = w->grants[i].ops,
                            .scope = w->grants[i].scope,
                            .region = str_dup(a, w->grants[i].region),
                            .org = str_dup(a, w->grants[i].org)};
    return (Actor){.user = str_dup(a, w->user),
                   .name = str_dup(a, w->name),
                   .org = str_dup(a, w->org),
                   .region = str_dup(a, w->region),
                   .person = str_dup(a, w->person),
                   .roles = copy_list(a, w->roles),
                   .permissions = copy_list(a, w->permissions),
                   .grants = grants,
                   .n_grants = w->n_grants,
                   .system = w->system};
}

static int want(SseStream *s, const Model *m, Str list, Err *err)
{
    Str name;
    while (list.n && str_split(&list, ',', &name)) {
        name = str_trim(name);
        const Entity *e = model_entity(m, name);
        if (!e) {
            Str near = model_nearest(m, name);
            err_set(err, ERR_INPUT, "没有“" STR_FMT "”这种数据", (int)(name.n > 60 ? 60 : name.n), name.p);
            if (near.n) err_hint(err, "您要的可能是 " STR_FMT, STR_ARG(near));
            return err_pointer(err, "entity");
        }
        if (!access_any(&s->who, e, OP_READ) && !actor_may(&s->who, "journal.read")) {
            err_set(err, ERR_FORBIDDEN, "您没有查看“" STR_FMT "”的权限", STR_ARG(e->title));
            return err_pointer(err, "entity");
        }
        if (s->n_entities == ENTITIES_MAX) {
            err_set(err, ERR_INPUT, "一次最多关注 %d 种数据", ENTITIES_MAX);
            return err_pointer(err, "entity");
        }
        s->entities[s->n_entities++] = e;
    }
    return 0;
}

typedef struct Start {
    int64_t back, seq;
} Start;

static int start_of(Tx *tx, void *ctx, Err *err)
{
    Start *x = ctx;
    return journal_back(tx, clock_now_us() - x->back * US_PER_SEC, BACK_MOST, &x->seq, err);
}

/* The present, or ?back= seconds before it. */
static int recent_start(SseStream *s, const Request *rq, Err *err)
{
    Start x = {0};
    TRY(url_param_int(rq->arena, rq->query, "back", 0, 0, BACK_MAX_S, &x.back, err));
    TRY(store_read(rq->city->store, "stream", start_of, &x, err));
    s->after = x.seq;
    return 0;
}

/* Last-Event-ID comes from a client that was cut off, ?after= from one that knows where it stands, ?back=
   from one that has just read its records and wants to miss nothing between that and the stream. Who stands
   beyond the journal's end knows a city that was since put back to an older backup: the present is next. */
static int find_start(SseStream *s, const Request *rq, Err *err)
{
    Start now = {0};
    Str text = rq->header(rq, "Last-Event-ID");
    if (!text.n) text = request_param(rq, "after");
    if (!text.n) return recent_start(s, rq, err);
    if (!str_int(text, &s->after) || s->after < 0)
        return err_set(err, ERR_INPUT, "起点应是变更记录的序号（整数）"), err_pointer(err, "after");
    TRY(store_read(rq->city->store, "stream", start_of, &now, err));
    if (s->after > now.seq) s->after = now.seq;
    return 0;
}

/* Streams may take half of all connections, so that requests always find room. */
static int enlist(SseStream *s, int max, Err *err)
{
    Sse *sse = s->sse;
    pthread_mutex_lock(&sse->lock);
    bool full = sse->n >= max;
    if (!full) {
        s->ended = sse->ending;
        s->next = sse->streams;
        if (s->next) s->next->prev = s;
        sse->streams = s;
        sse->n++;
        sse->inboxes += s->inbox;
    }
    pthread_mutex_unlock(&sse->lock);
    if (!full) return 0;
    err_set(err, ERR_BUSY, "同时打开的实时连接太多");
    return err_hint(err, "请稍后再试，或关闭不用的页面");
}

int sse_route(Request *rq, Err *err)
{
    Sse *sse = ((Call *)rq->server)->http->sse;
    SseStream *s = xcalloc(1, sizeof *s);
    s->sse = sse;
    s->arena = arena_new();
    s->who = copy_actor(s->arena, rq->who);
    s->fd = -1;
    s->lags = true;
    s->unread = -1;
    s->inbox = str_is(request_param(rq, "inbox"), "1");
    s->born_us = s->beat_us = clock_mono_us();
    buf_init(&s->out, STREAM_BUF_MAX);
    buf_init(&s->stage, STAGE_MAX);
    int rc = want(s, rq->city->model, request_param(rq, "entity"), err);
    if (!rc) rc = find_start(s, rq, err);
    /* something at once, so that the client knows it is connected; and from where, should it have to come
     * again */
    if (!rc) buf_adds(&s->out, "retry: 3000\n"), stream_place(s);
    if (!rc) rc = enlist(s, ((Call *)rq->server)->http->o.connections / 2, err);
    if (rc < 0) {
        stream_free(s);
        return rc;
    }
    rq->content_type = "text/event-stream; charset=utf-8";
    request_header(rq, "X-Accel-Buffering", S("no"));
    rq->stream = s;
    return 0;
}

void sse_attach(SseStream *s, struct MHD_Connection *mhd)
{
    pthread_mutex_lock(&s->sse->lock);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    s->mhd = mhd;
    s->fd = info ? info->connect_fd : -1;
    sse_wake(s->sse);
    pthread_mutex_unlock(&s->sse->lock);
}

/* 0 means: suspended, libmicrohttpd asks again after the resume. */
static ssize_t next_bytes(SseStream *s, char *buf, size_t max)
{
    size_t n = stream_pending(s);
    if (n > max) n = max;
    if (n) {
        memcpy(buf, s->out.p + s->sent, n);
        s->sent += n;
        if (s->sent < s->out.n) return (ssize_t)n;
        buf_clear(&s->out);
        s->sent = 0;
        if (s->lags) sse_wake(s->sse);
        return (ssize_t)n;
    }
    if (s->ended) return MHD_CONTENT_READER_END_OF_STREAM;
    s->waiting = true;
    MHD_suspend_connection(s->mhd);
    return 0;
}

ssize_t sse_reader(void *stream, uint64_t pos, char *buf, size_t max)
{
    SseStream *s = stream;
    (void)pos;
    pthread_mutex_lock(&s->sse->lock);
    ssize_t n = next_bytes(s, buf, max);
    pthread_mutex_unlock(&s->sse->lock);
    return n;
}

void sse_closed(void *stream)
{
    SseStream *s = stream;
    Sse *sse = s->sse;
    pthread_mutex_lock(&sse->lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        sse->streams = s->next;
    if (s->next) s->next->prev = s->prev;
    sse->n--;
    sse->inboxes -= s->inbox;
    s->dead = true;
    bool busy = s->busy;
    pthread_mutex_unlock(&sse->lock);
    if (!busy) stream_free(s);
}
