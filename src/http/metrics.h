/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Counters of the server, kept without locks, and their Prometheus text (exposition format 0.0.4). */
#include "http/router.h"

typedef struct Metrics Metrics;

Metrics *metrics_new(const Router *router);
void metrics_free(Metrics *m);
/* One answered request. entry NULL: a page or an unknown path. */
void metrics_count(Metrics *m, const RouteEntry *entry, int status, int64_t us, size_t bytes);

/* handlers */
int metrics_route(Request *rq, Err *err);
int health_route(Request *rq, Err *err);
