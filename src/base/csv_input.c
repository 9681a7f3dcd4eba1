/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Where CSV text comes from: descriptor or memory → gunzip (RFC 1952, several members too) → GB18030 or UTF-8
 * → the window that csv.c reads. Every stage works in pieces of fixed size.
 */
#include "base/csv_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

/* Stored bytes. 0 = end, negative code on failure. */
static ssize_t source_read(CsvReader *r, void *dst, size_t n, Err *err)
{
    if (r->source_end) return 0;
    ssize_t got;
    if (r->fd < 0) {
        got = (ssize_t)(n < r->mem.n ? n : r->mem.n);
        if (got) memcpy(dst, r->mem.p, (size_t)got);
        r->mem = str_n(r->mem.p + got, r->mem.n - (size_t)got);
    } else
        do got = read(r->fd, dst, n);
        while (got < 0 && errno == EINTR);
    if (got < 0) return err_set(err, ERR_IO, "读文件失败：%s", strerrordesc_np(errno));
    if (got == 0) r->source_end = true;
    r->bytes_read += got;
    return got;
}

static int bad_gzip(CsvReader *r, Err *err, const char *why)
{
    int rc = err_set(err, ERR_INPUT, "gzip 压缩内容%s，请重新压缩或直接用未压缩的文件", why);
    if (err) err->at = r->bytes_read;
    return rc;
}

/* Unpacked bytes of a gzip source. */
static ssize_t gzip_read(CsvReader *r, void *dst, size_t n, Err *err)
{
    r->z.next_out = dst;
    r->z.avail_out = (uInt)n;
    while (r->z.avail_out == n) {
        if (!r->z.avail_in) {
            ssize_t got = source_read(r, r->packed, PIECE, err);
            if (got < 0) return got;
            r->z.next_in = r->packed;
            r->z.avail_in = (uInt)got;
            if (!got) return r->gzip_done ? 0 : bad_gzip(r, err, "不完整");
        }
        if (r->gzip_done) { /* another member, or padding behind the last one */
            if (r->z.next_in[0] != 0x1F) {
                r->z.avail_in = 0;
                continue;
            }
            inflateReset(&r->z);
            r->gzip_done = false;
        }
        int z = inflate(&r->z, Z_NO_FLUSH);
        if (z == Z_STREAM_END)
            r->gzip_done = true;
        else if (z != Z_OK && z != Z_BUF_ERROR)
            return bad_gzip(r, err, "已损坏");
    }
    return (ssize_t)(n - r->z.avail_out);
}

static ssize_t plain_read(CsvReader *r, void *dst, size_t n, Err *err)
{
    if (r->head_at < r->head_n) {
        size_t have = r->head_n - r->head_at;
        if (have > n) have = n;
        memcpy(dst, r->head + r->head_at, have);
        r->head_at += have;
        return (ssize_t)have;
    }
    return r->gzip ? gzip_read(r, dst, n, err) : source_read(r, dst, n, err);
}

/* Makes room for `n` more bytes behind the window. */
static char *window_room(CsvReader *r, size_t n)
{
    size_t used = (size_t)(r->win - r->store) + r->win_n;
    if (used + n <= r->store_cap) return r->store + used;
    if (r->win != r->store) memmove(r->store, r->win, r->win_n);
    if (r->win_n + n > r->store_cap) {
        r->store_cap = (r->win_n + n) * 2;
        r->store = xrealloc(r->store, r->store_cap);
    }
    r->win = r->store;
    return r->store + r->win_n;
}

static int fail(CsvReader *r, int code, Err *err)
{
    r->failed = code;
    if (err) r->why = *err;
    return code;
}

static void decode16(CsvReader *r, Str in, bool end)
{
    int64_t bad = 0;
    size_t used = utf16_decode(in, r->charset == CHARSET_UTF16BE, end, &r->decoded, &bad);
    r->gb_bad_seen |= bad > 0;
    r->half_n = in.n - used;
    if (r->half_n) memcpy(r->half, in.p + used, r->half_n);
}

int csv_fill(CsvReader *r, Err *err)
{
    if (r->failed) {
        if (err) *err = r->why;
        return r->failed;
    }
    if (r->eof) return 0;
    if (r->charset == CHARSET_UTF8) {
        ssize_t got = plain_read(r, window_room(r, PIECE), PIECE, err);
        if (got < 0) return fail(r, (int)got, err);
        r->win_n += (size_t)got;
        r->eof = got == 0;
        return 0;
    }
    char piece[PIECE / 4];
    if (r->half_n) memcpy(piece, r->half, r->half_n);
    ssize_t got = plain_read(r, piece + r->half_n, sizeof piece - r->half_n, err);
    if (got < 0) return fail(r, (int)got, err);
    buf_clear(&r->decoded);
    if (r->charset != CHARSET_GB18030)
        decode16(r, str_n(piece, r->half_n + (size_t)got), got == 0);
    else if (got)
        gb_decoder_feed(r->gb, str_n(piece, (size_t)got), &r->decoded);
    else
        gb_decoder_finish(r->gb, &r->decoded);
    if (r->gb) r->gb_bad_seen = gb_decoder_bad_count(r->gb) > 0;
    if (r->decoded.n) memcpy(window_room(r, r->decoded.n), r->decoded.p, r->decoded.n);
    r->win_n += r->decoded.n;
    r->eof = got == 0;
    return 0;
}

void csv_consume(CsvReader *r, size_t n)
{
    if (!n) return;
    r->win += n;
    r->win_n -= n;
    r->offset += (int64_t)n;
}

/* The first CSV_DETECT unpacked bytes. */
static int read_head(CsvReader *r, Err *err)
{
    char *head = xmalloc(CSV_DETECT);
    size_t n = 0;
    ssize_t got = 1;
    while (n < CSV_DETECT && got > 0) {
        got = plain_read(r, head + n, CSV_DETECT - n, err);
        if (got > 0) n += (size_t)got;
    }
    if (got < 0) {
        free(head);
        return (int)got;
    }
    r->head = head;
    r->head_n = n;
    return 0;
}

static int open_gzip(CsvReader *r, Err *err)
{
    r->gzip = true;
    r->packed = xmalloc(PIECE);
    memcpy(r->packed, r->head, r->head_n);
    r->z.next_in = r->packed;
    r->z.avail_in = (uInt)r->head_n;
    free(TAKE(r->head));
    r->head_n = r->head_at = 0;
    if (inflateInit2(&r->z, 16 + MAX_WBITS) != Z_OK) return err_set(err, ERR_INTERNAL, "zlib 无法启动");
    return read_head(r, err);
}

/* A file that is nearly all UTF-8 is UTF-8 with damage, not another charset: in GB18030 text hardly any byte
   pair is a valid UTF-8 character. */
static bool mostly_utf8(Str head)
{
    size_t good = 0, wrong = 0;
    for (size_t i = 0, len; i < head.n; i += len ? len : 1) {
        uint32_t cp = 0;
        len = text_decode(str_from(head, i), &cp);
        if (!len)
            wrong++;
        else if (len > 1)
            good++;
    }
    return good > 10 * wrong;
}

static int find_charset(CsvReader *r, const CsvOptions *opt, Err *err)
{
    Str head = str_n(r->head, r->head_n);
    Err why = ERR_INIT;
    if (opt && opt->charset_given)
        r->charset = opt->charset;
    else if (!str_starts(head, S("\xFF\xFE")) && !str_starts(head, S("\xFE\xFF")) && mostly_utf8(head))
        r->charset = CHARSET_UTF8;
    else if (charset_detect(head, r->head_n < CSV_DETECT, &r->charset, &why) < 0) {
        if (err) *err = why;
        return -(int)why.code;
    }
    if (r->charset == CHARSET_UTF8 && str_starts(head, S("\xEF\xBB\xBF"))) r->head_at = 3, r->offset = 3;
    if (r->charset >= CHARSET_UTF16LE && (str_starts(head, S("\xFF\xFE")) || str_starts(head, S("\xFE\xFF"))))
        r->head_at = 2;
    if (r->charset == CHARSET_GB18030) r->gb = gb_decoder_new();
    if (r->charset != CHARSET_UTF8) buf_init(&r->decoded, PIECE * 4);
    return 0;
}

/* Cells of each of the first lines, if `sep` separates them: how many lines agree on a number above one. */
static size_t agreement(Str text, char sep)
{
    enum { LINES = 20 };
    size_t counts[LINES], n = 0, cells = 1, best = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n && n < LINES; i++) {
        char c = text.p[i];
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (c == sep) cells++;
        if (c != '\n') continue;
        counts[n++] = cells;
        cells = 1;
    }
    if (!n) counts[n++] = cells;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < n; k++) same += counts[k] == counts[i];
        size_t score = counts[i] > 1 ? same * 1000 + (counts[i] < 999 ? counts[i] : 999) : 0;
        if (score > best) best = score;
    }
    return best;
}

/* What cannot be read is told when its record is asked for. */
static void find_separator(CsvReader *r)
{
    static const char seps[] = {',', '\t', ';', '|'};
    size_t best = 0;
    Err later = ERR_INIT;
    while (r->win_n < CSV_DETECT && !r->eof && csv_fill(r, &later) == 0) {}
    for (size_t i = 0; i < sizeof seps; i++) {
        size_t score = agreement(str_n(r->win, r->win_n), seps[i]);
        if (score > best) best = score, r->sep = seps[i];
    }
}

static int start(CsvReader *r, const CsvOptions *opt, CsvReader **ret, Err *err)
{
    r->sep = opt && opt->sep ? opt->sep : ',';
    r->arena = arena_new();
    r->store_cap = PIECE * 2;
    r->store = r->win = xmalloc(r->store_cap);
    int rc = read_head(r, err);
    if (!rc && r->head_n >= 2 && !memcmp(r->head, "\x1F\x8B", 2)) rc = open_gzip(r, err);
    if (!rc) rc = find_charset(r, opt, err);
    if (!rc && opt && !opt->sep && opt->find_sep) find_separator(r);
    if (rc)
        csv_close(r);
    else
        *ret = r;
    return rc;
}

int csv_open_fd(int fd, const CsvOptions *opt, CsvReader **ret, Err *err)
{
    CsvReader *r = xcalloc(1, sizeof *r);
    r->fd = fd;
    return start(r, opt, ret, err);
}

int csv_open_mem(Str text, const CsvOptions *opt, CsvReader **ret, Err *err)
{
    CsvReader *r = xcalloc(1, sizeof *r);
    r->fd = -1;
    r->mem = text.p ? text : S("");
    return start(r, opt, ret, err);
}

int csv_open_path(const char *path, const CsvOptions *opt, CsvReader **ret, Err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return err_set(err, ERR_NOT_FOUND, "没有文件“%s”，请核对路径", path);
    if (fd < 0) return err_set(err, ERR_IO, "打不开文件“%s”：%s", path, strerrordesc_np(errno));
    CsvReader *r = xcalloc(1, sizeof *r);
    r->fd = fd;
    r->own_fd = true;
    int rc = start(r, opt, ret, err);
    if (rc) err_at(err, path, 0, 0);
    return rc;
}

void csv_close(CsvReader *r)
{
    if (!r) return;
    if (r->gzip) inflateEnd(&r->z);
    if (r->own_fd) close(r->fd);
    gb_decoder_free(r->gb);
    buf_done(&r->decoded);
    arena_free(r->arena);
    free(r->packed);
    free(r->head);
    free(r->store);
    free(r);
}

void csv_closep(CsvReader **r)
{
    csv_close(*r);
    *r = NULL;
}

Charset csv_charset(const CsvReader *r) { return r->charset; }
char csv_separator(const CsvReader *r) { return r->sep; }
int64_t csv_bytes_read(const CsvReader *r) { return r->bytes_read; }
