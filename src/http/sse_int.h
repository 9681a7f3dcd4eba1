/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the pump (sse.c) and the connection's side of a stream (sse_stream.c). */
#include "http/sse.h"
#include "model/access.h"

#include <microhttpd.h>
#include <pthread.h>

enum {
    STREAM_BUF_MAX = 128 << 10,
    STAGE_MAX = 64 << 10,      /* what the pump adds at once */
    EVENT_MAX = 4 << 10,       /* room that one event may need */
    STREAM_BUF_LOW = 16 << 10, /* a stream is filled again below this */
    PAGE = 500,
    ENTITIES_MAX = 32,
    HEARTBEAT_S = 15,
    BACK_MAX_S = 60,  /* ?back= */
    BACK_MOST = 1000, /* entries looked over for it */
    LIFE_S = 600,     /* then the client comes again and is asked who it is again */
};

struct SseStream {
    struct SseStream *next, *prev;
    Sse *sse;
    struct MHD_Connection *mhd;
    int fd;       /* of the connection, to see that the client has gone; -1 before it is known */
    Arena *arena; /* the actor and the filter */
    Actor who;
    const Entity *entities[ENTITIES_MAX]; /* only these; none = all */
    size_t n_entities;
    Buf out;
    size_t sent; /* of out */
    Buf stage;
    int64_t after, next_after, born_us, beat_us;
    bool inbox; /* ?inbox=1: also how many messages are unread */
    int64_t unread, next_unread, asked_us;
    bool waiting;    /* suspended until there is something */
    bool ended;      /* what is in `out`, then the end */
    bool lags;       /* the journal has more for it */
    bool next_lags;  /* next_…: the pump's while it has the stream, taken over with the lock held */
    bool busy, dead; /* the pump has it; the connection is gone meanwhile */
};

struct Sse {
    City *city;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    SseStream *streams;
    int n, watch;
    int64_t looked_us; /* when the pump last looked for clients that have gone */
    int inboxes;       /* streams with `inbox` */
    bool changed, stopping, ending, watching, running;
};

/* Bytes that the client has not taken yet; the lock is held. */
static inline size_t stream_pending(const SseStream *s) { return s->out.n - s->sent; }
/* The pump has something to do; the lock is held. */
void sse_wake(Sse *sse);
void stream_free(SseStream *s);
/* Tells the client where it stands, without an event: with this Last-Event-ID it comes again. */
void stream_place(SseStream *s);
