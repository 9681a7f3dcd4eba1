/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared inside http/: the server, one call on its way through it, and what the files ask of each other. */
#include "base/log.h"
#include "base/queue.h"
#include "http/http.h"
#include "http/metrics.h"
#include "http/router.h"
#include "http/sse.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* A connection's place in the list that the ticker looks over. */
typedef struct Conn {
    struct Conn *next, *prev;
    struct MHD_Connection *mhd;
    int fd;
    int64_t since_us;  /* connected, or last answer ended */
    struct Call *call; /* running request or NULL */
    char ip[64];
} Conn;

/* RECEIVING → READY → (QUEUED → DONE →) ANSWERED; TIMED_OUT only from RECEIVING, by the ticker. */
typedef enum CallState {
    CALL_RECEIVING,
    CALL_READY,
    CALL_QUEUED,
    CALL_DONE,
    CALL_ANSWERED,
    CALL_TIMED_OUT
} CallState;

typedef struct Call {
    Http *http;
    struct MHD_Connection *mhd;
    Conn *conn;
    Arena *arena;
    Request rq; /* rq.server points back here */
    Actor actor;
    Str uri;    /* as it came */
    Str method; /* as it came; rq.method says GET for HEAD */
    char trace[TRACE_SIZE];
    Buf body;
    size_t body_max, body_seen, body_counted, file_counted;
    const RouteEntry *entry; /* NULL: page, or refused */
    int64_t start_us, answered_us;
    _Atomic int64_t last_us; /* when a piece of body came last */
    atomic_int state;
    bool seen;       /* the head was looked at */
    bool bearer;     /* carries a token or a signature, so no cookie decides */
    bool unclear;    /* where the request ends is in doubt: answered at once, then closed */
    bool refused;    /* the answer is a problem found before the handler ran */
    bool ready;      /* the answer stands in rq */
    bool streams;    /* the answer is an event stream */
    Str failed_type; /* problem type when it failed, for the log */
    size_t sent;     /* bytes of the answer */
} Call;

struct Http {
    City *city;
    HttpOptions o;
    Router router;
    Metrics *metrics;
    Sse *sse;
    Queue *queue;
    struct MHD_Daemon *daemon;
    int fd, port;
    bool owns_fd; /* until the daemon has it */
    bool ticking;
    char url[96];
    pthread_mutex_t lock; /* the list of connections */
    Conn *conns;
    int n_conns;
    pthread_cond_t tick;
    pthread_t ticker;
    bool stopping;
    int64_t clock_off_us; /* wall clock minus monotonic one, as the ticker last saw it */
    _Atomic int64_t clock_jumps;
    atomic_size_t bodies, files; /* bytes of bodies at hand, in memory and in files */
    atomic_int in_flight;        /* calls begun and not completed, streams not counted */
    int64_t started_us;
};

/* http_call.c */
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **con_cls);
void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
void http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why);

/* http_guard.c */
/* ERR_INPUT, and the connection ends with the answer, when the end of the request is not beyond doubt. */
int guard_framing(Call *c, Err *err) CHECKED;
/* Does this Authorization say who calls, so that no cookie is asked? Not Basic: browsers send it by
 * themselves. */
bool guard_no_cookie(Str authorization);
/* What can be refused from the head alone: host, origin, session, permission, announced size. */
int guard_head(Call *c, Err *err) CHECKED;
/* Client address and base URL; honours X-Forwarded-* from a proxy on this machine. */
int guard_addresses(Call *c, Err *err) CHECKED;
Str call_header(const Request *rq, const char *name);

/* http_head.c: values of headers, any bytes */
bool head_host_valid(Str host);     /* characters of a host name, an address, a port */
Str head_forwarded_for(Str header); /* the last address, which the proxy itself saw; STR_NONE: it is none */
bool head_own_origin(Str origin, Str base_url);
/* W3C Trace Context §3.2: version 2, id 32, parent 16, flags 2 hex digits. The id, when there is one. */
bool head_trace(Str traceparent, char ret[33]);
bool head_accepts_gzip(Str list);      /* "gzip" in Accept-Encoding, and not with q=0 */
bool head_has_tag(Str list, Str etag); /* "*" or a list of tags; W/ does not matter here */

/* http_answer.c */
/* Queues the answer of c->rq: headers, compression, body. */
enum MHD_Result answer_send(Call *c);
bool answer_accepts_gzip(const Request *rq);

/* problem.c */
/* Turns an error into the answer of c->rq, dropping what the handler had written. Logs what is our fault. */
void problem_answer(Request *rq, const Err *err);
int problem_list(Request *rq, Err *err);
int problem_page(Request *rq, Err *err);

/* static.c: the files of web/, made by tools/embed */
typedef struct WebFile {
    const char *path, *type, *etag; /* etag with its quotes */
    bool steady;                    /* the name changes with the content */
    size_t at, size;                /* in web_bytes */
    size_t gzip_at, gzip_size;      /* gzip_size 0: it does not pay */
} WebFile;
extern const unsigned char web_bytes[];
extern const WebFile web_files[];
extern const size_t web_files_n;
/* false: no such page */
bool static_answer(Call *c);

/* tiles.c */
int map_route(Request *rq, Err *err);
int tile_route(Request *rq, Err *err);

/* openapi.c */
int openapi_route(Request *rq, Err *err);

/* the version of the program, from meson */
