/* SPDX-License-Identifier: MulanPSL-2.0 */
/* restore: a backup (and those it stands on) into a new data folder, whole or not at all. */
#include "main/main.h"

#include "base/secret_file.h"
#include "model/verify.h"
#include "store/store_image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static int io(Err *err, const char *path)
{
    int e = errno;
    err_io(err, e, "不能写 '%s'", path);
    return e == ENOSPC || e == EDQUOT ? err_hint(err, "磁盘空间不够") : -(int)ERR_IO;
}

/* Makes the folders above a path below `top`. */
static int make_folders(Arena *a, const char *top, Str path, Err *err)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '/') continue;
        Str dir = str_fmt(a, "%s/" STR_FMT, top, STR_ARG(str_n(path.p, i)));
        if (mkdir(dir.p, 0750) != 0 && errno != EEXIST) return io(err, dir.p);
    }
    return 0;
}

static int into_fd(void *ctx, Str bytes, Err *err)
{
    while (bytes.n) {
        ssize_t n = write(*(int *)ctx, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io(err, "数据文件夹");
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

typedef struct Restore {
    BackupReader *in;
    const char *dir, *url;
    ImageIn *image;
    bool quiet; /* a trial: nobody has to bring keys */
    int64_t apart, lost, done;
} Restore;

static int put_file(Restore *r, const BackupItem *item, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str rel = item->kind == BACKUP_BLOB ? str_fmt(a, "blobs/%.2s/%s", item->sum, item->sum + 2)
                                        : str_dup(a, str_c(item->path));
    Str path = str_fmt(a, "%s/" STR_FMT, r->dir, STR_ARG(rel));
    TRY(make_folders(a, r->dir, rel, err));
    int fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) return io(err, path.p);
    int rc = backup_read(r->in, item, into_fd, &fd, err);
    if (rc == 0 && fsync(fd) != 0) rc = io(err, path.p);
    close(fd);
    return rc;
}

static int put_item(Restore *r, const BackupItem *item, Err *err)
{
    switch (item->kind) {
    case BACKUP_CHUNK: return backup_read(r->in, item, image_in_put, r->image, err);
    case BACKUP_BLOB:
    case BACKUP_FILE: return put_file(r, item, err);
    case BACKUP_LOST: r->lost++; return 0;
    case BACKUP_APART:
        if (r->quiet) return 0;
        if (!r->apart++) printf("备份里不含密钥，请从密钥的备份放回：\n");
        printf("  %s\n", item->path);
        return 0;
    case BACKUP_KIND_N: break;
    }
    return err_set(err, ERR_INTERNAL, "不认识的一项");
}

static int put_all(Restore *r, Err *err)
{
    BackupItem item;
    int got;
    TRY(image_in_new(r->dir, r->url, &r->image, err));
    while ((got = backup_next(r->in, &item, err)) == 1) {
        TRY(put_item(r, &item, err));
        if (isatty(STDERR_FILENO) && r->done++ % 256 == 0) fprintf(stderr, "\r%lld 块  ", (long long)r->done);
    }
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r");
    return got < 0 ? got : image_in_end(TAKE(r->image), err);
}

static int put_settings(const Restore *r, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    const BackupManifest *m = backup_manifest(r->in);
    TRY(city_remember(r->dir, r->url, m->demo, err));
    if (!m->checkpoint.n) return 0;
    return secret_file_write(str_fmt(a, "%s/checkpoint.txt", r->dir).p, m->checkpoint, err);
}

/* Into `dir`, a new folder, and `url`; the archive was checked before. */
static int fill(BackupReader *in, const char *dir, const char *url, bool quiet, Err *err)
{
    Restore r = {.in = in, .dir = dir, .url = url, .quiet = quiet};
    if (mkdir(dir, 0700) != 0) return io(err, dir);
    int rc = backup_rewind(in, err);
    if (rc == 0) rc = put_all(&r, err);
    image_in_drop(r.image);
    if (rc == 0) rc = put_settings(&r, err);
    if (rc == 0 && r.lost) printf("备份时已有 %lld 个文件损坏或丢失，恢复里也没有\n", (long long)r.lost);
    if (rc < 0) remove_tree(dir);
    return rc;
}

static const char *database(const Options *o, const BackupManifest *m, Err *err)
{
    const bool sqlite = str_is(m->dialect, "sqlite");
    if (sqlite && (!o->db || !*o->db || !strcmp(o->db, "sqlite"))) return "sqlite";
    if (!sqlite && o->db && !strncmp(o->db, "postgres", 8)) return o->db;
    err_set(err, ERR_USAGE,
            sqlite ? "这是 SQLite 上的城市的备份，不要写 --db"
                   : "这是 PostgreSQL 上的城市的备份，要用 --db 写一个空数据库的地址");
    return NULL;
}

static int into_place(const char *fresh, const char *dir, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    if (rename(fresh, dir) != 0) return io(err, dir);
    const char *slash = strrchr(dir, '/');
    Str above = slash ? str_dup(a, str_n(dir, (size_t)(slash - dir) + 1)) : S(".");
    int fd = open(above.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok ? 0 : io(err, above.p);
}

static int run(Options *o, BackupReader **in, Err *err)
{
    if (!o->data || o->n_args != 1) return err_set(err, ERR_USAGE, "要写备份文件名和 --data 新的数据文件夹");
    Str dir = str_c(o->data);
    while (dir.n > 1 && dir.p[dir.n - 1] == '/') dir.n--;
    const char *target = str_cdup(o->arena, dir);
    Str fresh = str_fmt(o->arena, "%s.restoring", target);
    TRY(backup_open(o->args[0], in, err));
    TRY(backup_check(*in, err));
    const BackupManifest *m = backup_manifest(*in);
    const char *url = database(o, m, err);
    if (!url) return -(int)err->code;
    if (rmdir(target) != 0 && errno != ENOENT)
        return err_set(err, ERR_CONFLICT, "“%s” 里已经有东西，不能恢复进去", target),
               err_hint(err, "换一个新的文件夹");
    remove_tree(fresh.p);
    TRY(fill(*in, fresh.p, url, false, err));
    TRY(into_place(fresh.p, target, err));
    printf("已恢复到 %s\n日志头 %lld " STR_FMT "\n", target, (long long)m->head, STR_ARG(m->digest));
    return 0;
}

int cmd_restore(Options *o)
{
    Err err = ERR_INIT;
    signal(SIGPIPE, SIG_IGN); /* psql or pg_dump may end first: an error with words */
    _cleanup_reader_ BackupReader *in = NULL;
    return run(o, &in, &err) < 0 ? complain(&err) : EXIT_DONE;
}

/* --- backup --check
 * ----------------------------------------------------------------------------------------- */

/* A database of our own on the same server, for SQLite nothing. */
static int scratch_database(Options *o, const char *url, bool make, const char *name, Err *err)
{
    Str sql = str_fmt(
        o->arena,
        make ? "create database %s template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'"
             : "drop database if exists %s with (force)",
        name);
    return store_server_command(url, sql.p, err);
}

static int verify_restored(Options *o, const char *dir, const char *url, Err *err)
{
    Verified v;
    Options there = *o;
    _cleanup_city_ OpenCity c = {0};
    Str keys = str_fmt(o->arena, "%s/keys", dir);
    char *home = realpath(str_fmt(o->arena, "%s/keys", o->data).p, NULL);
    if (home && symlink(home, keys.p) != 0 && errno != EEXIST) {
        free(home);
        return io(err, keys.p);
    }
    free(home);
    there.data = dir;
    there.db = url;
    TRY(city_open(&there, NULL, false, &c, err));
    TRY(model_verify(c.store, c.model, o->arena, NULL, 0, &v, err));
    printf("已试着恢复并核对：日志 %lld 条、记录 %lld 条、文件 %lld 个，日志头 %lld " STR_FMT "\n",
           (long long)v.journal.entries, (long long)v.records, (long long)v.blobs, (long long)v.head,
           STR_ARG(v.digest));
    return 0;
}

int restore_check(Options *o, const char *file, Err *err)
{
    Remembered r;
    _cleanup_reader_ BackupReader *in = NULL;
    Str dir = str_fmt(o->arena, "%s.check", file),
        name = str_fmt(o->arena, "chengshu_check_%ld", (long)getpid());
    TRY(city_recall(o->arena, o->data, &r, err));
    const char *url = o->db && *o->db ? o->db : r.db.p, *into = "sqlite";
    TRY(backup_open(file, &in, err));
    TRY(backup_check(in, err));
    const bool postgres = str_is(backup_manifest(in)->dialect, "postgres");
    if (postgres) {
        TRY(scratch_database(o, url, true, name.p, err));
        into = store_url_of(o->arena, url, name.p);
    }
    remove_tree(dir.p);
    int rc = fill(in, dir.p, into, true, err);
    if (rc == 0) rc = verify_restored(o, dir.p, into, err);
    Str keys = str_fmt(o->arena, "%s/keys", dir.p);
    unlink(keys.p); /* a link: the keys themselves stay */
    remove_tree(dir.p);
    Err dropped = ERR_INIT;
    if (postgres && scratch_database(o, url, false, name.p, &dropped) < 0 && rc == 0)
        *err = dropped, rc = -(int)dropped.code;
    return rc < 0 ? (err_wrap(err, "试着恢复"), rc) : 0;
}
