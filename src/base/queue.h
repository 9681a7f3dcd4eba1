/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Bounded job queue with worker threads, first in first out; for work that must not hold up an event loop (a
   request that waits for a commit). All functions may be called from any thread. */
#include "base/err.h"

typedef struct Queue Queue;
typedef void (*QueueFn)(void *ctx);

/* workers 1–256, depth 1–1,000,000 jobs waiting. ERR_INPUT, ERR_INTERNAL (no threads). */
int queue_new(int workers, size_t depth, Queue **ret, Err *err) CHECKED;
/* false when full or stopping: the job was not taken. */
bool queue_try_push(Queue *q, QueueFn fn, void *ctx) CHECKED;
/* Waits for room; false when stopping. Never call it from a job of the same queue. */
bool queue_push(Queue *q, QueueFn fn, void *ctx) CHECKED;
void queue_drain(Queue *q); /* until nothing waits and nothing runs */
size_t queue_waiting(Queue *q);
/* Takes no more, finishes what was taken, joins the workers, frees. NULL is fine. */
void queue_free(Queue *q);
