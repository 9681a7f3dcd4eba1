/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Reading a backup and the ones it stands on. Nothing is believed before its digest was met. */
#include "store/backup_int.h"
#include "store/zip_out.h"

#include "base/sm.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

typedef struct Link {
    zip_t *zip;
    char *path;
    BackupManifest manifest;
    char id[BLOB_ID_SIZE];
} Link;

struct BackupReader {
    Arena *arena;
    Link link[BACKUP_CHAIN_MAX]; /* the backup, its base, that one's base … */
    int n;
    Buf contents;
    Str rest;
};

static const size_t contents_max = (size_t)8 << 30;

static int damaged(Err *err, const char *path, const char *what)
{
    return err_set(err, ERR_VERIFY, "备份 '%s' 已损坏：%s", path, what);
}

/* --- entries
 * ------------------------------------------------------------------------------------------------ */

/* Hands an entry's bytes to the sink; at most `max`. 0 when the archive has no such entry, 1 when it had. */
static int each_piece(const Link *l, const char *name, int64_t max, BackupSink sink, void *ctx, Err *err)
{
    char bytes[65536];
    zip_int64_t n = 0, sum = 0;
    zip_int64_t index = zip_name_locate(l->zip, name, ZIP_FL_ENC_GUESS);
    if (index < 0) return 0;
    zip_file_t *f = zip_fopen_index(l->zip, (zip_uint64_t)index, 0);
    if (!f) return damaged(err, l->path, name);
    int rc = 0;
    while (rc == 0 && (n = zip_fread(f, bytes, sizeof bytes)) > 0) {
        sum += n;
        rc = sum > max ? damaged(err, l->path, name) : sink(ctx, str_n(bytes, (size_t)n), err);
    }
    zip_fclose(f);
    if (rc == 0 && n < 0) return damaged(err, l->path, name);
    return rc < 0 ? rc : 1;
}

static int into_buf(void *ctx, Str bytes, Err *err)
{
    Buf *b = ctx;
    buf_add(b, bytes);
    return b->over ? err_set(err, ERR_TOO_LARGE, "备份里的一项过大") : 0;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------ */

static int open_link(BackupReader *r, const char *path, Err *err)
{
    int code;
    Link *l = &r->link[r->n];
    _cleanup_buf_ Buf text;
    buf_init(&text, BACKUP_MANIFEST_MAX);
    if (access(path, R_OK) != 0) return err_set(err, ERR_NOT_FOUND, "没有备份文件 '%s'", path);
    l->zip = zip_open(path, ZIP_RDONLY, &code);
    if (!l->zip) return damaged(err, path, "不是完整的备份文件（被截断，或不是备份）");
    l->path = str_cdup(r->arena, str_c(path));
    r->n++;
    int got = each_piece(l, "manifest.json", BACKUP_MANIFEST_MAX, into_buf, &text, err);
    if (got < 0) return got;
    if (!got) return err_set(err, ERR_INPUT, "'%s' 不是城枢的备份：里面没有 manifest.json", path);
    sm3_hex(buf_str(&text), l->id);
    if (manifest_parse(r->arena, buf_dup(r->arena, &text), &l->manifest, err) < 0)
        return err_wrap(err, "备份 '%s'", path);
    return 0;
}

static int open_chain(BackupReader *r, const char *path, Err *err)
{
    TRY(open_link(r, path, err));
    const char *slash = strrchr(path, '/');
    Str folder = slash ? str_n(path, (size_t)(slash - path) + 1) : S("");
    for (const Link *top = &r->link[0]; top->manifest.base.n; top = &r->link[r->n - 1]) {
        if (r->n == BACKUP_CHAIN_MAX) return err_set(err, ERR_TOO_LARGE, "增量备份叠得太多");
        Str base = str_fmt(r->arena, STR_FMT STR_FMT, STR_ARG(folder), STR_ARG(top->manifest.base));
        if (open_link(r, base.p, err) < 0) return err_wrap(err, "'%s' 的底本", top->path);
        if (!str_is(top->manifest.base_id, r->link[r->n - 1].id))
            return err_set(err, ERR_VERIFY, "'%s' 不是 '%s' 的底本：同名的另一个备份", base.p, top->path);
    }
    return 0;
}

int backup_open(const char *path, BackupReader **ret, Err *err)
{
    char sum[BLOB_ID_SIZE];
    _cleanup_reader_ BackupReader *r = xcalloc(1, sizeof *r);
    r->arena = arena_new();
    buf_init(&r->contents, contents_max);
    TRY(open_chain(r, path, err));
    int got = each_piece(&r->link[0], "contents.txt", (int64_t)contents_max, into_buf, &r->contents, err);
    if (got < 0) return got;
    sm3_hex(buf_str(&r->contents), sum);
    if (!got || !str_is(r->link[0].manifest.contents, sum)) return damaged(err, path, "contents.txt");
    r->rest = buf_str(&r->contents);
    *ret = TAKE(r);
    return 0;
}

void backup_close(BackupReader *r)
{
    if (!r) return;
    for (int i = 0; i < r->n; i++) zip_discard(r->link[i].zip);
    buf_done(&r->contents);
    arena_free(r->arena);
    free(r);
}

void backup_closep(BackupReader **r)
{
    backup_close(*r);
    *r = NULL;
}

const BackupManifest *backup_manifest(const BackupReader *r) { return &r->link[0].manifest; }
const char *backup_id(const BackupReader *r) { return r->link[0].id; }

/* --- items
 * -------------------------------------------------------------------------------------------------- */

int backup_rewind(BackupReader *r, Err *err)
{
    (void)err;
    r->rest = buf_str(&r->contents);
    return 0;
}

int backup_next(BackupReader *r, BackupItem *ret, Err *err)
{
    Str line;
    if (!r->rest.n) return 0;
    str_split(&r->rest, '\n', &line);
    if (item_parse(line, ret, err) < 0) return err_wrap(err, "备份 '%s'", r->link[0].path);
    return 1;
}

typedef struct Checked {
    BackupSink sink;
    void *ctx;
    Sm3 *sum;
    int64_t size;
} Checked;

static int pass_on(void *ctx, Str bytes, Err *err)
{
    Checked *c = ctx;
    sm3_add(c->sum, bytes);
    c->size += (int64_t)bytes.n;
    return c->sink(c->ctx, bytes, err);
}

static int read_checked(const Link *l, const BackupItem *item, BackupSink sink, void *ctx, Err *err)
{
    char name[BACKUP_ENTRY_SIZE], hex[BLOB_ID_SIZE];
    _cleanup_sm3_ Sm3 *h = sm3_new();
    Checked c = {sink, ctx, h, 0};
    item_entry(item, name);
    int got = each_piece(l, name, item->size, pass_on, &c, err);
    if (got <= 0) return got;
    sm3_end_hex(h, hex);
    return c.size != item->size || strcmp(hex, item->sum) != 0 ? damaged(err, l->path, name) : 1;
}

int backup_read(BackupReader *r, const BackupItem *item, BackupSink sink, void *ctx, Err *err)
{
    int got = 0;
    _cleanup_buf_ Buf whole;
    buf_init(&whole, BACKUP_CHUNK_MAX);
    const bool chunk = item->kind == BACKUP_CHUNK;
    for (int i = 0; !got && i < r->n; i++)
        got = chunk ? read_checked(&r->link[i], item, into_buf, &whole, err)
                    : read_checked(&r->link[i], item, sink, ctx, err);
    if (got < 0) return got;
    if (!got) return damaged(err, r->link[0].path, item->sum), err_wrap(err, "缺少一块内容");
    return chunk ? sink(ctx, buf_str(&whole), err) : 0;
}

/* --- checking
 * ----------------------------------------------------------------------------------------------- */

static int nowhere(void *ctx, Str bytes, Err *err)
{
    (void)ctx, (void)bytes, (void)err;
    return 0;
}

/* The digest at the end of an archive is that of all before it. */
static int check_whole(const char *path, Err *err)
{
    char bytes[65536], hex[ZIP_SUM_SIZE + 1] = "sm3:", kept[ZIP_SUM_SIZE + 1] = "";
    struct stat st;
    ssize_t n = 0;
    off_t at = 0;
    _cleanup_sm3_ Sm3 *h = sm3_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < ZIP_SUM_SIZE) {
        if (fd >= 0) close(fd);
        return damaged(err, path, "太短");
    }
    const off_t end = st.st_size - ZIP_SUM_SIZE;
    while (at < end &&
           (n = pread(fd, bytes, (size_t)(end - at < (off_t)sizeof bytes ? end - at : (off_t)sizeof bytes),
                      at)) > 0) {
        sm3_add(h, str_n(bytes, (size_t)n));
        at += n;
    }
    bool whole = at == end && pread(fd, kept, ZIP_SUM_SIZE, end) == ZIP_SUM_SIZE;
    close(fd);
    sm3_end_hex(h, hex + 4);
    return whole && !strcmp(hex, kept) ? 0 : damaged(err, path, "与文件末尾的校验和不符");
}

int backup_check(BackupReader *r, Err *err)
{
    BackupItem item;
    int rc = 0, got = 0;
    Err piece = ERR_INIT;
    for (int i = 0; rc == 0 && i < r->n; i++) rc = check_whole(r->link[i].path, err);
    if (rc == 0) return 0;
    TRY(backup_rewind(r, &piece));
    while ((got = backup_next(r, &item, &piece)) == 1)
        if (item.kind <= BACKUP_FILE && backup_read(r, &item, nowhere, NULL, &piece) < 0) break;
    if (got && piece.code) *err = piece; /* says which piece; else it is in what belongs to none */
    Err ignore = ERR_INIT;
    TRY(backup_rewind(r, &ignore));
    return -(int)err->code;
}
