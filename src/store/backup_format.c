/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The texts of a backup: manifest.json, the lines of contents.txt, and sets of digests. */
#include "store/backup_int.h"

#include "base/json.h"

#include <stddef.h>

static const char *const kind_name[BACKUP_KIND_N] = {"chunk", "blob", "file", "lost", "apart"};

static const JsonField manifest_spec[] = {
    {"format", JSON_T_INT, offsetof(BackupManifest, format), true, 1, 1000000},
    {"program", JSON_T_STR, offsetof(BackupManifest, program), true, 0, 100},
    {"made_at", JSON_T_STR, offsetof(BackupManifest, made_at), true, 0, 100},
    {"dialect", JSON_T_STR, offsetof(BackupManifest, dialect), true, 0, 20},
    {"demo", JSON_T_BOOL, offsetof(BackupManifest, demo), true},
    {"origin", JSON_T_STR, offsetof(BackupManifest, origin), true, 0, 64},
    {"head", JSON_T_INT, offsetof(BackupManifest, head), true, 0, INT64_MAX},
    {"digest", JSON_T_STR, offsetof(BackupManifest, digest), true, 0, 64},
    {"checkpoint", JSON_T_STR, offsetof(BackupManifest, checkpoint), true, 0, 16 << 10},
    {"stream", JSON_T_INT, offsetof(BackupManifest, stream), true, 0, INT64_MAX},
    {"contents", JSON_T_STR, offsetof(BackupManifest, contents), true, 0, 64},
    {"base", JSON_T_STR, offsetof(BackupManifest, base), true, 0, 255},
    {"base_id", JSON_T_STR, offsetof(BackupManifest, base_id), true, 0, 64},
    {NULL},
};

static bool is_sum(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f'))) return false;
    return s.n == BLOB_ID_SIZE - 1;
}

/* A name in the same folder: no way out of it. */
static bool base_valid(Str s)
{
    return !s.n || (str_find(s, '/') < 0 && !memchr(s.p, 0, s.n) && !str_is(s, ".") && !str_is(s, ".."));
}

int manifest_parse(Arena *a, Str text, BackupManifest *ret, Err *err)
{
    json_t *j;
    BackupManifest m = {0};
    if (json_parse(a, text, &j, err) < 0) return err_wrap(err, "manifest.json");
    if (!json_is_object(j)) return err_set(err, ERR_INPUT, "manifest.json 不是一个对象");
    const json_int_t format = json_integer_value(json_object_get(j, "format"));
    if (format > BACKUP_FORMAT)
        return err_set(err, ERR_INPUT, "备份的格式是第 %lld 版，本程序只认识第 %d 版", (long long)format,
                       BACKUP_FORMAT),
               err_hint(err, "用更新的程序恢复");
    if (json_decode(a, j, manifest_spec, &m, err) < 0) return err_wrap(err, "manifest.json");
    if (!str_is(m.dialect, "sqlite") && !str_is(m.dialect, "postgres"))
        return err_set(err, ERR_INPUT, "manifest.json 的 dialect 不是 sqlite 或 postgres");
    if (!is_sum(m.contents) || (m.digest.n && !is_sum(m.digest)) || (m.origin.n && !is_sum(m.origin)))
        return err_set(err, ERR_INPUT, "manifest.json 的摘要不是 64 位十六进制");
    if (!base_valid(m.base) || (m.base.n ? !is_sum(m.base_id) : m.base_id.n != 0))
        return err_set(err, ERR_INPUT, "manifest.json 的 base 有误");
    *ret = m;
    return 0;
}

void manifest_write(Buf *b, const BackupManifest *m)
{
    JsonWriter w;
    jw_init(&w, b);
    jw_object(&w);
    jw_kint(&w, "format", m->format);
    jw_kstr(&w, "program", m->program);
    jw_kstr(&w, "made_at", m->made_at);
    jw_kstr(&w, "dialect", m->dialect);
    jw_kbool(&w, "demo", m->demo);
    jw_kstr(&w, "origin", m->origin);
    jw_kint(&w, "head", m->head);
    jw_kstr(&w, "digest", m->digest);
    jw_kstr(&w, "checkpoint", m->checkpoint);
    jw_kint(&w, "stream", m->stream);
    jw_kstr(&w, "contents", m->contents);
    jw_kstr(&w, "base", m->base);
    jw_kstr(&w, "base_id", m->base_id);
    jw_object_end(&w);
    buf_addc(b, '\n');
}

/* --- lines ------------------------------------------------------------------------------------------- */

/* Relative, of plain segments: nothing that leaves the folder or that a terminal would obey. */
bool backup_path_valid(Str path)
{
    Str rest = path, part;
    if (!path.n || path.n > BACKUP_PATH_MAX || path.p[path.n - 1] == '/') return false;
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f || path.p[i] == '\\') return false;
    while (str_split(&rest, '/', &part))
        if (!part.n || part.p[0] == '.')
            return false; /* also "..", and hidden ones, which nobody puts there */
    return true;
}

static int bad_line(Str line, Err *err)
{
    return err_set(err, ERR_INPUT, "contents.txt 里有不认识的一行 “" STR_FMT "”",
                   (int)(line.n < 120 ? line.n : 120), line.p ? line.p : "");
}

int item_parse(Str line, BackupItem *ret, Err *err)
{
    Str rest = line, word = STR_NONE, sum = STR_NONE, size = STR_NONE;
    *ret = (BackupItem){.kind = BACKUP_KIND_N};
    if (line.n > BACKUP_LINE_MAX) return bad_line(line, err);
    if (!str_split(&rest, ' ', &word)) return bad_line(line, err);
    for (int k = 0; k < BACKUP_KIND_N; k++)
        if (str_is(word, kind_name[k])) ret->kind = (BackupKind)k;
    const BackupKind kind = ret->kind;
    if (kind == BACKUP_KIND_N) return bad_line(line, err);
    if (kind != BACKUP_APART) {
        if (!str_split(&rest, ' ', &sum) || !is_sum(sum)) return bad_line(line, err);
        memcpy(ret->sum, sum.p, sum.n);
    }
    if (kind <= BACKUP_FILE && (!str_split(&rest, ' ', &size) || !str_int(size, &ret->size) ||
                                ret->size < 0 || !size.n || size.p[0] == '+' || size.p[0] == '-'))
        return bad_line(line, err);
    if (kind == BACKUP_CHUNK && (ret->size > BACKUP_CHUNK_MAX || !ret->size)) return bad_line(line, err);
    if (kind == BACKUP_FILE && ret->size > BACKUP_FILE_MAX) return bad_line(line, err);
    if (kind == BACKUP_FILE || kind == BACKUP_APART) {
        if (!backup_path_valid(rest)) return bad_line(line, err);
        memcpy(ret->path, rest.p, rest.n);
    } else if (rest.p) {
        return bad_line(line, err);
    }
    return 0;
}

void item_write(Buf *b, const BackupItem *item)
{
    buf_adds(b, kind_name[item->kind]);
    if (item->kind != BACKUP_APART) buf_addf(b, " %s", item->sum);
    if (item->kind <= BACKUP_FILE) buf_addf(b, " %lld", (long long)item->size);
    if (item->path[0]) buf_addf(b, " %s", item->path);
    buf_addc(b, '\n');
}

void item_entry(const BackupItem *item, char ret[BACKUP_ENTRY_SIZE])
{
    static const char *const folder[] = {"chunks", "blobs", "files"};
    snprintf(ret, BACKUP_ENTRY_SIZE, "%s/%s", item->kind <= BACKUP_FILE ? folder[item->kind] : "", item->sum);
}

/* --- sets of digests --------------------------------------------------------------------------------- */

enum { SLOT = 33, SET_MIN = 1024 };

static unsigned nibble(char c) { return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10); }

static void pack(unsigned char slot[SLOT], BackupKind kind, const char *hex)
{
    slot[0] = (unsigned char)(kind + 1);
    for (int i = 0; i < 32; i++)
        slot[i + 1] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

/* The place of a digest, or the empty one where it belongs: a digest is its own hash. */
static unsigned char *place(const DigestSet *s, const unsigned char slot[SLOT])
{
    uint64_t h;
    memcpy(&h, slot + 1, sizeof h);
    for (size_t i = (size_t)h & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
        unsigned char *at = s->slots + i * SLOT;
        if (!at[0] || !memcmp(at, slot, SLOT)) return at;
    }
}

static void grow(DigestSet *s)
{
    DigestSet larger = {.n = s->n, .cap = s->cap ? s->cap * 2 : SET_MIN};
    larger.slots = xcalloc(larger.cap, SLOT);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i * SLOT]) memcpy(place(&larger, s->slots + i * SLOT), s->slots + i * SLOT, SLOT);
    free(s->slots);
    *s = larger;
}

bool digests_add(DigestSet *s, BackupKind kind, const char *hex)
{
    unsigned char slot[SLOT];
    if (s->n * 4 >= s->cap * 3) grow(s);
    pack(slot, kind, hex);
    unsigned char *at = place(s, slot);
    if (at[0]) return false;
    memcpy(at, slot, SLOT);
    s->n++;
    return true;
}

bool digests_has(const DigestSet *s, BackupKind kind, const char *hex)
{
    unsigned char slot[SLOT];
    if (!s->cap) return false;
    pack(slot, kind, hex);
    return place(s, slot)[0] != 0;
}

void digests_done(DigestSet *s)
{
    free(s->slots);
    *s = (DigestSet){0};
}
