/* SPDX-License-Identifier: MulanPSL-2.0 */
/* GET /api/pages: the declared pages, each with what the caller may read of it. */
#include "model/record_http.h"

#include "model/access.h"
#include "model/city.h"

static bool reads(const Actor *who, const Entity *e) { return e && access_any(who, e, OP_READ); }

static void text(JsonWriter *w, const char *key, Str s)
{
    if (s.n) jw_kstr(w, key, s);
}

static void chart_json(JsonWriter *w, const PageChart *c)
{
    jw_object(w);
    jw_kstr(w, "title", c->title);
    jw_kstr(w, "kind", c->kind);
    jw_kstr(w, "entity", c->entity->name);
    jw_kstr(w, "query", c->query);
    text(w, "x", c->x);
    text(w, "y", c->y);
    text(w, "series", c->series);
    text(w, "unit", c->unit);
    text(w, "help", c->help);
    if (c->wide) jw_kbool(w, "wide", true);
    jw_object_end(w);
}

static void page_json(JsonWriter *w, const Actor *who, const DeskPage *p)
{
    jw_object(w);
    jw_kstr(w, "page", p->name);
    jw_kstr(w, "title", p->title);
    jw_kstr(w, "system", p->system->name);
    jw_kstr(w, "kind", p->kind);
    text(w, "about", p->about);
    if (p->entity) jw_kstr(w, "entity", p->entity->name);
    text(w, "query", p->query);
    text(w, "date", p->date);
    jw_key(w, S("charts"));
    jw_array(w);
    for (size_t i = 0; i < p->n_charts; i++)
        if (reads(who, p->charts[i].entity)) chart_json(w, &p->charts[i]);
    jw_array_end(w);
    jw_object_end(w);
}

static bool shown(const Actor *who, const DeskPage *p)
{
    for (size_t i = 0; i < p->n_charts; i++)
        if (reads(who, p->charts[i].entity)) return true;
    return reads(who, p->entity);
}

int pages_get(Request *rq, Err *err)
{
    const Model *m = rq->city->model;
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < m->n_pages; i++)
        if (shown(rq->who, &m->pages[i])) page_json(&w, rq->who, &m->pages[i]);
    jw_array_end(&w);
    return 0;
}
