/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal over HTTP: all of it for who may read it, one record's history for who may read the record. */
#include "model/record_http.h"

#include "base/clock.h"
#include "model/city.h"
#include "model/record_int.h"
#include "model/value.h"
#include "model/url.h"

/* The members of a before/after object, each masked as the field is. */
static void changes_json(JsonWriter *w, const char *key, Arena *a, const Actor *who, const Entity *e,
                         Str text)
{
    json_t *o, *v;
    const char *name;
    Err ignore;
    jw_key(w, str_c(key));
    if (!text.n || json_parse(a, text, &o, &ignore) < 0) return jw_null(w);
    jw_object(w);
    json_object_foreach(o, name, v)
    {
        const Field *f = e ? entity_field(e, str_c(name)) : NULL;
        if (f && access_hides(who, f)) continue;
        jw_key(w, str_c(name));
        if (f && f->sealed && json_is_string(v))
            jw_str(w, S("（已加密）"));
        else if (f && access_masks(who, e, f, NULL) && json_is_string(v))
            value_write_json(w, f,
                             value_mask(a, f, V_TEXT(str_n(json_string_value(v), json_string_length(v)))));
        else if (f && access_masks(who, e, f, NULL))
            jw_null(w);
        else
            jw_json(w, v);
    }
    jw_object_end(w);
}

static void entry_json(JsonWriter *w, Arena *a, const Request *rq, const JournalEntry *j)
{
    const Entity *e = model_entity(rq->city->model, j->entity);
    Actor plain = *rq->who; /* looking at the history states no purpose */
    plain.purpose = S("");
    jw_object(w);
    jw_kint(w, "seq", j->seq);
    jw_kstr(w, "at", clock_str(a, j->at_us));
    jw_kstr(w, "actor", j->actor);
    if (j->behalf.n) jw_kstr(w, "behalf", j->behalf);
    if (j->purpose.n) jw_kstr(w, "purpose", j->purpose);
    jw_kstr(w, "trace", j->trace);
    jw_kstr(w, "entity", j->entity);
    jw_kstr(w, "record", j->record);
    jw_kstr(w, "op", j->op);
    changes_json(w, "before", a, &plain, e, j->before);
    changes_json(w, "after", a, &plain, e, j->after);
    jw_kstr(w, "digest", j->digest);
    jw_kbool(w, "intact", journal_intact(j));
    jw_object_end(w);
}

typedef struct Read {
    Request *rq;
    JournalFilter filter;
    const Entity *entity;
    Str id;
} Read;

static int read_tx(Tx *tx, void *p, Err *err)
{
    Read *r = p;
    Request *rq = r->rq;
    JournalEntry *items;
    size_t n;
    JsonWriter w;
    if (r->entity) {
        bool visible = false;
        TRY(record_visible(tx, rq->arena, rq->city->model, rq->who, r->entity, r->id, &visible, err));
        /* a deleted record's history stays readable for who may read all of its kind */
        Access access;
        TRY(access_check(rq->who, r->entity, OP_READ, &access, err));
        if (!visible && !access_whole(rq->who, r->entity, &access))
            return err_set(err, ERR_NOT_FOUND, "没有这条" STR_FMT, STR_ARG(r->entity->title));
    }
    TRY(journal_read(tx, rq->arena, &r->filter, &items, &n, err));
    if (r->entity && !n) return err_set(err, ERR_NOT_FOUND, "没有这条" STR_FMT, STR_ARG(r->entity->title));
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) entry_json(&w, rq->arena, rq, &items[i]);
    jw_array_end(&w);
    return 0;
}

static int run(Read *r, Err *err)
{
    int64_t limit;
    Request *rq = r->rq;
    TRY(url_param_int(rq->arena, rq->query, "after", 0, 0, INT64_MAX, &r->filter.after, err));
    TRY(url_param_int(rq->arena, rq->query, "limit", 100, 0, INT64_MAX, &limit, err));
    r->filter.limit = (size_t)(limit > JOURNAL_PAGE_MAX ? JOURNAL_PAGE_MAX : limit);
    return store_read(r->rq->city->store, "journal", read_tx, r, err);
}

int journal_get(Request *rq, Err *err)
{
    Read r = {.rq = rq};
    r.filter.entity = request_param(rq, "entity");
    r.filter.record = request_param(rq, "record");
    r.filter.newest_first = str_is(request_param(rq, "order"), "desc");
    return run(&r, err);
}

int record_history(Request *rq, Err *err)
{
    Read r = {.rq = rq, .id = rq->params[1]};
    TRY(model_find(rq->city->model, rq->params[0], &r.entity, err));
    r.filter.entity = r.entity->name;
    r.filter.record = r.id;
    r.filter.newest_first = !str_is(request_param(rq, "order"), "asc");
    return run(&r, err);
}

/* --- who looked at my data
 * ---------------------------------------------------------------------------------- */

static void look_json(JsonWriter *w, Arena *a, const Entity *e, const JournalEntry *j)
{
    json_t *after, *name;
    size_t i;
    Err ignore;
    jw_object(w);
    jw_kstr(w, "at", clock_str(a, j->at_us));
    jw_kstr(w, "by", j->actor);
    jw_kstr(w, "purpose", j->purpose);
    jw_key(w, S("fields"));
    jw_array(w);
    if (json_parse(a, j->after, &after, &ignore) == 0)
        json_array_foreach(json_object_get(after, "fields"), i, name)
        {
            const Field *f = entity_field(e, str_c(json_string_value(name)));
            if (f) jw_str(w, f->title);
        }
    jw_array_end(w);
    jw_object_end(w);
}

static int looks_tx(Tx *tx, void *p, Err *err)
{
    Read *r = p;
    Request *rq = r->rq;
    JournalEntry *items;
    size_t n;
    JsonWriter w;
    TRY(journal_read(tx, rq->arena, &r->filter, &items, &n, err));
    buf_clear(&rq->out);
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        if (str_is(items[i].op, "unmask")) look_json(&w, rq->arena, r->entity, &items[i]);
    jw_array_end(&w);
    return 0;
}

/* A person sees who looked at what of them was masked, when and why, newest first (of their record's last
 * 1,000 entries). */
int looks_get(Request *rq, Err *err)
{
    Read r = {.rq = rq, .id = rq->who->person};
    r.entity = model_entity(rq->city->model, S("person"));
    if (!r.id.n || !r.entity) return buf_adds(&rq->out, "[]"), 0;
    r.filter = (JournalFilter){
        .entity = r.entity->name, .record = r.id, .newest_first = true, .limit = JOURNAL_PAGE_MAX};
    return store_read(rq->city->store, "looks", looks_tx, &r, err);
}
