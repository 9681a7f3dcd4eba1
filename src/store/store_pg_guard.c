/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * A server that is there and says nothing: stopped, its virtual machine paused, its disk hanging. Its kernel
 * still acknowledges what we send, so TCP notices nothing, and whoever waits for an answer would wait for
 * ever. One thread looks after all connections; the socket of one that has waited too long is shut, which
 * ends the wait as a broken connection would, with all that follows: a read or a write before its commit is
 * tried again, a commit's outcome is unknown. Connections that lie idle lead to the same server: they are
 * shut with it, so that the next attempt makes a new one, which has the time limit of a connect.
 *
 * A backend whose commit waits for a standby does not see that we have left, and keeps its place among the
 * server's connections: the next one to the same server ends it.
 */
#include "store/store_pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <sys/socket.h>

enum { TICK_MAX_MS = 1000, TICK_MIN_MS = 20, LATE_MS = 2000, LEFT_MAX = 64 };

typedef struct Left {
    int pid;
    char server[PG_SERVER_SIZE];
    int64_t shut_ns;
} Left;

struct PgGuard {
    pthread_mutex_t mutex; /* guards lines: a socket is not closed while it is looked at */
    pthread_cond_t wake;
    pthread_t thread;
    PgLine *lines;
    int64_t looked_ns;
    int tick_ms;
    Left left[LEFT_MAX]; /* the last ones, in a ring */
    size_t n_left;       /* so many ever */
    bool started, stop;
};

/* --- lines
 * ----------------------------------------------------------------------------------------------------------------
 */

void pg_line_open(PgGuard *g, PgLine *l, PGconn *pq, int patience_ms)
{
    *l = (PgLine){.guard = g, .fd = PQsocket(pq), .patience_ms = patience_ms};
    pthread_mutex_lock(&g->mutex);
    l->next = g->lines;
    if (l->next) l->next->prev = l;
    g->lines = l;
    pthread_mutex_unlock(&g->mutex);
}

void pg_line_close(PgLine *l)
{
    PgGuard *g = l->guard;
    if (!g) return;
    pthread_mutex_lock(&g->mutex);
    if (l->next) l->next->prev = l->prev;
    *(l->prev ? &l->prev->next : &g->lines) = l->next;
    pthread_mutex_unlock(&g->mutex);
    l->guard = NULL;
}

PgLine *pg_wait(PgLine *l)
{
    atomic_store_explicit(&l->since_ns, store_about_ns(), memory_order_relaxed);
    return l;
}

void pg_waited(PgLine **l) { atomic_store_explicit(&(*l)->since_ns, 0, memory_order_relaxed); }

/* One that was left behind on this server; it is nobody's any more then. */
static bool take_left(PgGuard *g, const char *server, Left *ret)
{
    bool found = false;
    pthread_mutex_lock(&g->mutex);
    for (size_t i = 0; i < LEFT_MAX && !found; i++) {
        Left *l = &g->left[i];
        if (!l->pid || strcmp(l->server, server) != 0) continue;
        *ret = *l;
        l->pid = 0;
        found = true;
    }
    pthread_mutex_unlock(&g->mutex);
    return found;
}

void pg_line_meet(PgLine *l, PGconn *pq)
{
    Left left;
    char text[256];
    PG_WAITS(l);
    PGresult *res = PQexec(pq, "select pg_postmaster_start_time()");
    pthread_mutex_lock(&l->guard->mutex);
    if (PQresultStatus(res) == PGRES_TUPLES_OK)
        snprintf(l->server, sizeof l->server, "%s", PQgetvalue(res, 0, 0));
    l->pid = PQbackendPID(pq);
    pthread_mutex_unlock(&l->guard->mutex);
    PQclear(res);
    while (l->server[0] && take_left(l->guard, l->server, &left)) {
        /* its number may be another's by now: a younger one's */
        snprintf(
            text, sizeof text,
            "select pg_terminate_backend(pid) from pg_stat_activity where pid = %d and usename = current_user"
            " and backend_start < clock_timestamp() - interval '%lld ms'",
            left.pid, (long long)((store_about_ns() - left.shut_ns) / 1000000));
        PQclear(PQexec(pq, text));
    }
}

/* --- the thread
 * -------------------------------------------------------------------------------------------------------------
 */

static bool too_long(PgLine *l, int64_t now_ns)
{
    const int64_t since = atomic_load_explicit(&l->since_ns, memory_order_relaxed);
    const int ms = atomic_load_explicit(&l->patience_ms, memory_order_relaxed);
    return since && ms && !l->shut && now_ns - since > (int64_t)ms * 1000000;
}

/* We were stopped ourselves, and so were those who wait: what they wait for may be there. */
static void begin_anew(PgGuard *g, int64_t now_ns)
{
    for (PgLine *l = g->lines; l; l = l->next) {
        int64_t since = atomic_load(&l->since_ns);
        if (since) atomic_compare_exchange_strong(&l->since_ns, &since, now_ns);
    }
}

static int look(PgGuard *g)
{
    const int64_t now = store_about_ns(), gap_ns = now - g->looked_ns;
    int n = 0;
    g->looked_ns = now;
    if (gap_ns > (int64_t)(2 * g->tick_ms + LATE_MS) * 1000000) begin_anew(g, now);
    for (PgLine *l = g->lines; l; l = l->next) {
        if (!too_long(l, now)) continue;
        Left *left = &g->left[g->n_left++ % LEFT_MAX];
        *left = (Left){.pid = l->pid, .shut_ns = now};
        memcpy(left->server, l->server, sizeof left->server);
        shutdown(l->fd, SHUT_RDWR);
        l->shut = true;
        n++;
    }
    for (PgLine *l = g->lines; n && l; l = l->next) {
        if (l->shut || !atomic_load(&l->idle)) continue;
        shutdown(l->fd, SHUT_RDWR);
        l->shut = true;
    }
    return n;
}

static void *work(void *p)
{
    PgGuard *g = p;
    pthread_mutex_lock(&g->mutex);
    while (!g->stop) {
        const struct timespec until = clock_until((int64_t)g->tick_ms * 1000);
        pthread_cond_timedwait(&g->wake, &g->mutex, &until);
        const int n = g->stop ? 0 : look(g);
        char text[12];
        snprintf(text, sizeof text, "%d", n);
        if (n) log_event(LOG_WARN, "no answer from PostgreSQL", S(""), "connections", text, NULL);
    }
    pthread_mutex_unlock(&g->mutex);
    return NULL;
}

int pg_guard_start(int answer_ms, PgGuard **ret, Err *err)
{
    PgGuard *g = xcalloc(1, sizeof *g);
    const int tick = answer_ms / 4;
    g->tick_ms = tick > TICK_MAX_MS || tick <= 0 ? TICK_MAX_MS : tick < TICK_MIN_MS ? TICK_MIN_MS : tick;
    pthread_mutex_init(&g->mutex, NULL);
    clock_cond_init(&g->wake);
    g->looked_ns = store_about_ns();
    *ret = g;
    if (pthread_create(&g->thread, NULL, work, g) != 0) return err_set(err, ERR_INTERNAL, "无法启动看守线程");
    g->started = true;
    return 0;
}

void pg_guard_stop(PgGuard *g)
{
    if (!g) return;
    pthread_mutex_lock(&g->mutex);
    g->stop = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->mutex);
    if (g->started) pthread_join(g->thread, NULL);
    pthread_mutex_destroy(&g->mutex);
    pthread_cond_destroy(&g->wake);
    free(g);
}
