/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The front door: one HTTP/1.1 server (RFC 9112) for the routes of all engines, the pages of web/ and the
 * operator's endpoints. TLS, HTTP/2 and public exposure belong to a proxy in front.
 *
 * GET and HEAD are answered on the event loop's threads; everything else, and routes with ROUTE_WRITES, on
 * workers, so that many writes can wait for one common commit. Errors are RFC 9457 problem documents.
 */
#include "model/city.h"

typedef struct Http Http;

/* Fills an Actor from the session cookie or the bearer token. Nobody (none given, or an unknown one) is 0
   with an empty actor. Runs on the event loop: at most one short read. What it needs longer goes into
   rq->arena. */
typedef int (*Authenticate)(Request *rq, Actor *ret, Err *err);

/* 0 = the default in brackets. */
typedef struct HttpOptions {
    const char *listen;        /* 127.0.0.1:8080, [::1]:8080, :8080 (all addresses); port 0 = any free one */
    Authenticate authenticate; /* NULL: everybody is nobody */
    int threads;               /* event loops (twice the cores, at least 4) */
    int workers;               /* for writes (64) */
    int connections;           /* at once (16384) */
    int per_ip;                /* of them from one address (256); the machine itself is not limited */
    int idle_s;          /* time for the head of a request, between requests, and for a stalled reader (60; a
                            twelfth of it while three quarters of the connections are taken) */
    int body_s;          /* time for a whole body (300) */
    int stop_s;          /* http_stop waits so long for running requests (10) */
    size_t header_bytes; /* (32 KiB) */
    size_t body_bytes;   /* of routes with a session (64 MiB) */
    size_t file_bytes;   /* of ROUTE_FILE (512 MiB) */
    size_t files_bytes;  /* of all ROUTE_FILE bodies at once (2 GiB) */
    size_t public_body_bytes; /* of routes without (2 MiB) */
    size_t bodies_bytes;      /* of all running requests together (512 MiB) */
    size_t answer_bytes;      /* an answer in memory (256 MiB) */
} HttpOptions;

/* Checks the routes, opens the port and begins to serve. The city and the engines must outlive it. ERR_INPUT
   for a wrong address or route table, ERR_IO when the port cannot be had. */
int http_start(City *city, const Engine *const *engines, const HttpOptions *options, Http **ret,
               Err *err) CHECKED;
/* The port that is open, and the address as a URL without path. */
int http_port(const Http *h);
const char *http_url(const Http *h);
/* Takes no more connections, ends streams, lets running requests finish, frees. NULL is fine. */
void http_stop(Http *h);

/* Every route must say who may use it: a permission, ROUTE_PUBLIC or ROUTE_ANY_USER, exactly one of them;
   have a handler, a title and a path pattern that the router understands; and be there once. ERR_INPUT naming
   the route. */
int http_check_routes(const Engine *const *engines, Err *err) CHECKED;

/* The server's own routes: /healthz, /metrics, /api/openapi.json, /api/problems, /problems/{type},
   /api/stream. Part of the list of engines that main/ hands to http_start. */
extern const Engine http_engine;

const char *http_version(void); /* of the program */
