/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Router: finds the route of a method and a path in the tables of all engines. A pattern is literal segments
 * and {name} segments, at most four of the latter; where several fit, the one that is literal earlier wins.
 */
#include "base/engine.h"

enum { ROUTE_SEGMENTS_MAX = 12, ROUTE_PARAMS_MAX = 4 };

typedef struct RouteEntry {
    const Engine *engine;
    const Route *route;
    Str segments[ROUTE_SEGMENTS_MAX]; /* {name} as "{name}" */
    size_t n;
    unsigned literal; /* bit 31 - i: segment i is literal */
} RouteEntry;

typedef struct Router {
    RouteEntry *items;
    size_t n;
} Router;

/* Builds the table; refuses what http_check_routes refuses. */
int router_init(Router *r, const Engine *const *engines, Err *err) CHECKED;
void router_done(Router *r);

typedef struct RouteMatch {
    const RouteEntry *entry; /* NULL: none for this method */
    Str params[ROUTE_PARAMS_MAX];
    Str allow; /* methods of this path, "GET, HEAD, OPTIONS"; empty: no such path */
    Str near;  /* pattern most like the path, when there is no such path; may be empty */
} RouteMatch;

/* `path` as it came, still percent-encoded. ERR_INPUT for a path that is not UTF-8 once decoded. HEAD finds
 * GET. */
int router_find(const Router *r, Arena *a, Str method, Str path, RouteMatch *ret, Err *err) CHECKED;
