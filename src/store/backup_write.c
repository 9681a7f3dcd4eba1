/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Making a backup: pieces go into the archive as they come, unless it or its base has them; the list of all
   of them and the manifest come last. */
#include "store/backup_int.h"
#include "store/zip_out.h"

#include "base/sm.h"

#include <limits.h>
#include <unistd.h>

struct BackupWriter {
    ZipOut *zip;
    Dialect dialect;
    DigestSet base, here; /* pieces that the base holds, and those of this archive */
    Str base_name, base_id;
    Arena *arena;
    Buf contents, stream; /* stream: what is not cut yet */
    size_t cut_state;
    int64_t streamed;
    BackupTotals totals;
};

static const size_t contents_max = (size_t)8 << 30;

static bool same_folder(Arena *a, const char *one, const char *other)
{
    char x[PATH_MAX], y[PATH_MAX];
    const char *paths[] = {one, other};
    char *real[] = {x, y};
    for (int i = 0; i < 2; i++) {
        const char *slash = strrchr(paths[i], '/');
        Str dir = slash ? str_dup(a, str_n(paths[i], (size_t)(slash - paths[i]) + 1)) : S(".");
        if (!realpath(dir.p, real[i])) return false;
    }
    return !strcmp(x, y);
}

static int take_base(BackupWriter *w, const char *path, const char *base, Str origin, Err *err)
{
    _cleanup_reader_ BackupReader *r = NULL;
    BackupItem item;
    int got;
    if (!same_folder(w->arena, path, base))
        return err_set(err, ERR_USAGE, "增量备份要与它的底本 '%s' 放在同一个文件夹", base);
    TRY(backup_open(base, &r, err));
    const BackupManifest *m = backup_manifest(r);
    if (!str_eq(m->origin, origin) ||
        !str_is(m->dialect, w->dialect == DIALECT_SQLITE ? "sqlite" : "postgres"))
        return err_set(err, ERR_CONFLICT, "'%s' 是另一座城市或另一种数据库的备份", base);
    while ((got = backup_next(r, &item, err)) == 1)
        if (item.kind <= BACKUP_FILE) digests_add(&w->base, item.kind, item.sum);
    const char *slash = strrchr(base, '/');
    w->base_name = str_dup(w->arena, str_c(slash ? slash + 1 : base));
    w->base_id = str_dup(w->arena, str_c(backup_id(r)));
    return got;
}

int backup_new(const char *path, const char *base, Dialect d, Str origin, BackupWriter **ret, Err *err)
{
    _cleanup_backup_ BackupWriter *w = xcalloc(1, sizeof *w);
    w->dialect = d;
    w->arena = arena_new();
    buf_init(&w->contents, contents_max);
    buf_init(&w->stream, 4 * BACKUP_CHUNK_MAX);
    if (base) TRY(take_base(w, path, base, origin, err));
    TRY(zip_out_new(path, &w->zip, err));
    *ret = TAKE(w);
    return 0;
}

/* True when the piece must still be written. */
static bool is_new(BackupWriter *w, const BackupItem *item)
{
    return !digests_has(&w->base, item->kind, item->sum) && digests_add(&w->here, item->kind, item->sum);
}

static int add_piece(BackupWriter *w, BackupItem *item, Str bytes, bool *ret_new, Err *err)
{
    char name[BACKUP_ENTRY_SIZE];
    item->size = (int64_t)bytes.n;
    sm3_hex(bytes, item->sum);
    *ret_new = is_new(w, item);
    item_entry(item, name);
    if (*ret_new) TRY(zip_out_add(w->zip, name, bytes, err));
    item_write(&w->contents, item);
    return 0;
}

static int add_chunk(BackupWriter *w, Str bytes, Err *err)
{
    BackupItem item = {.kind = BACKUP_CHUNK};
    bool fresh;
    TRY(add_piece(w, &item, bytes, &fresh, err));
    w->totals.chunks++;
    w->totals.new_chunks += fresh;
    return 0;
}

/* Cuts off what can be cut and keeps the rest. */
static int cut_stream(BackupWriter *w, bool end, Err *err)
{
    Str rest = buf_str(&w->stream);
    size_t n;
    while (rest.n && (n = backup_cut(w->dialect, rest, end, &w->cut_state)) > 0) {
        TRY(add_chunk(w, str_n(rest.p, n), err));
        rest = str_from(rest, n);
    }
    if (rest.n) memmove(w->stream.p, rest.p, rest.n);
    w->stream.n = rest.n;
    return 0;
}

int backup_stream(BackupWriter *w, Str bytes, Err *err)
{
    w->streamed += (int64_t)bytes.n;
    while (bytes.n) {
        size_t n = bytes.n < BACKUP_CHUNK_MAX ? bytes.n : BACKUP_CHUNK_MAX;
        buf_add(&w->stream, str_n(bytes.p, n));
        bytes = str_from(bytes, n);
        TRY(cut_stream(w, false, err));
    }
    return 0;
}

int backup_stream_end(BackupWriter *w, Err *err) { return cut_stream(w, true, err); }

/* The bytes of an open file into the archive; the SM3 of what was read. */
static int copy_blob(BackupWriter *w, int fd, const char *name, char ret_sum[BLOB_ID_SIZE], Err *err)
{
    char bytes[65536];
    ssize_t n;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    TRY(zip_out_begin(w->zip, name, err));
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        sm3_add(h, str_n(bytes, (size_t)n));
        TRY(zip_out_put(w->zip, str_n(bytes, (size_t)n), err));
    }
    sm3_end_hex(h, ret_sum);
    return n < 0 ? err_set(err, ERR_IO, "读不了文件 %s", name) : 0;
}

static int lose(BackupWriter *w, BackupItem *item, bool keep_going, int rc, Err *err)
{
    if (!keep_going) return err_hint(err, "用 --keep-going 可以先备份其余的，损坏的会记在备份里"), rc;
    item->kind = BACKUP_LOST;
    item_write(&w->contents, item);
    w->totals.lost++;
    return 1;
}

int backup_blob(BackupWriter *w, Store *s, const char *id, bool keep_going, Err *err)
{
    int fd;
    char name[BACKUP_ENTRY_SIZE], sum[BLOB_ID_SIZE];
    BackupItem item = {.kind = BACKUP_BLOB};
    snprintf(item.sum, sizeof item.sum, "%s", id);
    item_entry(&item, name);
    int rc = blob_open(s, id, &fd, &item.size, err);
    if (rc < 0) return lose(w, &item, keep_going, rc, err);
    w->totals.blobs++;
    const bool fresh = is_new(w, &item);
    if (fresh) rc = copy_blob(w, fd, name, sum, err);
    close(fd);
    if (rc == 0 && fresh && strcmp(sum, id) != 0) {
        rc = err_set(err, ERR_VERIFY, "文件 %s 的内容已被改动", id);
        Err undone = ERR_INIT;
        if (zip_out_undo(w->zip, &undone) < 0) return *err = undone, -(int)undone.code;
        return lose(w, &item, keep_going, rc, err);
    }
    if (rc == 0 && fresh) rc = zip_out_end(w->zip, err);
    if (rc < 0) return rc;
    w->totals.new_blobs += fresh;
    item_write(&w->contents, &item);
    return 0;
}

int backup_file(BackupWriter *w, Str path, Str bytes, Err *err)
{
    BackupItem item = {.kind = BACKUP_FILE};
    bool fresh;
    if (!backup_path_valid(path))
        return err_set(err, ERR_INPUT, "不能备份名为 '" STR_FMT "' 的文件", STR_ARG(path));
    memcpy(item.path, path.p, path.n);
    w->totals.files++;
    return add_piece(w, &item, bytes, &fresh, err);
}

int backup_apart(BackupWriter *w, Str path, Err *err)
{
    BackupItem item = {.kind = BACKUP_APART};
    if (!backup_path_valid(path))
        return err_set(err, ERR_INPUT, "不能记下名为 '" STR_FMT "' 的文件", STR_ARG(path));
    memcpy(item.path, path.p, path.n);
    item_write(&w->contents, &item);
    return 0;
}

int backup_finish(BackupWriter *w, BackupManifest *m, BackupTotals *ret, Err *err)
{
    char sum[BLOB_ID_SIZE];
    _cleanup_buf_ Buf text;
    buf_init(&text, BACKUP_MANIFEST_MAX);
    if (w->contents.over) return err_set(err, ERR_TOO_LARGE, "备份的内容过多");
    sm3_hex(buf_str(&w->contents), sum);
    m->format = BACKUP_FORMAT;
    m->dialect = w->dialect == DIALECT_SQLITE ? S("sqlite") : S("postgres");
    m->stream = w->streamed;
    m->contents = str_dup(w->arena, str_c(sum));
    m->base = w->base_name;
    m->base_id = w->base_id;
    manifest_write(&text, m);
    TRY(zip_out_add(w->zip, "contents.txt", buf_str(&w->contents), err));
    TRY(zip_out_add(w->zip, "manifest.json", buf_str(&text), err));
    TRY(zip_out_finish(w->zip, &w->totals.size, err));
    sm3_hex(buf_str(&text), w->totals.id);
    *ret = w->totals;
    return 0;
}

int64_t backup_written(const BackupWriter *w) { return zip_out_size(w->zip); }

void backup_abandon(BackupWriter *w)
{
    if (!w) return;
    zip_out_free(w->zip);
    digests_done(&w->base);
    digests_done(&w->here);
    buf_done(&w->contents);
    buf_done(&w->stream);
    arena_free(w->arena);
    free(w);
}

void backup_abandonp(BackupWriter **w)
{
    backup_abandon(*w);
    *w = NULL;
}
