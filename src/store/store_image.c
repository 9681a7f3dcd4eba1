/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "store/store_image.h"

#include "store/store_pg.h"
#include "store/store_sqlite.h"
#include "store_sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PIECE = 64 * 1024, ENV_MAX = 64 };

static int drain(int fd, BackupSink sink, void *ctx, Err *err)
{
    char *bytes = xmalloc(PIECE);
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && ((n = read(fd, bytes, PIECE)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0) rc = sink(ctx, str_n(bytes, (size_t)n), err);
    free(bytes);
    return rc == 0 && n < 0 ? err_io(err, errno, "读不了数据库") : rc;
}

/* --- SQLite
 * ------------------------------------------------------------------------------------------------- */

/* The online backup interface, from this transaction's own connection: it keeps to its snapshot. */
static int copy_pages(LiteConn *c, const char *scratch, Err *err)
{
    sqlite3 *to;
    int rc = sqlite3_open_v2(scratch, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, "pragma synchronous=off; pragma journal_mode=off", NULL, NULL, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", c->db, "main") : NULL;
    if (b) {
        rc = sqlite3_backup_step(b, -1);
        int end = sqlite3_backup_finish(b);
        rc = rc == SQLITE_DONE ? end : rc;
    }
    int r = b && rc == SQLITE_OK
                ? 0
                : err_set(err, ERR_IO, "不能复制数据库到 '%s'：%s", scratch, sqlite3_errmsg(to));
    if (r < 0 && rc == SQLITE_FULL) err_hint(err, "磁盘空间不够");
    sqlite3_close(to);
    return r;
}

static int lite_image(Tx *tx, const char *scratch, BackupSink sink, void *ctx, Err *err)
{
    unlink(scratch);
    int fd = -1, r = copy_pages(tx->conn, scratch, err);
    if (r == 0 && (fd = open(scratch, O_RDONLY | O_CLOEXEC)) < 0)
        r = err_io(err, errno, "打不开 '%s'", scratch);
    unlink(scratch);
    if (r == 0) r = drain(fd, sink, ctx, err);
    if (fd >= 0) close(fd);
    return r;
}

/* --- PostgreSQL's tools
 * ------------------------------------------------------------------------------------- */

/* The parts of the address as PGHOST, PGUSER, PGPASSWORD …: an argument would show to everybody on the
 * machine. */
static int tool_env(Arena *a, const char *url, char ***ret, Err *err)
{
    size_t n = 0, own = 0;
    char *why = NULL;
    PQconninfoOption *parts = PQconninfoParse(url, &why);
    if (!parts) {
        err_set(err, ERR_USAGE, "数据库地址有误：%s", why ? why : "");
        PQfreemem(why);
        return -(int)ERR_USAGE;
    }
    while (environ[n]) n++;
    char **env = ARENA_ARRAY(a, char *, n + ENV_MAX);
    for (PQconninfoOption *p = parts; p->keyword && own < ENV_MAX - 1; p++)
        if (p->val && p->envvar) env[own++] = str_cdup(a, str_fmt(a, "%s=%s", p->envvar, p->val));
    for (size_t i = 0; i < n; i++) env[own + i] = environ[i]; /* the first of a name counts */
    PQconninfoFree(parts);
    *ret = env;
    return 0;
}

/* Starts a tool with one end of a pipe as its standard input (writes) or output; *ret_fd is the other end. */
static int tool_start(const char *url, const char *const *argv, bool writes, pid_t *ret, int *ret_fd,
                      Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    char **env;
    int ends[2];
    TRY(tool_env(a, url, &env, err));
    if (pipe2(ends, O_CLOEXEC) != 0) return err_io(err, errno, "不能启动 '%s'", argv[0]);
    const int theirs = writes ? ends[0] : ends[1], ours = writes ? ends[1] : ends[0];
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(theirs, writes ? STDIN_FILENO : STDOUT_FILENO);
        if (writes) dup2(STDERR_FILENO, STDOUT_FILENO);
        execvpe(argv[0], (char *const *)(uintptr_t)argv, env);
        _exit(127);
    }
    close(theirs);
    if (pid < 0) {
        close(ours);
        return err_io(err, errno, "不能启动 '%s'", argv[0]);
    }
    *ret = pid;
    *ret_fd = ours;
    return 0;
}

static int tool_end(const char *name, pid_t pid, Err *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return err_io(err, errno, "等不到 '%s'", name);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, ERR_IO, "这台机器上没有 %s", name),
               err_hint(err, "安装 postgresql-client，版本不低于数据库的");
    return err_set(err, ERR_IO, "%s 没有成功，原因见上面它自己的话", name);
}

int tx_image_head(Tx *tx, Arena *a, int64_t *ret_seq, Str *ret_digest, Str *ret_origin, Err *err)
{
    Rows *r;
    Val v;
    *ret_seq = 0;
    *ret_digest = *ret_origin = S("");
    TRY(tx_query(tx, a, &sql_store_journal_newest, NULL, 0, &r, err));
    int got = rows_next(r, err);
    if (got < 0) return got;
    if (got) *ret_seq = rows_int(r, 0), *ret_digest = rows_text(r, a, 1);
    rows_done(r);
    int rc = tx_one(tx, a, &sql_store_journal_oldest, NULL, 0, &v, err);
    if (rc == 0) *ret_origin = v.s;
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

static int export_snapshot(Tx *tx, char ret[64], Err *err)
{
    static const Sql ask = {"store.export_snapshot", {"", "select pg_export_snapshot()"}};
    Val v;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(tx_script(tx, "set local idle_in_transaction_session_timeout = 0", err));
    TRY(tx_one(tx, a, &ask, NULL, 0, &v, err));
    snprintf(ret, 64, STR_FMT, STR_ARG(v.s));
    return 0;
}

static int pg_image(Tx *tx, BackupSink sink, void *ctx, Err *err)
{
    char snapshot[64], option[80];
    pid_t pid;
    int fd;
    TRY(export_snapshot(tx, snapshot, err));
    snprintf(option, sizeof option, "--snapshot=%s", snapshot);
    const char *const argv[] = {"pg_dump",    "--no-password",   "--format=plain", "--encoding=UTF8",
                                "--no-owner", "--no-privileges", option,           NULL};
    TRY(tool_start(tx->store->url, argv, false, &pid, &fd, err));
    int r = drain(fd, sink, ctx, err);
    close(fd);
    if (r < 0) kill(pid, SIGTERM);
    Err end = ERR_INIT;
    int e = tool_end("pg_dump", pid, &end);
    if (r == 0 && e < 0) *err = end, r = e;
    return r;
}

int tx_image(Tx *tx, const char *scratch, BackupSink sink, void *ctx, Err *err)
{
    assert(scratch);
    return tx_dialect(tx) == DIALECT_SQLITE ? lite_image(tx, scratch, sink, ctx, err)
                                            : pg_image(tx, sink, ctx, err);
}

/* --- back in
 * ------------------------------------------------------------------------------------------------ */

struct ImageIn {
    int fd;
    pid_t pid; /* psql; 0 = a file */
    char path[4096];
};

static int check_empty(const char *url, Err *err)
{
    PGconn *pq = PQconnectdb(url);
    PGresult *res = PQexec(pq, "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                               " where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'");
    int r = 0;
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        r = err_set(err, ERR_IO, "连接 PostgreSQL 失败：%s", PQerrorMessage(pq));
    else if (strcmp(PQgetvalue(res, 0, 0), "0") != 0)
        r = err_set(err, ERR_CONFLICT, "这个数据库不是空的，不能恢复进去"),
        err_hint(err, "用 createdb 新建一个");
    PQclear(res);
    PQfinish(pq);
    return r;
}

int image_in_new(const char *dir, const char *url, ImageIn **ret, Err *err)
{
    ImageIn *i = xcalloc(1, sizeof *i);
    int r = 0;
    i->fd = -1;
    snprintf(i->path, sizeof i->path, "%s/city.db", dir);
    if (!strcmp(url, "sqlite")) {
        i->fd = open(i->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (i->fd < 0) r = err_io(err, errno, "不能建 '%s'", i->path);
    } else {
        static const char *const argv[] = {"psql",
                                           "--no-psqlrc",
                                           "--quiet",
                                           "--no-password",
                                           "--single-transaction",
                                           "--set=ON_ERROR_STOP=1",
                                           "--output=/dev/null",
                                           "--file=-",
                                           NULL};
        r = check_empty(url, err);
        if (r == 0) r = tool_start(url, argv, true, &i->pid, &i->fd, err);
    }
    if (r < 0) free(i);
    if (r == 0) *ret = i;
    return r;
}

int image_in_put(void *image, Str bytes, Err *err)
{
    ImageIn *i = image;
    while (bytes.n) {
        ssize_t n = write(i->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_io(err, errno, "不能写 '%s'", i->pid ? "psql" : i->path);
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

int image_in_end(ImageIn *i, Err *err)
{
    int r = 0;
    if (!i->pid && fsync(i->fd) != 0) r = err_io(err, errno, "落盘失败 '%s'", i->path);
    close(i->fd);
    if (i->pid) r = tool_end("psql", i->pid, err);
    free(i);
    return r;
}

void image_in_drop(ImageIn *i)
{
    Err ignore = ERR_INIT;
    if (!i) return;
    if (i->pid) kill(i->pid, SIGTERM); /* before its input ends: the transaction is not committed */
    close(i->fd);
    if (i->pid) (void)tool_end("psql", i->pid, &ignore);
    free(i);
}

/* --- the server
 * --------------------------------------------------------------------------------------------- */

int store_server_command(const char *url, const char *sql, Err *err)
{
    PGconn *pq = PQconnectdb(url);
    PGresult *res = PQexec(pq, sql);
    int r = PQresultStatus(res) == PGRES_COMMAND_OK
                ? 0
                : err_set(err, ERR_IO, "PostgreSQL 不接受 “%s”：%s", sql, PQerrorMessage(pq));
    PQclear(res);
    PQfinish(pq);
    return r;
}

const char *store_url_of(Arena *a, const char *url, const char *database)
{
    const char *host = strstr(url, "://"), *options = strchr(url, '?');
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (path && options && path > options) path = NULL;
    size_t head = path ? (size_t)(path - url) : options ? (size_t)(options - url) : strlen(url);
    return str_fmt(a, "%.*s/%s%s", (int)head, url, database, options ? options : "").p;
}
