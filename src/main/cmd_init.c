/* SPDX-License-Identifier: MulanPSL-2.0 */
/* init: makes or migrates a city. Order: packs, plan shown and checked, tables, data of the packs, users, and
   last the copy of the packs that serve reads: killed at any point, a second init goes on. */
#include "main/main.h"

#include "base/clock.h"
#include "base/sm.h"
#include "model/import.h"
#include "model/model_sql.h"
#include "model/plan.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Init {
    Options *o;
    OpenCity *c;
    Plan plan;
    Str file, digest;
    bool known;
} Init;

static int plan_tx(Tx *tx, void *p, Err *err)
{
    Init *in = p;
    return plan_make(in->o->arena, in->c->model, tx, &in->plan, err);
}

static int apply_tx(Tx *tx, void *p, Err *err)
{
    Init *in = p;
    _cleanup_arena_ Arena *a = arena_new();
    return plan_apply(a, in->c->model, &in->plan, tx, err);
}

static void show(const Plan *p)
{
    bool any = false;
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].text.n) printf("  " STR_FMT "\n", STR_ARG(p->steps[i].text)), any = true;
    if (!any) printf("  没有变更\n");
    fflush(stdout);
}

static int make_tables(Init *in, Err *err)
{
    const Room *rooms[16];
    size_t n = 0;
    for (size_t i = 0; engines[i]; i++)
        if (engines[i]->room) rooms[n++] = engines[i]->room;
    rooms[n] = NULL;
    TRY(store_migrate(in->c->store, rooms, NULL, err));
    TRY(city_keys(in->c, in->o->data, err));
    TRY(store_read(in->c->store, "plan", plan_tx, in, err));
    printf("变更计划：\n");
    show(&in->plan);
    TRY(plan_check(&in->plan, &in->o->allow_data_loss, err));
    return in->plan.n ? store_alter(in->c->store, "plan", apply_tx, in, err) : 0;
}

/* --- data of the packs
 * ------------------------------------------------------------------------------------------------ */

static int known_tx(Tx *tx, void *p, Err *err)
{
    Init *in = p;
    Val v;
    int rc = tx_one(tx, in->o->arena, &sql_model_load_get, VALS(V_TEXT(in->file)), &v, err);
    in->known = rc == 0 && v.kind == VAL_TEXT && str_eq(v.s, in->digest);
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int loaded_tx(Tx *tx, void *p, Err *err)
{
    Init *in = p;
    char now[CLOCK_SIZE];
    clock_format_utc(clock_now_us(), now);
    return tx_exec(tx, &sql_model_load_put, VALS(V_TEXT(in->file), V_TEXT(in->digest), V_TEXT(str_c(now))),
                   NULL, err);
}

static int file_digest(Arena *a, const char *path, Str *ret, Err *err)
{
    uint8_t sum[SM3_SIZE];
    char chunk[65536];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(err, ERR_IO, "打不开 %s", path);
    _cleanup_sm3_ Sm3 *h = sm3_new();
    while ((n = read(fd, chunk, sizeof chunk)) > 0) sm3_add(h, str_n(chunk, (size_t)n));
    close(fd);
    sm3_end(h, sum);
    *ret = hex_encode(a, str_n((char *)sum, sizeof sum));
    return n < 0 ? err_set(err, ERR_IO, "读不了 %s", path) : 0;
}

static int load_file(Init *in, const System *s, const Load *l, Err *err)
{
    ImportResult r = {0};
    Str base = str_from(l->file, s->dir.n + 1);
    in->file = str_fmt(in->o->arena, STR_FMT "/" STR_FMT, STR_ARG(s->name), STR_ARG(base));
    TRY(file_digest(in->o->arena, l->file.p, &in->digest, err));
    TRY(store_read(in->c->store, "loaded", known_tx, in, err));
    if (in->known) return 0;
    Str rejected = str_fmt(in->o->arena, "%s/rejected", in->o->data);
    ImportOptions io = {.entity = l->entity,
                        .file = l->file.p,
                        .upsert = true,
                        .rejected_dir = rejected.p,
                        .who = &people_system,
                        .trace = S("")};
    TRY(import_file(in->c->store, in->c->model, &io, &r, err));
    printf("  " STR_FMT "：" STR_FMT " %lld 条\n", STR_ARG(in->file), STR_ARG(l->entity->title),
           (long long)r.accepted);
    fflush(stdout);
    if (r.rejected)
        return err_set(err, ERR_VALIDATION, STR_FMT " 有 %lld 行不合格", STR_ARG(in->file),
                       (long long)r.rejected),
               err_hint(err, "原因见 %s", r.rejected_file);
    return store_tx(in->c->store, "loaded", loaded_tx, in, err);
}

static int load_data(Init *in, Err *err)
{
    const Model *m = in->c->model;
    printf("装载数据：\n");
    for (size_t i = 0; i < m->n_order; i++)
        for (size_t j = 0; j < m->order[i]->n_loads; j++)
            if (!m->order[i]->loads[j].demo || in->o->demo)
                TRY(load_file(in, m->order[i], &m->order[i]->loads[j], err));
    return 0;
}

static int make_users(Init *in, Err *err)
{
    const Model *m = in->c->model;
    FirstAdmin first[FIRST_ADMINS];
    size_t n_first;
    for (size_t i = 0; i < m->n_systems && in->o->demo; i++)
        if (m->systems[i].users_file.n) {
            size_t n = 0;
            TRY(people_load_users(&in->c->city, m->systems[i].users_file.p, S("Demo@2025"), &n, err));
            printf("  演示用户 %zu 个，口令 Demo@2025（只用于演示）\n", n);
        }
    TRY(people_first_admins(&in->c->city, in->o->arena, first, &n_first, err));
    for (size_t i = 0; i < n_first; i++)
        printf(STR_FMT " " STR_FMT " 的口令（只显示这一次）：" STR_FMT "\n", STR_ARG(first[i].title),
               STR_ARG(first[i].user), STR_ARG(first[i].password));
    return 0;
}

static int run(Options *o, OpenCity *c, Err *err)
{
    Remembered r;
    Init in = {.o = o, .c = c};
    if (!o->data) return err_set(err, ERR_USAGE, "缺少 --data"), err_hint(err, "写 --data 数据文件夹");
    Str kept = str_fmt(o->arena, "%s/systems", o->data);
    const char *systems = o->systems ? o->systems : access(kept.p, R_OK) == 0 ? NULL : "systems";
    if (mkdir(o->data, 0700) != 0 && access(o->data, W_OK) != 0)
        return err_set(err, ERR_IO, "不能建数据文件夹 %s", o->data);
    TRY(city_recall(o->arena, o->data, &r, err));
    TRY(city_open(o, systems, true, c, err));
    TRY(make_tables(&in, err));
    TRY(city_remember(o->data, o->db && *o->db ? o->db : r.db.p, o->demo || r.demo, err));
    TRY(packs_keep(systems ? systems : kept.p, o->data, err));
    TRY(load_data(&in, err));
    TRY(make_users(&in, err));
    TRY(city_seal(c, err));
    printf("完成：城市在 %s\n", o->data);
    return 0;
}

int cmd_init(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    return run(o, &c, &err) < 0 ? complain(&err) : EXIT_DONE;
}
