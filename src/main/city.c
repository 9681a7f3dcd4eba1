/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A data folder: city.json (database, demo), systems/ (the packs as last applied), calendar/ (an operator's
   own days), city.db, blobs/, rejected/. */
#include "main/main.h"

#include "insight/insight.h"
#include "rule/rule.h"

#include "model/expr.h"
#include "model/vault.h"
#include "store/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

void print_faults(const Faults *f)
{
    for (size_t i = 0; i < f->n; i++) {
        Str s = fault_text(f->arena, &f->items[i]);
        printf(STR_FMT "\n", STR_ARG(s));
    }
    if (f->dropped) printf("…… 还有更多，先改这些\n");
}

static int io(Err *err, const char *what, const char *path)
{
    return err_io(err, errno, "%s %s", what, path), err_hint(err, "检查权限和磁盘空间");
}

int city_remember(const char *dir, const char *db, bool demo, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Buf b;
    JsonWriter w;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "db", str_c(db ? db : "sqlite"));
    jw_kbool(&w, "demo", demo);
    jw_object_end(&w);
    Str path = str_fmt(a, "%s/city.json", dir), tmp = str_fmt(a, "%s/city.json.new", dir);
    int fd = open(tmp.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* the URL may hold a password */
    bool ok = fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    buf_done(&b);
    if (!ok || rename(tmp.p, path.p) != 0) return io(err, "不能写", path.p);
    return 0;
}

int city_recall(Arena *a, const char *dir, Remembered *ret, Err *err)
{
    char text[4096];
    json_t *j;
    *ret = (Remembered){.db = S("sqlite")};
    Str path = str_fmt(a, "%s/city.json", dir);
    FILE *f = fopen(path.p, "re");
    if (!f) return 0;
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    if (json_parse(a, str_n(text, n), &j, err) < 0) return err_wrap(err, "%s", path.p);
    Str db = str_c(json_string_value(json_object_get(j, "db")));
    if (!db.n) {
        err_set(err, ERR_INPUT, "%s 没有写数据库（db）", path.p);
        return err_hint(err, "写成 {\"db\": \"sqlite\", …}，或 postgresql:// 的地址");
    }
    ret->db = str_dup(a, db);
    ret->demo = json_is_true(json_object_get(j, "demo"));
    ret->there = true;
    return 0;
}

/* --- the packs
 * ------------------------------------------------------------------------------------------------------ */

static int copy_file(const char *from, const char *to, Err *err)
{
    char chunk[65536];
    ssize_t n = -1;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = in >= 0 && out >= 0;
    while (ok && (n = read(in, chunk, sizeof chunk)) > 0) ok = write(out, chunk, (size_t)n) == n;
    ok = ok && n == 0 && fsync(out) == 0;
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return ok ? 0 : io(err, "不能复制", from);
}

static int make_dir(const char *path, Err *err)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : io(err, "不能建文件夹", path);
}

/* Folders and files of packs; links and hidden files are left out. */
static int copy_tree(Arena *a, const char *from, const char *to, int depth, Err *err)
{
    struct dirent **names;
    if (depth > 4) return 0;
    TRY(make_dir(to, err));
    int n = scandir(from, &names, NULL, alphasort), rc = 0;
    if (n < 0) return io(err, "不能读", from);
    for (int i = 0; i < n; i++) {
        struct stat st;
        Str src = str_fmt(a, "%s/%s", from, names[i]->d_name),
            dst = str_fmt(a, "%s/%s", to, names[i]->d_name);
        bool hidden = names[i]->d_name[0] == '.';
        free(names[i]);
        if (hidden || rc < 0 || stat(src.p, &st) != 0) continue; /* what a link points to */
        if (S_ISDIR(st.st_mode))
            rc = copy_tree(a, src.p, dst.p, depth + 1, err);
        else if (S_ISREG(st.st_mode))
            rc = copy_file(src.p, dst.p, err);
    }
    free(names);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

int packs_keep(const char *from, const char *dir, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str now = str_fmt(a, "%s/systems", dir), fresh = str_fmt(a, "%s/systems.new", dir),
        old = str_fmt(a, "%s/systems.old", dir);
    char real_from[PATH_MAX], real_now[PATH_MAX];
    if (realpath(from, real_from) && realpath(now.p, real_now) && !strcmp(real_from, real_now)) return 0;
    remove_tree(fresh.p);
    remove_tree(old.p);
    TRY(copy_tree(a, from, fresh.p, 0, err));
    if (rename(now.p, old.p) != 0 && errno != ENOENT) return io(err, "不能改名", now.p);
    if (rename(fresh.p, now.p) != 0) return io(err, "不能改名", fresh.p);
    remove_tree(old.p);
    return 0;
}

/* --- opening
 * -------------------------------------------------------------------------------------------------------- */

static int load_packs(const char *dir, Model **ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Faults f = {.arena = a};
    int rc = model_load(dir, &f, ret, err);
    if (rc == 0 && ((rc = rule_check(*ret, &f, err)) < 0 || (rc = insight_check(*ret, &f, err)) < 0))
        model_free(TAKE(*ret));
    if (rc < 0) print_faults(&f);
    return rc;
}

static int load_calendar(const char *dir, Calendar **ret, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str own = str_fmt(a, "%s/calendar.csv", dir);
    *ret = calendar_new();
    TRY(calendar_load_text(*ret, "cn-workdays.csv", str_c(calendar_text), err));
    return access(own.p, R_OK) == 0 ? calendar_load(*ret, own.p, err) : 0;
}

int city_keys(OpenCity *c, const char *dir, Err *err)
{
    return c->model->has_sealed ? vault_open(c->store, dir, &c->model->vault, err) : 0;
}

static int recall(const Options *o, bool making, Remembered *r, const char **url, Err *err)
{
    if (!o->data) return err_set(err, ERR_USAGE, "缺少 --data"), err_hint(err, "写 --data 数据文件夹");
    TRY(city_recall(o->arena, o->data, r, err));
    if (!r->there && !making)
        return err_set(err, ERR_NOT_FOUND, "“%s” 里还没有城市", o->data),
               err_hint(err, "先运行 chengshu init --data %s", o->data);
    *url = o->db && *o->db ? o->db : r->db.p;
    return 0;
}

int city_store(const Options *o, bool lock, Remembered *memory, Store **ret, Err *err)
{
    Remembered r;
    StoreOptions so = {.dir = o->data, .lock = lock, .read_timeout_ms = -1};
    TRY(recall(o, false, &r, &so.url, err));
    if (memory) *memory = r;
    return store_open(&so, ret, err);
}

int city_open(const Options *o, const char *systems, bool making, OpenCity *ret, Err *err)
{
    Remembered r;
    StoreOptions so = {.dir = o->data, .lock = true};
    *ret = (OpenCity){0};
    TRY(recall(o, making, &r, &so.url, err));
    Str kept = str_fmt(o->arena, "%s/systems", o->data);
    TRY(load_packs(systems ? systems : kept.p, &ret->model, err));
    TRY(store_open(&so, &ret->store, err));
    if (!making) TRY(city_keys(ret, o->data, err));
    TRY(load_calendar(o->data, &ret->calendar, err));
    expr_env_calendar(ret->model->exprs, ret->calendar);
    ret->city = (City){.store = ret->store,
                       .model = ret->model,
                       .calendar = ret->calendar,
                       .dir = o->data,
                       .engines = engines,
                       .demo = r.demo,
                       .people_of = people_of,
                       .actor_of = actor_of};
    return 0;
}

int city_seal(const OpenCity *c, Err *err)
{
    int rc = seal_now(c->store, err);
    if (rc != -(int)ERR_NOT_FOUND) return rc;
    fprintf(stderr, "chengshu: 新写入的日志还没有封存：%s；%s\n", err->msg, err->hint);
    return 0;
}

void city_done(OpenCity *c)
{
    store_free(c->store);
    model_free(c->model);
    calendar_free(c->calendar);
    *c = (OpenCity){0};
}
