/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A ring of jobs under one mutex; three conditions: something to do, room again, all done. */
#include "base/queue.h"

#include <pthread.h>

enum { WORKERS_MAX = 256, DEPTH_MAX = 1000000 };

typedef struct Item {
    QueueFn fn;
    void *ctx;
} Item;

struct Queue {
    pthread_mutex_t lock;
    pthread_cond_t work, room, idle;
    Item *ring;
    size_t depth, head, n;
    size_t running;
    bool stopping;
    int workers;
    pthread_t threads[WORKERS_MAX];
};

static void *worker(void *arg)
{
    Queue *q = arg;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->n && !q->stopping) pthread_cond_wait(&q->work, &q->lock);
        if (!q->n) break;
        Item job = q->ring[q->head];
        q->head = (q->head + 1) % q->depth;
        q->n--;
        q->running++;
        pthread_cond_signal(&q->room);
        pthread_mutex_unlock(&q->lock);
        job.fn(job.ctx);
        pthread_mutex_lock(&q->lock);
        q->running--;
        if (!q->n && !q->running) pthread_cond_broadcast(&q->idle);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

int queue_new(int workers, size_t depth, Queue **ret, Err *err)
{
    if (workers < 1 || workers > WORKERS_MAX || depth < 1 || depth > DEPTH_MAX)
        return err_set(err, ERR_INPUT, "工作线程应为 1 到 %d 个，排队长度应为 1 到 %d", WORKERS_MAX,
                       DEPTH_MAX);
    Queue *q = xcalloc(1, sizeof *q);
    q->ring = xcalloc(depth, sizeof *q->ring);
    q->depth = depth;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->work, NULL);
    pthread_cond_init(&q->room, NULL);
    pthread_cond_init(&q->idle, NULL);
    for (; q->workers < workers; q->workers++)
        if (pthread_create(&q->threads[q->workers], NULL, worker, q)) {
            queue_free(q);
            return err_set(err, ERR_INTERNAL, "系统不能再建线程");
        }
    *ret = q;
    return 0;
}

static void put(Queue *q, QueueFn fn, void *ctx)
{
    q->ring[(q->head + q->n) % q->depth] = (Item){fn, ctx};
    q->n++;
    pthread_cond_signal(&q->work);
}

bool queue_try_push(Queue *q, QueueFn fn, void *ctx)
{
    pthread_mutex_lock(&q->lock);
    bool ok = !q->stopping && q->n < q->depth;
    if (ok) put(q, fn, ctx);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

bool queue_push(Queue *q, QueueFn fn, void *ctx)
{
    pthread_mutex_lock(&q->lock);
    while (q->n == q->depth && !q->stopping) pthread_cond_wait(&q->room, &q->lock);
    bool ok = !q->stopping;
    if (ok) put(q, fn, ctx);
    pthread_mutex_unlock(&q->lock);
    return ok;
}

void queue_drain(Queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->n || q->running) pthread_cond_wait(&q->idle, &q->lock);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_waiting(Queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

void queue_free(Queue *q)
{
    if (!q) return;
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->work);
    pthread_cond_broadcast(&q->room);
    pthread_mutex_unlock(&q->lock);
    for (int i = 0; i < q->workers; i++) pthread_join(q->threads[i], NULL);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->work);
    pthread_cond_destroy(&q->room);
    pthread_cond_destroy(&q->idle);
    free(q->ring);
    free(q);
}
