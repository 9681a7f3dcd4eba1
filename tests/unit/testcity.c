/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "testcity.h"

#include "model/search.h"
#include "model/vault.h"

#include "base/clock.h"
#include "base/csv.h"

const Actor testcity_system = {.system = true};

static _Noreturn void die(const char *what, const Err *err)
{
    fprintf(stderr, "testcity: %s: %s; %s (%s)\n", what, err->msg, err->hint, err->pointer);
    exit(1);
}

static Model *load_model(TestCity *c, const char *name)
{
    const char *source = getenv("SOURCE");
    Faults faults = {.arena = c->a};
    Model *m;
    Err err = ERR_INIT;
    if (model_load(str_fmt(c->a, "%s/tests/packs/%s", source ? source : ".", name).p, &faults, &m, &err) <
        0) {
        for (size_t i = 0; i < faults.n; i++)
            fprintf(stderr, STR_FMT "\n", STR_ARG(fault_text(c->a, &faults.items[i])));
        die(name, &err);
    }
    return m;
}

/* --- plans
 * -------------------------------------------------------------------------------------------------------- */

typedef struct Switch {
    TestCity *c;
    const Model *m;
    StrList allowed;
    bool apply;
    size_t steps;
    Str text;
} Switch;

static int plan_tx(Tx *tx, void *p, Err *err)
{
    Switch *s = p;
    _cleanup_arena_ Arena *a = arena_new();
    Plan plan;
    Buf b;
    TRY(plan_make(a, s->m, tx, &plan, err));
    s->steps = plan.n;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < plan.n; i++)
        buf_addf(&b, "%d " STR_FMT " " STR_FMT "\n", plan.steps[i].kind, STR_ARG(plan.steps[i].danger),
                 STR_ARG(plan.steps[i].text));
    s->text = buf_dup(s->c->a, &b);
    buf_done(&b);
    if (!s->apply) return 0;
    TRY(plan_check(&plan, &s->allowed, err));
    return plan_apply(a, s->m, &plan, tx, err);
}

static StrList words(Arena *a, const char *text, char sep)
{
    StrList list = {0};
    size_t cap = 0;
    Str rest = str_c(text), part;
    while (text && str_split(&rest, sep, &part))
        if (part.n) *ARENA_PUSH(a, list.items, list.n, cap) = part;
    return list;
}

int testcity_switch(TestCity *c, const char *name, const char *allowed, size_t *ret_steps)
{
    Model *m = load_model(c, name);
    if (m->has_sealed && vault_open(c->store, testdb_dir(c->db), &m->vault, &c->err) < 0)
        die("keys", &c->err);
    Switch s = {.c = c, .m = m, .allowed = words(c->a, allowed, ' '), .apply = true};
    c->err = ERR_INIT;
    int rc = store_alter(c->store, "plan", plan_tx, &s, &c->err);
    if (ret_steps) *ret_steps = s.steps;
    if (rc < 0) {
        model_free(m);
        return rc;
    }
    model_free(c->m);
    c->m = m;
    return 0;
}

Str testcity_plan(TestCity *c, const char *name)
{
    Model *m = load_model(c, name);
    Switch s = {.c = c, .m = m};
    if (store_read(c->store, "plan", plan_tx, &s, &c->err) < 0) die("plan", &c->err);
    model_free(m);
    return s.text;
}

/* --- data
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct Loading {
    TestCity *c;
    const Load *load;
} Loading;

static int load_tx(Tx *tx, void *p, Err *err)
{
    Loading *l = p;
    const Entity *e = l->load->entity;
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord rec;
    const Field *cols[200];
    int rc;
    TRY(csv_open_path(l->load->file.p, NULL, &r, err));
    TRY(csv_next(r, &rec, err));
    size_t n = rec.n;
    for (size_t i = 0; i < n; i++) cols[i] = entity_field(e, rec.cells[i]);
    while ((rc = csv_next(r, &rec, err)) > 0) {
        _cleanup_arena_ Arena *a = arena_new();
        Writer w = {a, l->c->m, tx, &testcity_system, S("load"), clock_now_us(), false};
        Input in = input_new(a, e);
        Str id;
        for (size_t i = 0; i < n && i < rec.n; i++)
            if (rec.cells[i].n) TRY(input_set_text(a, e, cols[i], rec.cells[i], false, &in, err));
        if (record_insert(&w, e, &in, &id, err) < 0) return err_wrap(err, "第 %d 行", (int)rec.line);
    }
    return rc;
}

static void load_data(TestCity *c)
{
    for (size_t i = 0; i < c->m->n_order; i++)
        for (size_t j = 0; j < c->m->order[i]->n_loads; j++) {
            Loading l = {c, &c->m->order[i]->loads[j]};
            if (store_tx(c->store, "load", load_tx, &l, &c->err) < 0) die(l.load->file.p, &c->err);
        }
}

TestCity *testcity_new(const char *name, bool load)
{
    TestCity *c = xcalloc(1, sizeof *c);
    const Room *rooms[] = {&model_room, &search_room, NULL};
    c->a = arena_new();
    c->db = testdb_new(rooms);
    c->store = testdb_store(c->db);
    c->err = ERR_INIT;
    if (testcity_switch(c, name, NULL, NULL) < 0) die("plan", &c->err);
    if (load) load_data(c);
    return c;
}

void testcity_free(TestCity *c)
{
    if (!c) return;
    testdb_free(c->db);
    model_free(c->m);
    arena_free(c->a);
    free(c);
}

int testcity_small(void **state)
{
    *state = testcity_new("small", true);
    return 0;
}

int testcity_gone(void **state)
{
    testcity_free(*state);
    return 0;
}

/* --- actors
 * ------------------------------------------------------------------------------------------------------- */

Actor testcity_actor(TestCity *c, const char *user, const char *roles, const char *org, const char *region)
{
    Actor who = {.user = str_c(user), .name = str_c(user), .org = str_c(org), .region = str_c(region)};
    Grant *grants = NULL;
    size_t cap = 0;
    who.roles = words(c->a, roles, ' ');
    for (size_t i = 0; i < who.roles.n; i++) {
        const Role *r = model_role(c->m, who.roles.items[i]);
        for (size_t j = 0; r && j < r->n_grants; j++)
            *ARENA_PUSH(c->a, grants, who.n_grants, cap) = r->grants[j];
    }
    who.grants = grants;
    return who;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Reading {
    TestCity *c;
    const Actor *who;
    Query *q;
    Format format;
    bool count;
    Str text;
    ReadResult result;
} Reading;

static int read_tx(Tx *tx, void *p, Err *err)
{
    Reading *r = p;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx ctx = {a, r->c->m, r->who, S("trace")};
    Buf out;
    buf_init(&out, 8 << 20);
    int rc = record_read(&ctx, tx, r->q, r->format, r->count, &out, &r->result, err);
    if (rc == 0) r->text = buf_dup(r->c->a, &out), r->result.next = str_dup(r->c->a, r->result.next);
    buf_done(&out);
    return rc;
}

Str testcity_read(TestCity *c, const Actor *who, const char *entity, const char *query, Format format,
                  ReadResult *ret)
{
    Reading r = {c, who, NULL, format, ret != NULL, S(""), {0}};
    QueryCtx ctx = {c->a, c->m, who, S("trace")};
    c->err = ERR_INIT;
    int rc = query_parse(&ctx, model_entity(c->m, str_c(entity)), str_c(query), &r.q, &c->err);
    /* A read that unmasks writes the journal. Any other runs twice, as a transaction may: nothing that the
       first run left in the query may be gone with it. */
    if (rc == 0 && who->purpose.n)
        rc = store_tx(c->store, "read", read_tx, &r, &c->err);
    else if (rc == 0 && (rc = store_read(c->store, "read", read_tx, &r, &c->err)) == 0) {
        Str once = r.text;
        rc = store_read(c->store, "read", read_tx, &r, &c->err);
        if (rc == 0 && !str_eq(once, r.text)) die("the second run read otherwise", &c->err);
    }
    if (ret) *ret = r.result;
    if (rc == 0) return r.text;
    return str_fmt(c->a, "%s %s %s", err_name(c->err.code), c->err.pointer, c->err.hint);
}

Str testcity_get(TestCity *c, const Actor *who, const char *entity, const char *query)
{
    return testcity_read(c, who, entity, query, FORMAT_JSON, NULL);
}

typedef struct Sqls {
    TestCity *c;
    const char *sql;
    Str text;
} Sqls;

static int sql_tx(Tx *tx, void *p, Err *err)
{
    Sqls *s = p;
    _cleanup_arena_ Arena *a = arena_new();
    Sql sql = {"test", {s->sql, s->sql}};
    Rows *rows;
    Buf b;
    int rc;
    TRY(tx_query(tx, a, &sql, NULL, 0, &rows, err));
    buf_init(&b, 1 << 20);
    for (bool first = true; (rc = rows_next(rows, err)) > 0; first = false) {
        if (!first) buf_addc(&b, '\n');
        for (int i = 0; i < rows_count(rows); i++) {
            Val v = rows_val(rows, i);
            if (i) buf_addc(&b, '|');
            if (v.kind == VAL_REAL)
                buf_addf(&b, "%.10g", v.r);
            else
                buf_add(&b, rows_text(rows, a, i));
        }
    }
    s->text = buf_dup(s->c->a, &b);
    buf_done(&b);
    return rc;
}

Str testcity_sql(TestCity *c, const char *sql)
{
    Sqls s = {c, sql, S("")};
    if (store_read(c->store, "sql", sql_tx, &s, &c->err) < 0) die(sql, &c->err);
    return s.text;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Writing {
    TestCity *c;
    const Actor *who;
    const Entity *e;
    const char *json, *id, *on;
    Conflict how;
    int64_t if_rev;
    char kind, did;
    bool changed;
    Str ret_id;
} Writing;

static int upsert(Writing *t, Writer *w, Input *in, Str *id, Err *err)
{
    StrList names = words(w->a, t->on, ',');
    const Field *fields[10];
    FieldSet on = {fields, names.n};
    for (size_t i = 0; i < names.n; i++) fields[i] = entity_field(t->e, names.items[i]);
    return record_upsert(w, t->e, in, &on, t->how, id, &t->did, err);
}

static int write_tx(Tx *tx, void *p, Err *err)
{
    Writing *t = p;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = {a, t->c->m, tx, t->who, S("trace"), clock_now_us(), false};
    Input in;
    Val id = V_NULL;
    Str made = S("");
    json_t *j = NULL;
    int rc = 0;
    if (t->json) {
        TRY(json_parse(a, str_c(t->json), &j, err));
        TRY(input_from_json(a, t->e, j, &in, err));
    }
    if (t->id) TRY(record_id(a, t->e, str_c(t->id), &id, err));
    if (t->kind == 'i') rc = record_insert(&w, t->e, &in, &made, err);
    if (t->kind == 'u') rc = record_update(&w, t->e, id, &in, t->if_rev, &t->changed, err);
    if (t->kind == 'd') rc = record_delete(&w, t->e, id, t->if_rev, err);
    if (t->kind == '?') rc = upsert(t, &w, &in, &made, err);
    t->ret_id = str_dup(t->c->a, made);
    return rc;
}

static int run(Writing *t)
{
    t->c->err = ERR_INIT;
    return store_tx(t->c->store, "test", write_tx, t, &t->c->err);
}

int testcity_insert(TestCity *c, const Actor *who, const char *entity, const char *json, Str *ret_id)
{
    Writing t = {.c = c, .who = who, .e = model_entity(c->m, str_c(entity)), .json = json, .kind = 'i'};
    int rc = run(&t);
    if (ret_id) *ret_id = t.ret_id;
    return rc;
}

int testcity_update(TestCity *c, const Actor *who, const char *entity, const char *id, const char *json,
                    int64_t if_rev, bool *ret_changed)
{
    Writing t = {.c = c,
                 .who = who,
                 .e = model_entity(c->m, str_c(entity)),
                 .json = json,
                 .id = id,
                 .if_rev = if_rev,
                 .kind = 'u'};
    int rc = run(&t);
    if (ret_changed) *ret_changed = t.changed;
    return rc;
}

int testcity_delete(TestCity *c, const Actor *who, const char *entity, const char *id, int64_t if_rev)
{
    Writing t = {
        .c = c, .who = who, .e = model_entity(c->m, str_c(entity)), .id = id, .if_rev = if_rev, .kind = 'd'};
    return run(&t);
}

int testcity_upsert(TestCity *c, const Actor *who, const char *entity, const char *json, const char *on,
                    Conflict how, Str *ret_id, char *ret_did)
{
    Writing t = {.c = c,
                 .who = who,
                 .e = model_entity(c->m, str_c(entity)),
                 .json = json,
                 .on = on,
                 .how = how,
                 .kind = '?'};
    int rc = run(&t);
    if (ret_id) *ret_id = t.ret_id;
    if (ret_did) *ret_did = t.did;
    return rc;
}

/* --- journal
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Entries {
    TestCity *c;
    const char *entity, *id;
    Str text;
} Entries;

static int journal_tx(Tx *tx, void *p, Err *err)
{
    Entries *s = p;
    _cleanup_arena_ Arena *a = arena_new();
    JournalFilter f = {.entity = str_c(s->entity), .record = str_c(s->id), .limit = JOURNAL_PAGE_MAX};
    JournalEntry *items;
    size_t n;
    Buf b;
    TRY(journal_read(tx, a, &f, &items, &n, err));
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(items[i].op),
                 STR_ARG(items[i].actor), STR_ARG(items[i].before), STR_ARG(items[i].after));
    s->text = buf_dup(s->c->a, &b);
    buf_done(&b);
    return 0;
}

Str testcity_journal(TestCity *c, const char *entity, const char *id)
{
    Entries s = {c, entity, id, S("")};
    if (store_read(c->store, "journal", journal_tx, &s, &c->err) < 0) die("journal", &c->err);
    return s.text;
}
