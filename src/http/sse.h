/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Server-sent events (HTML Living Standard §9.2) of the journal: GET /api/stream. One thread reads the
 * journal for all streams; an idle stream is a suspended connection and costs a few kilobytes, no thread. A
 * stream carries only which record changed, never what stands in it.
 */
#include "model/city.h"

typedef struct Sse Sse;
typedef struct SseStream SseStream;

int sse_new(City *city, Sse **ret, Err *err) CHECKED;
void sse_end_streams(Sse *s); /* all streams end soon; new ones end at once */
void sse_free(Sse *s);        /* after the last stream is gone; NULL is fine */
int sse_count(Sse *s);        /* open streams */

/* GET /api/stream: sets rq->stream. */
int sse_route(Request *rq, Err *err);

struct MHD_Connection;
/* Content reader of libmicrohttpd over a stream, and its end. */
ssize_t sse_reader(void *stream, uint64_t pos, char *buf, size_t max);
void sse_closed(void *stream);
/* The connection that the stream suspends and resumes; before the first read. */
void sse_attach(SseStream *s, struct MHD_Connection *mhd);
