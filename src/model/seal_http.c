/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal's seal over HTTP: checkpoints and keys for every user (they say nothing of anybody), the proof
   of an entry for who may read it. */
#include "model/record_http.h"

#include "base/clock.h"
#include "model/city.h"
#include "model/record_int.h"
#include "model/seal_http.h"
#include "model/url.h"

static void path_json(JsonWriter *w, Arena *a, const MerklePath *path)
{
    jw_key(w, S("path"));
    jw_array(w);
    for (size_t i = 0; i < path->n; i++) jw_str(w, hash_hex(a, &path->hash[i]));
    jw_array_end(w);
}

static void checkpoint_json(JsonWriter *w, Arena *a, const Checkpoint *c)
{
    jw_object(w);
    jw_kint(w, "size", c->size);
    jw_kint(w, "seq", c->seq);
    jw_kstr(w, "at", clock_str(a, c->at_us));
    jw_kint(w, "key", c->key);
    jw_kstr(w, "root", hash_hex(a, &c->root));
    jw_kstr(w, "note", c->note);
    jw_object_end(w);
}

typedef struct Ask {
    Request *rq;
    int64_t seq, size, to, after, limit;
    bool newest_first;
} Ask;

static JsonWriter answer(Request *rq)
{
    JsonWriter w;
    buf_clear(&rq->out); /* a read may run twice */
    jw_init(&w, &rq->out);
    return w;
}

/* --- checkpoints and keys
 * ----------------------------------------------------------------------------------- */

static int checkpoint_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    Checkpoint c;
    TRY(seal_checkpoint(tx, ask->rq->arena, ask->size, &c, err));
    buf_clear(&ask->rq->out);
    buf_add(&ask->rq->out, c.note);
    return 0;
}

int checkpoint_get(Request *rq, Err *err)
{
    Ask ask = {.rq = rq};
    TRY(url_param_int(rq->arena, rq->query, "size", 0, 0, INT64_MAX, &ask.size, err));
    TRY(store_read(rq->city->store, "checkpoint", checkpoint_tx, &ask, err));
    rq->content_type = "text/plain; charset=utf-8";
    return 0;
}

static int checkpoints_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    Arena *a = ask->rq->arena;
    Checkpoint *all;
    size_t n;
    TRY(seal_checkpoints(tx, a, ask->after, ask->newest_first, (size_t)ask->limit, &all, &n, err));
    JsonWriter w = answer(ask->rq);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) checkpoint_json(&w, a, &all[i]);
    jw_array_end(&w);
    return 0;
}

int checkpoints_get(Request *rq, Err *err)
{
    Ask ask = {.rq = rq, .newest_first = str_is(request_param(rq, "order"), "desc")};
    TRY(url_param_int(rq->arena, rq->query, "after", 0, 0, INT64_MAX, &ask.after, err));
    TRY(url_param_int(rq->arena, rq->query, "limit", 100, 1, JOURNAL_PAGE_MAX, &ask.limit, err));
    return store_read(rq->city->store, "checkpoints", checkpoints_tx, &ask, err);
}

static int keys_tx(Tx *tx, void *p, Err *err)
{
    Request *rq = p;
    SealKey *keys;
    size_t n;
    TRY(seal_keys(tx, rq->arena, &keys, &n, err));
    JsonWriter w = answer(rq);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kint(&w, "id", keys[i].id);
        jw_kint(&w, "since", keys[i].since);
        jw_kstr(&w, "public", keys[i].public_pem);
        jw_kstr(&w, "endorsement", keys[i].endorsement);
        jw_kint(&w, "endorsed_by", keys[i].endorsed_by);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return 0;
}

int seal_keys_get(Request *rq, Err *err)
{
    return store_read(rq->city->store, "seal keys", keys_tx, rq, err);
}

/* --- proofs
 * ------------------------------------------------------------------------------------------------- */

/* Who may read the journal, or the record that the entry is about; others learn that there is no such entry.
 */
static int find_entry(Tx *tx, const Ask *ask, JournalEntry *ret, Err *err)
{
    const Request *rq = ask->rq;
    JournalEntry *e;
    size_t n;
    bool may = actor_may(rq->who, "journal.read");
    const JournalFilter f = {.after = ask->seq - 1, .limit = 1};
    TRY(journal_read(tx, rq->arena, &f, &e, &n, err));
    const Entity *entity = n && e->seq == ask->seq ? model_entity(rq->city->model, e->entity) : NULL;
    if (!may && entity)
        TRY(record_visible(tx, rq->arena, rq->city->model, rq->who, entity, e->record, &may, err));
    if (!n || e->seq != ask->seq || !may)
        return err_set(err, ERR_NOT_FOUND, "没有第 %lld 条日志", (long long)ask->seq);
    *ret = *e;
    return 0;
}

void inclusion_json(Buf *out, Arena *a, const Inclusion *in, Str digest)
{
    JsonWriter w;
    jw_init(&w, out);
    jw_object(&w);
    jw_kint(&w, "seq", in->seq);
    jw_kint(&w, "index", in->index);
    jw_kstr(&w, "digest", digest);
    jw_kstr(&w, "leaf", hash_hex(a, &in->leaf));
    path_json(&w, a, &in->path);
    jw_key(&w, S("checkpoint"));
    checkpoint_json(&w, a, &in->under);
    jw_object_end(&w);
}

static int proof_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    JournalEntry e;
    Inclusion in;
    TRY(find_entry(tx, ask, &e, err));
    TRY(seal_inclusion(tx, ask->rq->arena, ask->seq, ask->size, &in, err));
    if (!journal_intact(&e)) return err_set(err, ERR_VERIFY, "第 %lld 条日志与其摘要不符", (long long)e.seq);
    buf_clear(&ask->rq->out);
    inclusion_json(&ask->rq->out, ask->rq->arena, &in, e.digest);
    return 0;
}

int proof_get(Request *rq, Err *err)
{
    Ask ask = {.rq = rq};
    if (!str_int(rq->params[0], &ask.seq) || ask.seq < 1)
        return err_set(err, ERR_NOT_FOUND, "没有第 “" STR_FMT "” 条日志", STR_ARG(rq->params[0]));
    TRY(url_param_int(rq->arena, rq->query, "size", 0, 0, INT64_MAX, &ask.size, err));
    return store_read(rq->city->store, "proof", proof_tx, &ask, err);
}

void growth_json(Buf *out, Arena *a, const Growth *g)
{
    JsonWriter w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key(&w, S("from"));
    checkpoint_json(&w, a, &g->from);
    jw_key(&w, S("to"));
    checkpoint_json(&w, a, &g->to);
    path_json(&w, a, &g->path);
    jw_object_end(&w);
}

static int consistency_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    Growth g;
    TRY(seal_growth(tx, ask->rq->arena, ask->size, ask->to, &g, err));
    buf_clear(&ask->rq->out);
    growth_json(&ask->rq->out, ask->rq->arena, &g);
    return 0;
}

int consistency_get(Request *rq, Err *err)
{
    Ask ask = {.rq = rq};
    TRY(url_param_int(rq->arena, rq->query, "from", 0, 1, INT64_MAX, &ask.size, err));
    TRY(url_param_int(rq->arena, rq->query, "to", 0, 0, INT64_MAX, &ask.to, err));
    if (!ask.size)
        return err_set(err, ERR_INPUT, "要写 from=：早先那个检查点的条数"), err_pointer(err, "from");
    return store_read(rq->city->store, "consistency", consistency_tx, &ask, err);
}
