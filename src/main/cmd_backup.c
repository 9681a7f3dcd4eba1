/* SPDX-License-Identifier: MulanPSL-2.0 */
/* backup: one file with everything of the city but its keys, from one moment, while it goes on working. */
#include "main/main.h"

#include "http/http.h"
#include "model/blobs.h"
#include "store/seal.h"
#include "store/store_image.h"
#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Making {
    const Options *o;
    Store *store;
    BackupWriter *out;
    BackupManifest manifest;
    BackupTotals totals;
    int64_t blobs_all;
    bool begun;
} Making;

static void progress(const Making *m, const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s，已写 %lld MB  ", what, (long long)(backup_written(m->out) >> 20));
}

static int on_bytes(void *ctx, Str bytes, Err *err)
{
    Making *m = ctx;
    TRY(backup_stream(m->out, bytes, err));
    progress(m, "数据库");
    return 0;
}

/* --- other files
 * -------------------------------------------------------------------------------------------- */

static int read_file(Arena *a, const char *path, int64_t size, Str *ret, Err *err)
{
    char *bytes = arena_alloc(a, (size_t)size + 1);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(bytes, 1, (size_t)size, f) : 0;
    if (f) fclose(f);
    *ret = str_n(bytes, n);
    return f && (int64_t)n == size ? 0 : err_set(err, ERR_IO, "读不了 %s", path);
}

/* One file or everything below a folder; `rel` is its path below the data folder. Keys are only named. */
static int add_path(Making *m, Str rel, bool apart, int depth, Err *err)
{
    struct stat st;
    Str bytes;
    int rc = 0;
    _cleanup_arena_ Arena *a = arena_new();
    Str path = str_fmt(a, "%s/" STR_FMT, m->o->data, STR_ARG(rel));
    if (stat(path.p, &st) != 0 || depth > 8) return 0;
    if (S_ISREG(st.st_mode) && apart) return backup_apart(m->out, rel, err);
    if (S_ISREG(st.st_mode)) {
        TRY(read_file(a, path.p, st.st_size, &bytes, err));
        return backup_file(m->out, rel, bytes, err);
    }
    struct dirent **names;
    int n = S_ISDIR(st.st_mode) ? scandir(path.p, &names, NULL, alphasort) : -1;
    if (n < 0) return 0;
    for (int i = 0; i < n; i++) {
        if (rc == 0 && names[i]->d_name[0] != '.')
            rc =
                add_path(m, str_fmt(a, STR_FMT "/%s", STR_ARG(rel), names[i]->d_name), apart, depth + 1, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int add_files(Making *m, Err *err)
{
    TRY(add_path(m, S("systems"), false, 0, err));
    TRY(add_path(m, S("calendar.csv"), false, 0, err));
    return add_path(m, S("keys"), true, 0, err);
}

/* --- the database and its files, in one snapshot
 * ------------------------------------------------------------ */

static int describe(Tx *tx, Arena *a, BackupManifest *m, Err *err)
{
    Checkpoint c;
    m->checkpoint = S("");
    TRY(tx_image_head(tx, a, &m->head, &m->digest, &m->origin, err));
    int r = seal_checkpoint(tx, a, 0, &c, err);
    if (r == 0) m->checkpoint = c.note;
    return r == -(int)ERR_NOT_FOUND ? 0 : r;
}

static int add_blobs(Making *m, Tx *tx, Err *err)
{
    Rows *rows;
    int got;
    _cleanup_arena_ Arena *a = arena_new();
    TRY(blobs_named(tx, a, &rows, err));
    while ((got = rows_next(rows, err)) == 1) {
        char id[BLOB_ID_SIZE];
        snprintf(id, sizeof id, STR_FMT, STR_ARG(rows_val(rows, 0).s));
        int rc = backup_blob(m->out, m->store, id, m->o->keep_going, err);
        if (rc < 0) return rc;
        if (rc) fprintf(stderr, "chengshu: 文件 %s 已损坏或丢失，记在备份里\n", id);
        if (m->blobs_all++ % 64 == 0) progress(m, "文件");
    }
    return got;
}

static int backup_tx(Tx *tx, void *p, Err *err)
{
    Making *m = p;
    Arena *a = m->o->arena;
    if (m->begun)
        return err_set(err, ERR_RETRY, "数据库换了快照，请再做一次"); /* what was written is of another */
    TRY(describe(tx, a, &m->manifest, err));
    m->begun = true;
    TRY(backup_new(m->o->args[0], m->o->base, tx_dialect(tx), m->manifest.origin, &m->out, err));
    TRY(add_files(m, err));
    TRY(tx_image(tx, str_fmt(a, "%s.scratch", m->o->args[0]).p, on_bytes, m, err));
    TRY(backup_stream_end(m->out, err));
    return add_blobs(m, tx, err);
}

static int make(Making *m, Err *err)
{
    Remembered memory;
    TRY(city_store(m->o, false, &memory, &m->store, err));
    TRY(store_read(m->store, "backup", backup_tx, m, err));
    m->manifest.program = str_c(http_version());
    m->manifest.made_at = clock_str_utc(m->o->arena, clock_now_us());
    m->manifest.demo = memory.demo;
    return backup_finish(m->out, &m->manifest, &m->totals, err);
}

static void print(const Making *m)
{
    const BackupTotals *t = &m->totals;
    printf("备份在 %s：%lld MB，数据库 %lld 块（新 %lld 块），文件 %lld 个（新 %lld 个）\n", m->o->args[0],
           (long long)(t->size >> 20), (long long)t->chunks, (long long)t->new_chunks, (long long)t->blobs,
           (long long)t->new_blobs);
    if (t->lost) printf("其中 %lld 个文件已损坏或丢失\n", (long long)t->lost);
    printf("编号 %s\n日志头 %lld " STR_FMT "\n", t->id, (long long)m->manifest.head,
           STR_ARG(m->manifest.digest));
}

static int run(Options *o, Making *m, Err *err)
{
    if (!o->data || o->n_args != 1) return err_set(err, ERR_USAGE, "要写 --data 数据文件夹 和备份文件名");
    int rc = make(m, err);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r");
    if (rc < 0) return rc;
    print(m);
    return o->check ? restore_check(o, o->args[0], err) : 0;
}

int cmd_backup(Options *o)
{
    Err err = ERR_INIT;
    signal(SIGPIPE, SIG_IGN); /* psql or pg_dump may end first: an error with words */
    Making m = {.o = o};
    int rc = run(o, &m, &err);
    backup_abandon(m.out);
    store_free(m.store);
    if (rc < 0) return complain(&err);
    return m.totals.lost ? EXIT_FAILED : EXIT_DONE;
}
