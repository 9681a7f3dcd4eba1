/* SPDX-License-Identifier: MulanPSL-2.0 */
/* GET /api/reactions/fired: what followed from the changes of one record, for whoever may read the record. */
#include "rule/engine_int.h"

#include "model/record.h"
#include "rule_sql.h"

typedef struct Fired {
    Request *rq;
    const Entity *entity;
    Str record;
} Fired;

static Str title_of(Rules *s, Str id)
{
    const Rule *r = s ? rule_find(s->set, id) : NULL;
    return r ? r->title : S("");
}

static int fired_tx(Tx *tx, void *p, Err *err)
{
    Fired *x = p;
    Arena *a = x->rq->arena;
    bool visible;
    Rows *rows;
    JsonWriter w;
    int rc;
    TRY(record_visible(tx, a, x->rq->city->model, x->rq->who, x->entity, x->record, &visible, err));
    if (!visible) return err_set(err, ERR_NOT_FOUND, "没有这条记录，或不在您可以查看的范围内");
    TRY(tx_query(tx, a, &sql_rule_fired_of, VALS(V_TEXT(x->entity->name), V_TEXT(x->record)), &rows, err));
    buf_clear(&x->rq->out);
    jw_init(&w, &x->rq->out);
    jw_array(&w);
    while ((rc = rows_next(rows, err)) > 0) {
        Str id = rows_text(rows, a, 0);
        jw_object(&w);
        jw_kstr(&w, "reaction", id);
        jw_kstr(&w, "title", title_of(x->rq->city->rules, id));
        jw_kint(&w, "seq", rows_int(rows, 1));
        jw_kstr(&w, "at", clock_str(a, rows_int(rows, 2)));
        jw_kstr(&w, "state", rows_text(rows, a, 3));
        jw_object_end(&w);
    }
    rows_done(rows);
    jw_array_end(&w);
    return rc;
}

int reactions_fired(Request *rq, Err *err)
{
    Fired x = {.rq = rq, .record = request_param(rq, "record")};
    x.entity = model_entity(rq->city->model, request_param(rq, "entity"));
    if (!x.entity) return err_set(err, ERR_INPUT, "entity 要写一个实体名"), err_pointer(err, "entity");
    if (!x.record.n) return err_set(err, ERR_INPUT, "record 要写记录编号"), err_pointer(err, "record");
    return store_read(rq->city->store, "reactions.fired", fired_tx, &x, err);
}
