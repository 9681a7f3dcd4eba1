/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "store/follower.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct Follower {
    Store *store;
    FollowerTurn turn;
    void *ctx;
    int64_t gather_us;
    pthread_t thread;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t news;
    bool poked, stopping;
    int watch;
};

/* Until the end, at most us; with `listen` also until news, which are then taken. */
static void rest(Follower *f, int64_t us, bool listen)
{
    const struct timespec t = clock_until(us);
    pthread_mutex_lock(&f->lock);
    while (!f->stopping && !(listen && f->poked))
        if (pthread_cond_timedwait(&f->news, &f->lock, &t) == ETIMEDOUT) break;
    if (listen) f->poked = false;
    pthread_mutex_unlock(&f->lock);
}

static void *run(void *p)
{
    Follower *f = p;
    while (!follower_stopping(f)) {
        int64_t us = f->turn(f->ctx);
        if (!us) continue;
        rest(f, us < 0 ? -us : us, us > 0);
        if (us > 0) rest(f, f->gather_us, false);
    }
    return NULL;
}

static void on_journal(void *p)
{
    Follower *f = p;
    pthread_mutex_lock(&f->lock);
    f->poked = true;
    pthread_cond_signal(&f->news);
    pthread_mutex_unlock(&f->lock);
}

int follower_start(Store *s, const char *what, int64_t gather_us, FollowerTurn turn, void *ctx,
                   Follower **ret, Err *err)
{
    Follower *f = xcalloc(1, sizeof *f);
    *f = (Follower){.store = s, .turn = turn, .ctx = ctx, .gather_us = gather_us};
    pthread_mutex_init(&f->lock, NULL);
    clock_cond_init(&f->news);
    *ret = f; /* the first turn may already ask whether it is to stop */
    if (pthread_create(&f->thread, NULL, run, f) != 0) {
        pthread_cond_destroy(&f->news);
        pthread_mutex_destroy(&f->lock);
        free(f);
        *ret = NULL;
        return err_set(err, ERR_INTERNAL, "不能建立%s的线程", what);
    }
    f->watch = store_watch(s, on_journal, f);
    return 0;
}

void follower_stop(Follower *f)
{
    if (!f) return;
    store_unwatch(f->store, f->watch);
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_broadcast(&f->news);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->news);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

bool follower_stopping(Follower *f)
{
    if (!f) return false;
    pthread_mutex_lock(&f->lock);
    bool yes = f->stopping;
    pthread_mutex_unlock(&f->lock);
    return yes;
}

bool follower_poked(Follower *f)
{
    if (!f) return false;
    pthread_mutex_lock(&f->lock);
    bool yes = f->poked || f->stopping;
    pthread_mutex_unlock(&f->lock);
    return yes;
}
