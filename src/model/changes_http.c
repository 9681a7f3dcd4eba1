/* SPDX-License-Identifier: MulanPSL-2.0 */
/* GET /api/changes?hours=24: how much changed lately in each entity that the caller may read as a whole. Who
   sees only a part of an entity is told nothing about the rest, so such an entity is left out. At most
   CHANGES_MAX entries an entity are read: beyond that the number is a lower bound. */
#include "model/record_http.h"

#include "base/clock.h"
#include "model/access.h"
#include "model/city.h"
#include "model/url.h"

enum { CHANGES_MAX = 500, HOURS_MAX = 24 * 31 };

typedef struct Changes {
    Request *rq;
    int64_t since;
} Changes;

static int entity_changes(Changes *c, Tx *tx, const Entity *e, JsonWriter *w, Err *err)
{
    JournalFilter f = {.entity = e->name, .newest_first = true, .limit = CHANGES_MAX};
    JournalEntry *items;
    size_t n, k = 0;
    int64_t made = 0, changed = 0, gone = 0;
    TRY(journal_read(tx, c->rq->arena, &f, &items, &n, err));
    for (; k < n && items[k].at_us >= c->since; k++) {
        made += str_is(items[k].op, "insert");
        changed += str_is(items[k].op, "update");
        gone += str_is(items[k].op, "delete");
    }
    if (made + changed + gone == 0) return 0;
    jw_object(w);
    jw_kstr(w, "entity", e->name);
    jw_kstr(w, "title", e->title);
    jw_kint(w, "inserted", made);
    jw_kint(w, "updated", changed);
    jw_kint(w, "deleted", gone);
    jw_kbool(w, "more", k == CHANGES_MAX);
    jw_kstr(w, "last_at", clock_str(c->rq->arena, items[0].at_us));
    jw_object_end(w);
    return 0;
}

static int changes_tx(Tx *tx, void *p, Err *err)
{
    Changes *c = p;
    const Model *m = c->rq->city->model;
    JsonWriter w;
    buf_clear(&c->rq->out);
    jw_init(&w, &c->rq->out);
    jw_array(&w);
    for (size_t i = 0; i < m->n_entities; i++) {
        const Entity *e = m->entities[i];
        Access access;
        Err none = ERR_INIT;
        if (access_check(c->rq->who, e, OP_READ, &access, &none) < 0) continue;
        if (!access_whole(c->rq->who, e, &access)) continue;
        TRY(entity_changes(c, tx, e, &w, err));
    }
    jw_array_end(&w);
    return 0;
}

int changes_get(Request *rq, Err *err)
{
    int64_t hours;
    TRY(url_param_int(rq->arena, rq->query, "hours", 24, 1, HOURS_MAX, &hours, err));
    Changes c = {rq, clock_now_us() - hours * 3600 * US_PER_SEC};
    return store_read(rq->city->store, "changes", changes_tx, &c, err);
}
