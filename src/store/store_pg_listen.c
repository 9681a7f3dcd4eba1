/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Telling other servers, and hearing from them, that the journal has grown. One thread with a connection of
 * its own LISTENs; after a commit of ours it calls our watchers and sends one NOTIFY for all commits since
 * the last.
 *
 * The NOTIFY is not part of the writing transactions: PostgreSQL lets notifying transactions commit only one
 * after the other, fsync included, which would undo its group commit. What a crash between commit and NOTIFY
 * loses is caught by the poll: every POLL_MS the thread looks at the sequence, and a number that has moved is
 * a change.
 */
#include "store/store_pg.h"

#include "base/log.h"
#include "store_sql.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { POLL_MS = 2000, BACK_OFF_MIN_MS = 100, BACK_OFF_MAX_MS = 5000 };

struct PgListen {
    Store *store;
    pthread_t thread;
    int wake; /* eventfd */
    _Atomic bool stop, dirty;
    PGconn *pq;
    PgLine line;
    int64_t seen; /* sequence at the last poll */
};

static void wake(PgListen *l)
{
    uint64_t one = 1;
    if (write(l->wake, &one, sizeof one) < 0) return; /* full counter: it is awake already */
}

void pg_listen_changed(PgListen *l)
{
    if (!atomic_exchange(&l->dirty, true)) wake(l);
}

static PGresult *ask(PgListen *l, const char *text)
{
    PG_WAITS(&l->line);
    return PQexec(l->pq, text);
}

static void hang_up(PgListen *l)
{
    if (l->pq) pg_disconnect(&l->line, TAKE(l->pq));
}

static int connect_and_listen(PgListen *l, Err *err)
{
    TRY(pg_connect(l->store, &l->line, &l->pq, err));
    PGresult *res = ask(l, "listen chengshu_journal");
    bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    if (ok) return 0;
    hang_up(l);
    return err_set(err, ERR_IO, "无法监听日志的变化");
}

/* true when another server told of a change. */
static bool heard(PgListen *l)
{
    bool any = false;
    PGnotify *n;
    PQconsumeInput(l->pq);
    while ((n = PQnotifies(l->pq))) {
        any |= n->be_pid != PQbackendPID(l->pq);
        PQfreemem(n);
    }
    return any;
}

static bool moved(PgListen *l)
{
    PGresult *res = ask(l, sql_store_journal_last.text[DIALECT_POSTGRES]);
    int64_t seq = l->seen;
    /* Before the migration there is no sequence, and nothing to hear of. */
    if (PQresultStatus(res) == PGRES_TUPLES_OK && !str_int(str_c(PQgetvalue(res, 0, 0)), &seq)) seq = l->seen;
    PQclear(res);
    bool changed = seq != l->seen;
    l->seen = seq;
    return changed;
}

/* Waits for something to do; true when the time ran out. */
static bool wait_for(PgListen *l, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = l->wake, .events = POLLIN},
                           {.fd = l->pq ? PQsocket(l->pq) : -1, .events = POLLIN}};
    int n = poll(fds, 2, timeout_ms);
    uint64_t count;
    if (n > 0 && (fds[0].revents & POLLIN) && read(l->wake, &count, sizeof count) < 0) return false;
    return n == 0;
}

static void serve(PgListen *l)
{
    bool idle = wait_for(l, POLL_MS);
    bool own = atomic_exchange(&l->dirty, false);
    if (own) PQclear(ask(l, "notify chengshu_journal"));
    bool other = heard(l);
    if (idle) other |= moved(l);
    if (own || other) store_changed(l->store);
}

static void *work(void *p)
{
    PgListen *l = p;
    int back_off = BACK_OFF_MIN_MS;
    bool told = false;
    while (!l->stop) {
        if (l->pq && PQstatus(l->pq) == CONNECTION_OK) {
            serve(l);
            continue;
        }
        hang_up(l);
        Err err = ERR_INIT;
        if (connect_and_listen(l, &err) == 0) {
            back_off = BACK_OFF_MIN_MS;
            told = false;
            store_changed(l->store); /* whatever happened meanwhile */
            continue;
        }
        if (!told) log_err("listen", STR_NONE, &err);
        told = true;
        wait_for(l, back_off);
        if (atomic_load(&l->dirty)) store_changed(l->store);
        back_off = back_off * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : back_off * 2;
    }
    return NULL;
}

int pg_listen_start(Store *s, PgListen **ret, Err *err)
{
    PgListen *l = xcalloc(1, sizeof *l);
    *l = (PgListen){.store = s, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    int r = l->wake < 0 ? err_set(err, ERR_INTERNAL, "无法建立事件描述符") : connect_and_listen(l, err);
    if (r == 0 && pthread_create(&l->thread, NULL, work, l) != 0)
        r = err_set(err, ERR_INTERNAL, "无法启动监听线程");
    if (r < 0) {
        hang_up(l);
        if (l->wake >= 0) close(l->wake);
        free(l);
        return r;
    }
    *ret = l;
    return 0;
}

void pg_listen_stop(PgListen *l)
{
    if (!l) return;
    atomic_store(&l->stop, true);
    wake(l);
    pthread_join(l->thread, NULL);
    /* Changes of the last moment: others must hear of them although we leave. */
    if (l->pq && atomic_load(&l->dirty)) PQclear(ask(l, "notify chengshu_journal"));
    hang_up(l);
    close(l->wake);
    free(l);
}
