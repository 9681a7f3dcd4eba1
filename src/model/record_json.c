/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A row as JSON, as its reader may see it. */
#include "model/record_int.h"

#include "model/value.h"

static void write_agg(JsonWriter *w, const Pick *p, Val v)
{
    Field as = p->field ? *p->field : (Field){.storage = STORE_INT};
    if (p->agg == AGG_COUNT) as.storage = STORE_INT;
    if (p->agg == AGG_AVG && as.storage == STORE_INT)
        as.storage = STORE_NUM, as.type = F_DECIMAL, as.scale = 6;
    if (p->agg == AGG_AVG && as.type == F_MONEY) as.scale = 2;
    if (as.storage == STORE_INT && v.kind == VAL_TEXT) { /* PostgreSQL sums integers to numeric */
        int64_t i;
        if (str_int(v.s, &i)) v = V_INT(i);
    }
    value_write_json(w, &as, v);
}

/* A stated purpose unmasks the records that were asked for, not those that come along with them. */
bool record_masks(const QueryCtx *c, const Level *l, const Field *f)
{
    if (!l->keyed) return access_masks(c->who, l->q->entity, f, &l->q->access);
    Actor plain = *c->who;
    plain.purpose = S("");
    return access_masks(&plain, l->q->entity, f, &l->q->access);
}

Val record_shown(const QueryCtx *c, const Level *l, const Field *f, Val v)
{
    if (access_hides(c->who, f)) return V_NULL;
    return record_masks(c, l, f) ? value_mask(c->a, f, v) : v;
}

static void write_field(const QueryCtx *c, JsonWriter *w, const Level *l, const Pick *p, Val v)
{
    const Field *f = p->field;
    v = record_shown(c, l, f, v);
    if (p->as_text && v.kind != VAL_NULL)
        jw_str(w, value_text(c->a, f, v));
    else
        value_write_json(w, f, v);
}

static void write_link(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    (void)c;
    jw_array(w);
    for (size_t i = 0; i < n; i++) value_write_json(w, entity_id(p->field->to), rows[i]->vals[0]);
    jw_array_end(w);
}

static void write_members(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row);

/* Statistics without groups over no records: one row all the same, with counts of 0. */
static void write_empty_aggregate(JsonWriter *w, const Query *q)
{
    for (size_t i = 0; i < q->n_picks; i++)
        if (!q->picks[i].agg) return;
    jw_object(w);
    for (size_t i = 0; i < q->n_picks; i++) {
        jw_key(w, q->picks[i].name);
        if (q->picks[i].agg == AGG_COUNT)
            jw_int(w, 0);
        else
            jw_null(w);
    }
    jw_object_end(w);
}

static void write_embed(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    if (p->embed->kind != EMBED_ONE) {
        jw_array(w);
        if (!n && p->embed->query->aggregate) write_empty_aggregate(w, p->embed->query);
        for (size_t i = 0; i < n; i++) {
            jw_object(w);
            write_members(c, w, below, rows[i]);
            jw_object_end(w);
        }
        jw_array_end(w);
    } else if (n) {
        jw_object(w);
        write_members(c, w, below, rows[0]);
        jw_object_end(w);
    } else
        jw_null(w);
}

/* ...relation(a,b): the members of the one row stand in ours; nulls when there is none. */
static void write_spread(const QueryCtx *c, JsonWriter *w, const Pick *p, const Level *below, Str key)
{
    size_t n;
    Row **rows = level_find(below, key, &n);
    if (n) return write_members(c, w, below, rows[0]);
    for (size_t i = 0; i < p->embed->query->n_picks; i++) {
        jw_key(w, p->embed->query->picks[i].name);
        jw_null(w);
    }
}

void record_write_pick(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row, size_t i)
{
    const Pick *p = &l->q->picks[i];
    Val v = row->vals[l->at[i]];
    if (p->embed)
        write_embed(c, w, p, l->below[i], record_key_text(c, v));
    else if (p->agg && row->suppressed)
        jw_null(w);
    else if (p->agg)
        write_agg(w, p, v);
    else if (p->field->storage == STORE_LINK && access_hides(c->who, p->field))
        jw_null(w);
    else if (p->field->storage == STORE_LINK)
        write_link(c, w, p, l->below[i], record_key_text(c, v));
    else
        write_field(c, w, l, p, v);
}

static void write_members(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row)
{
    for (size_t i = 0; i < l->q->n_picks; i++) {
        const Pick *p = &l->q->picks[i];
        if (p->embed && p->embed->spread) {
            write_spread(c, w, p, l->below[i], record_key_text(c, row->vals[l->at[i]]));
            continue;
        }
        jw_key(w, p->name);
        record_write_pick(c, w, l, row, i);
    }
    if (row->suppressed) {
        jw_key(w, S("suppressed"));
        jw_bool(w, true);
    }
}

void record_write_row(const QueryCtx *c, JsonWriter *w, const Level *l, const Row *row)
{
    jw_object(w);
    write_members(c, w, l, row);
    jw_object_end(w);
}
