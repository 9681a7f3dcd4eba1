/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Rows out of JSON of any size, one at a time: NDJSON (a line each), a JSON array of objects, or a GeoJSON
 * FeatureCollection (RFC 7946), whose features are cut out of the stream by their braces, so that memory is
 * bounded by one row. What is inside a row is parsed later; a row over the cap or cut off by the end is
 * delivered with the reason.
 */
#include "model/import_int.h"

#include "base/text.h"
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 64 << 10 };

typedef enum JsonForm { FORM_LINES, FORM_ARRAY, FORM_COLLECTION, FORM_END } JsonForm;

struct JsonSource {
    gzFile gz;
    char raw[CHUNK];
    size_t raw_n;
    GbDecoder *gb; /* NULL: UTF-8 */
    Buf text;      /* decoded */
    size_t at;
    bool end, inside; /* inside: the array of rows has begun */
    JsonForm form;
};

static void json_source_close(void *p)
{
    JsonSource *s = p;
    if (s->gz) gzclose(s->gz);
    gb_decoder_free(s->gb);
    buf_done(&s->text);
}

static int read_raw(JsonSource *s, Err *err)
{
    int n = gzread(s->gz, s->raw, sizeof s->raw);
    int code;
    s->raw_n = n > 0 ? (size_t)n : 0;
    if (n > 0) return 0;
    const char *why = gzerror(s->gz, &code);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
        return err_set(err, code == Z_ERRNO ? ERR_IO : ERR_INPUT, "文件读不下去：%s",
                       code == Z_BUF_ERROR ? "压缩数据不完整" : why),
               err_hint(err, "检查文件是否完整，重新取一份");
    return 0;
}

static int fill(JsonSource *s, Err *err)
{
    TRY(read_raw(s, err));
    buf_clear(&s->text);
    s->at = 0;
    s->end = !s->raw_n;
    Str in = str_n(s->raw, s->raw_n);
    if (!s->gb)
        buf_add(&s->text, in);
    else if (s->end)
        gb_decoder_finish(s->gb, &s->text);
    else
        gb_decoder_feed(s->gb, in, &s->text);
    return 0;
}

/* The next byte without taking it; -1 the end, less than that an error. */
static int peek(JsonSource *s, Err *err)
{
    while (s->at >= s->text.n) {
        if (s->end) return -1;
        int rc = fill(s, err);
        if (rc < 0) return rc - 1;
    }
    return (unsigned char)s->text.p[s->at];
}

static bool blank(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Next byte that is neither white space nor, when `commas`, a comma. */
static int peek_token(JsonSource *s, bool commas, Err *err)
{
    int c;
    while ((c = peek(s, err)) >= 0 && (blank(c) || (commas && c == ','))) s->at++;
    return c;
}

int json_source_open(Arena *a, int fd, JsonSource **ret, Err *err)
{
    JsonSource *s = ARENA_NEW(a, JsonSource);
    int own = dup(fd);
    buf_init(&s->text, CHUNK * 4);
    arena_defer(a, json_source_close, s);
    s->gz = own < 0 ? NULL : gzdopen(own, "rb");
    if (!s->gz) {
        if (own >= 0) close(own);
        return err_set(err, ERR_IO, "打不开文件");
    }
    gzbuffer(s->gz, CHUNK);
    TRY(read_raw(s, err));
    Str head = str_n(s->raw, s->raw_n);
    Charset charset;
    TRY(charset_detect(head, s->raw_n < sizeof s->raw, &charset, err));
    if (charset >= CHARSET_UTF16LE)
        return err_set(err, ERR_INPUT, "JSON 文件是 UTF-16 编码，请另存为 UTF-8 再导入");
    if (charset == CHARSET_GB18030) s->gb = gb_decoder_new();
    if (s->gb)
        gb_decoder_feed(s->gb, head, &s->text);
    else
        buf_add(&s->text, str_starts(head, S("\xEF\xBB\xBF")) ? str_from(head, 3) : head);
    int c = peek_token(s, false, err);
    if (c < -1) return c + 1;
    /* A collection says so near its beginning; otherwise each line is an object. */
    Str seen = str_from(buf_str(&s->text), s->at);
    s->form = c == '['                                              ? FORM_ARRAY
              : str_find_str(seen, S("\"FeatureCollection\"")) >= 0 ? FORM_COLLECTION
                                                                    : FORM_LINES;
    *ret = s;
    return 0;
}

int64_t json_source_read(const JsonSource *s) { return (int64_t)gzoffset(s->gz); }

static void keep(Buf *text, int c)
{
    if (text) buf_addc(text, (char)c);
}

/* One line, without its end. */
static int next_line(JsonSource *s, Buf *text, Err *err)
{
    int c = peek_token(s, false, err);
    if (c < 0) return c == -1 ? 0 : c + 1;
    while ((c = peek(s, err)) >= 0 && c != '\n') {
        keep(text, c);
        s->at++;
    }
    return c < -1 ? c + 1 : 1;
}

/* One JSON value, by its quotes and brackets only. 1, or 0 when the end came first. */
static int next_value(JsonSource *s, Buf *text, Err *err)
{
    int depth = 0, c;
    bool string = false, escape = false;
    while ((c = peek(s, err)) >= 0) {
        if (!string && depth == 0 && (c == ',' || c == ']' || c == '}'))
            return 1; /* behind a number or a word */
        keep(text, c);
        s->at++;
        if (string) {
            if (escape)
                escape = false;
            else if (c == '\\')
                escape = true;
            else if (c == '"')
                string = false;
        } else if (c == '"')
            string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (!string && depth == 0 && (c == '}' || c == ']' || c == '"')) return 1;
    }
    return c < -1 ? c + 1 : 0;
}

static int broken(Err *err)
{
    return err_set(err, ERR_INPUT, "不是 GeoJSON 的 FeatureCollection"),
           err_hint(err, "要有 \"features\": [ … ]");
}

/* Members of the collection up to the bracket of "features". 1 when there, 0 when the collection has ended.
 */
static int find_features(JsonSource *s, Err *err)
{
    _cleanup_buf_ Buf key;
    buf_init(&key, 1000);
    int c = peek_token(s, false, err), rc;
    if (c != '{') return c < -1 ? c + 1 : broken(err);
    for (s->at++;;) {
        c = peek_token(s, true, err);
        if (c == '}') return 0;
        if (c != '"') return c < -1 ? c + 1 : broken(err);
        buf_clear(&key);
        rc = next_value(s, &key, err);
        if (rc <= 0) return rc < 0 ? rc : broken(err);
        c = peek_token(s, false, err);
        if (c != ':') return c < -1 ? c + 1 : broken(err);
        s->at++;
        c = peek_token(s, false, err);
        if (c < 0) return c < -1 ? c + 1 : broken(err);
        if (c == '[' && str_is(buf_str(&key), "\"features\"")) return 1;
        rc = next_value(s, NULL, err);
        if (rc <= 0) return rc < 0 ? rc : broken(err);
    }
}

static int next_element(JsonSource *s, Buf *text, const char **fault, Err *err)
{
    if (!s->inside) {
        int rc = s->form == FORM_COLLECTION ? find_features(s, err) : 1;
        if (rc <= 0) return s->form = FORM_END, rc;
        s->inside = true;
        s->at++; /* [ */
    }
    int c = peek_token(s, true, err);
    if (c < -1) return c + 1;
    if (c == ']') return s->form = FORM_END, 0;
    int rc = c < 0 ? 0 : next_value(s, text, err);
    if (rc < 0) return rc;
    if (rc == 0) {
        *fault = "文件到这里就断了，列表没有写完";
        s->form = FORM_END;
    } else if (!text->n) { /* a closing brace where a value belongs: nothing after it can be trusted */
        *fault = "括号不配对，后面的内容无法读取";
        buf_addc(text, (char)c);
        s->form = FORM_END;
    }
    return 1;
}

int json_source_next(JsonSource *s, Buf *text, const char **fault, Err *err)
{
    buf_clear(text);
    *fault = "";
    int rc = s->form == FORM_END     ? 0
             : s->form == FORM_LINES ? next_line(s, text, err)
                                     : next_element(s, text, fault, err);
    if (rc > 0 && text->over) *fault = "这一行过长（超过 8 MB）";
    return rc;
}
