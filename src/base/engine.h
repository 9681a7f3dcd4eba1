/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The row types by which a room adds itself to the house: Engine, Route, Command. A low room declares its
 * routes here without knowing the server above it. Request is what a handler sees of a call.
 */
#include "base/err.h"
#include "base/json.h"

typedef struct City City; /* the running city: store, packs, clock; defined in model/city.h */

/* What a role lets do with records. */
typedef enum Op { OP_READ = 1, OP_CREATE = 2, OP_UPDATE = 4, OP_DELETE = 8, OP_UNMASK = 16 } Op;
/* On which records: all, those of the actor's region and below, of the actor's organisation and below, own.
 */
typedef enum Scope { SCOPE_NONE, SCOPE_OWN, SCOPE_ORG, SCOPE_REGION, SCOPE_ALL } Scope;

typedef struct Grant {
    Str entity; /* entity name or "*" */
    unsigned ops;
    Scope scope;
    Str region, org; /* subtree of SCOPE_REGION / SCOPE_ORG; empty = the actor's own */
} Grant;

/* Who asks. Filled by people/ from a session; `system` for the program itself. */
typedef struct Actor {
    Str user;   /* login name; empty = nobody */
    Str name;   /* display name */
    Str org;    /* organisation code */
    Str region; /* region code */
    Str person; /* id of the person record, for citizens */
    Str behalf, purpose;
    Str session; /* public id of the session; empty without one */
    StrList roles;
    StrList permissions; /* e.g. journal.read */
    const Grant *grants;
    size_t n_grants;
    bool system; /* may everything: init, import by the operator of the machine */
} Actor;

bool actor_may(const Actor *who, const char *permission);

typedef struct Request {
    Arena *arena;
    City *city;
    const Actor *who;
    Str method;    /* GET, POST, … */
    Str path;      /* decoded path */
    Str params[4]; /* values of {…} in the route, decoded, in order */
    Str query;     /* raw query string without '?' */
    Str target;    /* path and query as the client wrote them */
    Str body;      /* whole body; bounded by the route's limit */
    int body_fd;   /* ROUTE_FILE: the body, body_size bytes, in a file without a name; 0 = none */
    int64_t body_size;
    Str trace;                                                 /* 32 hex digits */
    Str base_url;                                              /* http://host:port as the client wrote it */
    Str remote;                                                /* client address */
    Str (*header)(const struct Request *rq, const char *name); /* empty when absent */
    void *server;                                              /* the server's own */
    /* Set by what authenticates, when it must write or see the body: called on a worker before the handler.
     */
    int (*admit)(struct Request *rq, Err *err);
    void *admit_ctx;
    /* answer */
    int status; /* 200 unless set */
    Buf out;
    const char *content_type; /* application/json unless set */
    struct {
        Str name, value;
    } headers[16];
    size_t n_headers;
    int file_fd; /* >= 0: the body is this file (closed by the server), file_size bytes */
    int64_t file_size;
    void *stream; /* text/event-stream: the server keeps the connection (see http/sse.h) */
} Request;

/* Adds an answer header; name is a literal, the value is copied. */
void request_header(Request *rq, const char *name, Str value);
/* The first value of a query parameter, percent-decoded; p == NULL when absent. */
Str request_param(const Request *rq, const char *name);

typedef int (*Handler)(Request *rq, Err *err);

typedef enum RouteFlags {
    ROUTE_PUBLIC = 1,   /* no session needed */
    ROUTE_ANY_USER = 2, /* any signed-in user; the handler applies the record rules */
    ROUTE_STREAM = 4,   /* answer is text/event-stream */
    ROUTE_RAW = 8,      /* body is not JSON (upload) */
    ROUTE_WRITES = 16,  /* may wait for a commit: runs on a worker */
    ROUTE_FILE = 32, /* with ROUTE_RAW: a body of any kind and great size goes to a file (Request.body_fd) */
} RouteFlags;

/* permission: name that the actor must hold, or NULL with ROUTE_PUBLIC or ROUTE_ANY_USER. */
typedef struct Route {
    const char *method, *path;
    const char *permission;
    unsigned flags;
    Handler handle;
    const JsonField *input; /* body spec; documents and decodes; NULL = none */
    const char *title;      /* what it does, for OpenAPI */
} Route;

/* A function of expressions (model/expr.h), in SQLite's form. Rows end with name NULL. */
struct sqlite3_context;
struct sqlite3_value;
typedef enum SqlFuncFlags { FUNC_VOLATILE = 1 /* equal arguments may give different results */ } SqlFuncFlags;
typedef struct SqlFunc {
    const char *name;
    int args; /* -1 = any number */
    void (*fn)(struct sqlite3_context *, int, struct sqlite3_value **);
    unsigned flags;
    const char *title; /* what it gives, for the list in the documentation */
} SqlFunc;

struct Room;

typedef struct Engine {
    const char *name;
    const struct Room *room; /* migrations and named statements; NULL = none */
    const Route *routes;     /* ends with method NULL; NULL = none */
    int (*start)(City *c, Err *err);
    void (*stop)(City *c);
} Engine;
