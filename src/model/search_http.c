/* SPDX-License-Identifier: MulanPSL-2.0 */
/* GET /api/search: what a person types to records of every entity the person may read. */
#include "model/search.h"

#include "base/clock.h"
#include "base/engine.h"
#include "base/text.h"
#include "model/city.h"
#include "model/url.h"

enum { LIMIT = 20, LIMIT_MAX = 100, OFFSET_MAX = 10000, AROUND = 30, FIELDS_SHOWN = 4 };

typedef struct Asked {
    Request *rq;
    const Entity *entity;
    SearchQuery query;
    int64_t limit, offset, start_us;
} Asked;

static int entity_of(const Request *rq, const Entity **ret, Err *err)
{
    Str name = url_param(rq->arena, rq->query, "entity");
    *ret = NULL;
    if (!name.n) return 0;
    return model_find(rq->city->model, name, ret, err) < 0
               ? (err->code = ERR_INPUT, err_pointer(err, "entity"))
               : 0;
}

/* --- the answer
 * ----------------------------------------------------------------------------------------------- */

static void part(JsonWriter *w, Str text, bool hit)
{
    if (!text.n) return;
    jw_object(w);
    jw_kstr(w, "t", text);
    if (hit) jw_kbool(w, "hit", true);
    jw_object_end(w);
}

/* The text around its hits: short ones whole, of long ones what stands around the first. */
static void parts(JsonWriter *w, Arena *a, const SearchField *f)
{
    SearchText t = search_text(a, f->text, SEARCH_FIELD_MAX);
    size_t first = f->spans.items[0].from, from = 0, to = t.n;
    if (t.n > 4 * AROUND) {
        from = first > AROUND ? first - AROUND : 0;
        to = first + 3 * AROUND < t.n ? first + 3 * AROUND : t.n;
    }
    jw_array(w);
    if (from) part(w, S("…"), false);
    for (size_t i = 0, at = from; i <= f->spans.n; i++) {
        size_t begin = i < f->spans.n ? f->spans.items[i].from : to,
               end = i < f->spans.n ? f->spans.items[i].to : to;
        if (begin > to) begin = to;
        if (end > to) end = to;
        part(w, str_n(f->text.p + t.at[at], t.at[begin] - t.at[at]), false);
        part(w, str_n(f->text.p + t.at[begin], t.at[end] - t.at[begin]), true);
        at = end;
    }
    if (to < t.n) part(w, S("…"), false);
    jw_array_end(w);
}

static void hit_json(JsonWriter *w, Arena *a, const SearchHit *h)
{
    jw_object(w);
    jw_kstr(w, "entity", h->entity->name);
    jw_kstr(w, "entity_title", h->entity->title);
    jw_kstr(w, "id", h->id);
    jw_kstr(w, "label", h->label);
    jw_key(w, S("match"));
    jw_array(w);
    for (size_t i = 0; i < h->n && i < FIELDS_SHOWN; i++) {
        jw_object(w);
        jw_kstr(w, "field", h->fields[i].field->name);
        jw_kstr(w, "title", h->fields[i].field->title);
        jw_key(w, S("parts"));
        parts(w, a, &h->fields[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void counts_json(JsonWriter *w, const SearchResult *r)
{
    jw_array(w);
    for (size_t i = 0; i < r->n_counts; i++) {
        const SearchCount *c = &r->counts[i];
        jw_object(w);
        jw_kstr(w, "entity", c->entity->name);
        jw_kstr(w, "title", c->entity->title);
        jw_kint(w, "n", c->n);
        jw_kbool(w, "more", c->more);
        if (c->building) jw_kint(w, "indexed", c->done);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void answer(Asked *k, Arena *a, const SearchResult *r)
{
    JsonWriter w;
    buf_clear(&k->rq->out);
    jw_init(&w, &k->rq->out);
    jw_object(&w);
    jw_kstr(&w, "q", url_param(k->rq->arena, k->rq->query, "q"));
    jw_key(&w, S("hits"));
    jw_array(&w);
    for (int64_t i = k->offset; i < (int64_t)r->n && i < k->offset + k->limit; i++)
        hit_json(&w, a, &r->hits[i]);
    jw_array_end(&w);
    jw_key(&w, S("counts"));
    counts_json(&w, r);
    jw_kint(&w, "took_ms", (clock_mono_us() - k->start_us) / 1000);
    jw_object_end(&w);
}

static int search_tx(Tx *tx, void *p, Err *err)
{
    Asked *k = p;
    SearchResult r;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, k->rq->city->model, k->rq->who, k->rq->trace};
    TRY(search_run(&c, tx, &k->query, k->entity, &r, err));
    answer(k, a, &r);
    return 0;
}

int search_get(Request *rq, Err *err)
{
    Asked k = {.rq = rq, .start_us = clock_mono_us()};
    TRY(url_param_int(rq->arena, rq->query, "limit", LIMIT, 0, LIMIT_MAX, &k.limit, err));
    TRY(url_param_int(rq->arena, rq->query, "offset", 0, 0, OFFSET_MAX, &k.offset, err));
    TRY(entity_of(rq, &k.entity, err));
    TRY(search_parse(rq->arena, search_segmenter(rq->city->search), url_param(rq->arena, rq->query, "q"),
                     &k.query, err));
    return store_read(rq->city->store, "search", search_tx, &k, err);
}
