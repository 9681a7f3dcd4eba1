/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Charsets of Chinese files: GB18030-2005 (and with it GBK, GB2312) through iconv, and recognising what a
 * file is. Big5 and UTF-16 are not read: the message says to save as UTF-8.
 */
#include "base/text.h"

#include <errno.h>
#include <iconv.h>

enum { PIECE = 16 << 10, TAIL_MAX = 4 };

struct GbDecoder {
    iconv_t cd;
    int64_t offset; /* of the next byte of input not yet converted */
    int64_t bad_at, bad_count;
    char tail[TAIL_MAX]; /* half a character waiting */
    size_t tail_n;
};

GbDecoder *gb_decoder_new(void)
{
    GbDecoder *d = xcalloc(1, sizeof *d);
    d->cd = iconv_open("UTF-8", "GB18030");
    if (d->cd == (iconv_t)-1) {
        fprintf(stderr, "iconv knows no GB18030; install the gconv modules of libc\n");
        abort();
    }
    d->bad_at = -1;
    return d;
}

void gb_decoder_free(GbDecoder *d)
{
    if (!d) return;
    iconv_close(d->cd);
    free(d);
}

static void bad_byte(GbDecoder *d, Buf *out)
{
    if (d->bad_at < 0) d->bad_at = d->offset;
    d->bad_count++;
    d->offset++;
    buf_add(out, S("\xEF\xBF\xBD"));
}

/* Converts as much as there is; the bytes left (half a character) are what remains of *in. */
static void convert(GbDecoder *d, Str *in, Buf *out)
{
    char piece[PIECE];
    while (in->n) {
        char *p = (char *)(uintptr_t)in->p, *q = piece;
        size_t n = in->n, room = sizeof piece;
        size_t rc = iconv(d->cd, &p, &n, &q, &room);
        int why = rc == (size_t)-1 ? errno : 0;
        buf_add(out, str_n(piece, sizeof piece - room));
        d->offset += (int64_t)(in->n - n);
        *in = str_n(p, n);
        if (why == EINVAL) return;
        if (why == EILSEQ) {
            bad_byte(d, out);
            *in = str_from(*in, 1);
        }
    }
}

void gb_decoder_feed(GbDecoder *d, Str in, Buf *out)
{
    /* The waiting half goes first, joined by one new byte at a time until it resolves. */
    while (d->tail_n && in.n) {
        if (d->tail_n < TAIL_MAX) {
            d->tail[d->tail_n++] = in.p[0];
            in = str_from(in, 1);
        }
        Str t = str_n(d->tail, d->tail_n);
        convert(d, &t, out);
        if (t.n == TAIL_MAX) { /* four bytes that still want more: no such character */
            bad_byte(d, out);
            t = str_from(t, 1);
        }
        memmove(d->tail, t.p, t.n);
        d->tail_n = t.n;
    }
    convert(d, &in, out);
    while (in.n > TAIL_MAX - 1) {
        bad_byte(d, out);
        in = str_from(in, 1);
        convert(d, &in, out);
    }
    if (in.n) memcpy(d->tail, in.p, in.n);
    if (in.n) d->tail_n = in.n;
}

void gb_decoder_finish(GbDecoder *d, Buf *out)
{
    while (d->tail_n) {
        bad_byte(d, out);
        memmove(d->tail, d->tail + 1, --d->tail_n);
        Str t = str_n(d->tail, d->tail_n);
        convert(d, &t, out);
        memmove(d->tail, t.p, t.n);
        d->tail_n = t.n;
    }
    iconv(d->cd, NULL, NULL, NULL, NULL);
    d->offset = 0;
}

int64_t gb_decoder_bad_at(const GbDecoder *d) { return d->bad_at; }
int64_t gb_decoder_bad_count(const GbDecoder *d) { return d->bad_count; }

static int bad_input(Err *err, int64_t at, const char *what)
{
    int code = err_set(err, ERR_INPUT, "第 %lld 字节起不是%s", (long long)at + 1, what);
    if (err) err->at = at;
    return code;
}

int text_from_gb18030(Arena *a, Str in, Str *ret, Err *err)
{
    Buf out;
    /* The worst case is three bytes for one (U+FFFD for a stray byte). */
    buf_init(&out, in.n * 3 + 16);
    GbDecoder *d = gb_decoder_new();
    gb_decoder_feed(d, in, &out);
    gb_decoder_finish(d, &out);
    int64_t bad = d->bad_at;
    gb_decoder_free(d);
    if (bad < 0) *ret = buf_dup(a, &out);
    buf_done(&out);
    return bad < 0 ? 0 : bad_input(err, bad, " GB18030 文字");
}

int text_to_gb18030(Arena *a, Str in, Str *ret, Err *err)
{
    ptrdiff_t bad = text_invalid_at(in);
    if (bad >= 0) return bad_input(err, bad, " UTF-8 文字");
    iconv_t cd = iconv_open("GB18030", "UTF-8");
    if (cd == (iconv_t)-1) return err_set(err, ERR_INTERNAL, "系统缺少 GB18030 转换模块");
    size_t cap = in.n * 2 + 16, n = in.n, room = cap;
    char *out = arena_alloc(a, cap), *q = out, *p = (char *)(uintptr_t)in.p;
    size_t rc = in.n ? iconv(cd, &p, &n, &q, &room) : 0;
    iconv_close(cd);
    if (rc == (size_t)-1) return bad_input(err, (int64_t)(in.n - n), "能用 GB18030 表示的文字");
    *ret = str_n(out, cap - room);
    return 0;
}

int charset_parse(Str name, Charset *ret, Err *err)
{
    static const struct {
        const char *name;
        Charset charset;
    } known[] = {{"utf-8", CHARSET_UTF8},       {"utf8", CHARSET_UTF8},        {"gb18030", CHARSET_GB18030},
                 {"gbk", CHARSET_GB18030},      {"gb2312", CHARSET_GB18030},   {"cp936", CHARSET_GB18030},
                 {"utf-8-sig", CHARSET_UTF8},   {"gb-18030", CHARSET_GB18030}, {"ascii", CHARSET_UTF8},
                 {"utf-16le", CHARSET_UTF16LE}, {"utf-16be", CHARSET_UTF16BE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_ieq(name, str_c(known[i].name))) {
            *ret = known[i].charset;
            return 0;
        }
    Str shown = text_cut(name, 20);
    return err_set(err, ERR_INPUT, "不认识的字符集“" STR_FMT "”，可用 utf-8、gb18030、utf-16le、utf-16be",
                   STR_ARG(shown));
}

/* The bytes from `at` may be the beginning of a character that the next chunk completes. */
static bool half_utf8(Str s, size_t at)
{
    unsigned char c = (unsigned char)s.p[at];
    size_t want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || s.n - at >= want) return false;
    for (size_t i = at + 1; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xC0) != 0x80) return false;
    return true;
}

int charset_detect(Str head, bool whole, Charset *ret, Err *err)
{
    if (str_starts(head, S("\xFF\xFE"))) return *ret = CHARSET_UTF16LE, 0;
    if (str_starts(head, S("\xFE\xFF"))) return *ret = CHARSET_UTF16BE, 0;
    ptrdiff_t nul = str_find(head, 0);
    if (nul >= 0) return bad_input(err, nul, "文字，这不像文本文件");
    ptrdiff_t bad = text_invalid_at(head);
    if (str_starts(head, S("\xEF\xBB\xBF")) || bad < 0 || (!whole && half_utf8(head, (size_t)bad))) {
        *ret = CHARSET_UTF8;
        return 0;
    }
    Buf out;
    buf_init(&out, 0); /* only the errors matter */
    GbDecoder *d = gb_decoder_new();
    gb_decoder_feed(d, head, &out);
    if (whole) gb_decoder_finish(d, &out);
    int64_t gb_bad = d->bad_at;
    gb_decoder_free(d);
    buf_done(&out);
    if (gb_bad >= 0)
        return bad_input(err, gb_bad, "文字：既不是 UTF-8 也不是 GB18030，请另存为 UTF-8 再导入");
    *ret = CHARSET_GB18030;
    return 0;
}

const char *charset_name(Charset c)
{
    static const char *const names[CHARSET_N] = {"UTF-8", "GB18030", "UTF-16LE", "UTF-16BE"};
    return c < CHARSET_N ? names[c] : "";
}

static uint32_t unit(Str s, size_t i, bool big)
{
    unsigned char a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];
    return big ? (uint32_t)(a << 8 | b) : (uint32_t)(b << 8 | a);
}

size_t utf16_decode(Str in, bool big, bool end, Buf *out, int64_t *bad)
{
    size_t i = 0;
    char text[4];
    for (size_t used; i + 2 <= in.n; i += used) {
        uint32_t cp = unit(in, i, big);
        used = 2;
        if (cp >= 0xD800 && cp < 0xDC00) {
            if (i + 4 > in.n && !end) return i;
            uint32_t low = i + 4 <= in.n ? unit(in, i + 2, big) : 0;
            if (low >= 0xDC00 && low < 0xE000)
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00), used = 4;
        }
        if (cp >= 0xD800 && cp < 0xE000) cp = 0xFFFD, ++*bad;
        buf_add(out, str_n(text, text_encode(cp, text)));
    }
    if (i < in.n && end) {
        buf_adds(out, "\xEF\xBF\xBD");
        ++*bad;
        i = in.n;
    }
    return i;
}
