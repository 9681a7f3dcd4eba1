/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The shared strings of a workbook (ECMA-376 part 1 §18.4): a table that may be as large as the sheet itself.
 * Its texts go to a file without a name that is mapped, so that only the places of the strings (8 bytes each)
 * take memory.
 */
#include "model/xlsx_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STRINGS_MAX = 16 << 20, STRING_BYTES = 1 << 20, CHUNK = 1 << 20 };

struct Strings {
    int fd;
    char *map;
    size_t bytes;
    uint64_t *ends; /* of string i, in the map */
    size_t n, cap;
    Buf out;
};

static void strings_free(void *p)
{
    Strings *s = p;
    if (s->map) munmap(s->map, s->bytes);
    if (s->fd >= 0) close(s->fd);
    free(s->ends);
    buf_done(&s->out);
}

static int flush(Strings *s, Err *err)
{
    Str rest = buf_str(&s->out);
    while (rest.n) {
        ssize_t n = write(s->fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_io(err, errno, "临时文件写不下去");
        rest = str_from(rest, (size_t)n);
    }
    buf_clear(&s->out);
    return 0;
}

static int add(Strings *s, Str text, Err *err)
{
    if (s->n >= STRINGS_MAX) return err_set(err, ERR_TOO_LARGE, "表格里的文字超过 %d 条", STRINGS_MAX);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->ends = xrealloc(s->ends, s->cap * sizeof *s->ends);
    }
    s->bytes += text.n;
    s->ends[s->n++] = s->bytes;
    buf_add(&s->out, text);
    return s->out.n >= CHUNK ? flush(s, err) : 0;
}

/* <si> to </si>: the text of its runs, without reading aids (rPh). */
static int read_one(XmlPart *p, Buf *text, Err *err)
{
    bool take = false, aid = false;
    int rc;
    buf_clear(text);
    if (part_is_empty(p)) return 1;
    while ((rc = part_next(p, err)) > 0) {
        if (part_ends(p, "si")) return 1;
        if (part_begins(p, "rPh")) aid = !part_is_empty(p);
        if (part_ends(p, "rPh")) aid = false;
        if (part_begins(p, "t")) take = !part_is_empty(p);
        if (part_ends(p, "t")) take = false;
        if (take && !aid && part_is_text(p)) buf_add(text, part_text(p));
    }
    return rc;
}

static int read_all(Strings *s, XmlPart *p, Err *err)
{
    Buf text;
    int rc;
    buf_init(&text, STRING_BYTES);
    while ((rc = part_next(p, err)) > 0) {
        if (!part_begins(p, "si")) continue;
        _cleanup_arena_ Arena *a = arena_new();
        if ((rc = read_one(p, &text, err)) <= 0) break;
        if ((rc = add(s, unescape_cell(a, buf_str(&text)), err)) < 0) break;
    }
    buf_done(&text);
    return rc < 0 ? rc : flush(s, err);
}

int strings_load(Arena *a, zip_t *z, Str part, Strings **ret, Err *err)
{
    _cleanup_part_ XmlPart p = {0};
    const char *dir = getenv("TMPDIR");
    Strings *s = ARENA_NEW(a, Strings);
    s->fd = -1;
    buf_init(&s->out, CHUNK + STRING_BYTES);
    arena_defer(a, strings_free, s);
    *ret = s;
    int rc = part_open(z, part, PART_STRINGS, &p, err);
    if (rc == -(int)ERR_NOT_FOUND) return 0; /* a sheet may have none */
    TRY(rc);
    s->fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0) return err_io(err, errno, "不能建临时文件");
    TRY(read_all(s, &p, err));
    if (!s->bytes) return 0;
    char *map = mmap(NULL, s->bytes, PROT_READ, MAP_PRIVATE, s->fd, 0);
    if (map == MAP_FAILED) return err_io(err, errno, "不能读临时文件");
    s->map = map;
    return 0;
}

bool strings_get(const Strings *s, Str index, Str *ret)
{
    int64_t i;
    if (!str_int(index, &i) || i < 0 || (size_t)i >= s->n) return false;
    uint64_t from = i ? s->ends[i - 1] : 0;
    *ret = str_n(s->map ? s->map + from : "", (size_t)(s->ends[i] - from));
    return true;
}
