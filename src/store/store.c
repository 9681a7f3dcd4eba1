/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Life of a Store, the folder's lock, migrations, watchers, and the rules that hold on both databases. The
 * drivers are store_sqlite*.c and store_pg*.c behind the Driver table of store_int.h.
 */
#include "store/store_int.h"

#include "base/log.h"
#include "store_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t store_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t store_about_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t store_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void store_time_text(int64_t at_us, char ret[40])
{
    time_t sec = (time_t)(at_us / 1000000);
    struct tm tm;
    gmtime_r(&sec, &tm);
    size_t n = strftime(ret, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + n, 40 - n, ".%06dZ", (int)(at_us % 1000000));
}

void store_slow(Store *s, const char *statement, int64_t ns)
{
    if (ns < (int64_t)STORE_SLOW_MS * 1000000) return;
    atomic_fetch_add(&s->count.slow_queries, 1);
    char ms[24];
    snprintf(ms, sizeof ms, "%lld", (long long)(ns / 1000000));
    log_event(LOG_WARN, "slow statement", STR_NONE, "statement", statement, "ms", ms, NULL);
}

/* --- opening and the folder's lock ------------------------------------------------------------------- */

static int make_dir(const char *path, Err *err)
{
    if (mkdir(path, 0750) == 0 || errno == EEXIST) return 0;
    return err_io(err, errno, "无法建立目录 '%s'", path);
}

/* Says who holds the lock, from what the holder wrote: "pid N\naddress A\n". */
static int say_running(int fd, const char *dir, Err *err)
{
    char text[256] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    Str rest = str_c(text), line, pid = STR_NONE, address = STR_NONE;
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, S("pid "))) pid = str_from(line, 4);
        if (str_starts(line, S("address "))) address = str_from(line, 8);
    }
    err_set(err, ERR_RUNNING, "城市正在运行：数据文件夹 “%s” 由进程 " STR_FMT " 使用" STR_FMT STR_FMT, dir,
            STR_ARG(pid), STR_ARG(address.n ? S("，监听 ") : S("")), STR_ARG(address));
    return err_hint(err, "请先停止该进程，或通过它的接口操作");
}

static int write_lock_file(int fd, const char *address)
{
    char text[256];
    int n = snprintf(text, sizeof text, "pid %ld\n%s%s%s", (long)getpid(), address ? "address " : "",
                     address ? address : "", address ? "\n" : "");
    if (n < 0 || (size_t)n >= sizeof text) return -1;
    if (ftruncate(fd, 0) != 0) return -1;
    return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -1;
}

int store_lock(Store *s, Err *err)
{
    int r = 0, fd = -1;
    char path[4096];
    pthread_mutex_lock(&s->lock_mutex);
    if (s->lock_fd >= 0) goto out;
    snprintf(path, sizeof path, "%s/lock", s->dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        r = err_io(err, errno, "无法打开锁文件 '%s'", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        r = errno == EWOULDBLOCK ? say_running(fd, s->dir, err) : err_io(err, errno, "无法锁定 '%s'", path);
    } else if (write_lock_file(fd, NULL) != 0) {
        r = err_io(err, errno, "无法写入锁文件 '%s'", path);
    } else {
        s->lock_fd = fd;
        fd = -1;
    }
    if (fd >= 0) close(fd);
out:
    pthread_mutex_unlock(&s->lock_mutex);
    return r;
}

int store_announce(Store *s, const char *address, Err *err)
{
    pthread_mutex_lock(&s->lock_mutex);
    int r = s->lock_fd < 0 ? 0 : write_lock_file(s->lock_fd, address);
    pthread_mutex_unlock(&s->lock_mutex);
    return r == 0 ? 0 : err_io(err, errno, "无法写入锁文件");
}

static int choose_driver(Store *s, const StoreOptions *o, Err *err)
{
    Str url = str_c(o->url);
    if (!url.n || str_is(url, "sqlite")) {
        s->driver = &store_sqlite;
        s->dialect = DIALECT_SQLITE;
    } else if (str_starts(url, S("postgres://")) || str_starts(url, S("postgresql://"))) {
        s->driver = &store_pg;
        s->dialect = DIALECT_POSTGRES;
        s->url = xstrdup(o->url);
    } else {
        err_set(err, ERR_USAGE, "不认识的数据库地址");
        return err_hint(err, "写 sqlite，或 postgres://用户@主机/数据库");
    }
    return 0;
}

static int open_folders(Store *s, const StoreOptions *o, Err *err)
{
    char path[4096];
    if (strlen(s->dir) > 3800) return err_set(err, ERR_USAGE, "数据目录的路径过长");
    TRY(make_dir(s->dir, err));
    static const char *const parts[] = {"blobs", "blobs/tmp"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, parts[i]);
        TRY(make_dir(path, err));
    }
    return o->lock ? store_lock(s, err) : 0;
}

/* 0 is the default, negative none. */
static int limit(int ms, int otherwise) { return ms == 0 ? otherwise : ms < 0 ? 0 : ms; }

int store_open(const StoreOptions *options, Store **ret, Err *err)
{
    _cleanup_store_ Store *s = xcalloc(1, sizeof *s);
    s->lock_fd = -1;
    s->dir = xstrdup(options->dir);
    s->readers = options->readers;
    s->read_timeout_ms = limit(options->read_timeout_ms, STORE_READ_TIMEOUT_MS);
    s->answer_ms = limit(options->answer_ms, STORE_ANSWER_MS);
    pthread_mutex_init(&s->lock_mutex, NULL);
    pthread_mutex_init(&s->watch_mutex, NULL);
    TRY(choose_driver(s, options, err));
    TRY(open_folders(s, options, err));
    TRY(s->driver->open(s, err));
    *ret = TAKE(s);
    return 0;
}

void store_free(Store *s)
{
    if (!s) return;
    if (s->driver) s->driver->close(s);
    while (s->watches) {
        Watch *w = s->watches;
        s->watches = w->next;
        free(w);
    }
    if (s->lock_fd >= 0) {
        /* The file stays: removing it would let two processes lock two different files of one name. */
        (void)!ftruncate(s->lock_fd, 0);
        close(s->lock_fd);
    }
    pthread_mutex_destroy(&s->lock_mutex);
    pthread_mutex_destroy(&s->watch_mutex);
    free(s->dir);
    free(s->url);
    free(s);
}

void store_freep(Store **s)
{
    store_free(*s);
    *s = NULL;
}

Dialect store_dialect(const Store *s) { return s->dialect; }
const char *store_dir(const Store *s) { return s->dir; }

void store_stats(const Store *s, StoreStats *ret)
{
    *ret = (StoreStats){.commits = s->count.commits,
                        .transactions = s->count.transactions,
                        .largest_group = s->count.largest_group,
                        .retries = s->count.retries,
                        .slow_queries = s->count.slow_queries,
                        .statements_cached = s->count.statements_cached,
                        .sealed = s->count.sealed,
                        .checkpoints = s->count.checkpoints,
                        .failed_writes = s->count.failed_writes,
                        .renewals = s->count.renewals,
                        .write_trouble = (ErrCode)s->count.write_trouble,
                        .unsealable = s->count.unsealable};
}

/* --- watchers ---------------------------------------------------------------------------------------- */

int store_watch(Store *s, void (*fn)(void *ctx), void *ctx)
{
    Watch *w = xcalloc(1, sizeof *w);
    pthread_mutex_lock(&s->watch_mutex);
    int id = ++s->watch_id;
    *w = (Watch){.id = id, .fn = fn, .ctx = ctx, .next = s->watches};
    s->watches = w;
    pthread_mutex_unlock(&s->watch_mutex);
    return id;
}

void store_unwatch(Store *s, int id)
{
    pthread_mutex_lock(&s->watch_mutex);
    for (Watch **at = &s->watches; *at; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        Watch *w = *at;
        *at = w->next;
        free(w);
        break;
    }
    pthread_mutex_unlock(&s->watch_mutex);
}

void store_changed(Store *s)
{
    pthread_mutex_lock(&s->watch_mutex);
    for (Watch *w = s->watches; w; w = w->next) w->fn(w->ctx);
    pthread_mutex_unlock(&s->watch_mutex);
}

/* --- migrations -------------------------------------------------------------------------------------- */

typedef struct Step {
    const Room *room;
    const Migration *migration;
    bool applied;
} Step;

static int make_history(Tx *tx, void *ctx, Err *err)
{
    (void)ctx;
    return tx_exec(tx, &sql_store_migration_table, NULL, 0, NULL, err);
}

static int apply_step(Tx *tx, void *ctx, Err *err)
{
    Step *step = ctx;
    step->applied = false;
    _cleanup_arena_ Arena *a = arena_new();
    Val done;
    const Migration *m = step->migration;
    int r = tx_one(tx, a, &sql_store_migration_done, VALS(V_TEXT(str_c(step->room->name)), V_INT(m->number)),
                   &done, err);
    if (r != -ERR_NOT_FOUND) return r;
    char now[40];
    store_time_text(store_now_us(), now);
    /* The row first: of two servers that start at once, one waits here or is retried and then finds it done.
     */
    TRY(tx_exec(
        tx, &sql_store_migration_note,
        VALS(V_TEXT(str_c(step->room->name)), V_INT(m->number), V_TEXT(str_c(m->name)), V_TEXT(str_c(now))),
        NULL, err));
    TRY(tx_script(tx, m->text[tx_dialect(tx)], err));
    step->applied = true;
    return 0;
}

int store_migrate(Store *s, const Room *const *rooms, int *ret_applied, Err *err)
{
    int applied = 0, r = -ERR_UNIQUE;
    /* Two servers making the history table at once collide in PostgreSQL's own catalogue; it then exists. */
    for (int i = 0; i < 3 && r == -ERR_UNIQUE; i++) r = store_tx(s, "store.migrate", make_history, NULL, err);
    if (r < 0) return r;
    for (; *rooms; rooms++) {
        for (const Migration *m = (*rooms)->migrations; m && m->number; m++) {
            Step step = {.room = *rooms, .migration = m};
            if (store_alter(s, "store.migrate", apply_step, &step, err) < 0)
                return err_wrap(err, "数据库升级 %s %d %s", (*rooms)->name, m->number, m->name);
            applied += step.applied;
        }
    }
    if (ret_applied) *ret_applied = applied;
    return 0;
}

const Room store_room = {.name = "store", .migrations = sql_store_migrations, .queries = sql_store_all};
