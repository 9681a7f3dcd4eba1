/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * JSON (RFC 8259) over jansson: the writer, the guarded parser, the spec decoder. Numbers are written
 * shortest; strings that are not UTF-8 are repaired, so a broken cell in a database never breaks an answer.
 */
#include "base/json.h"
#include "base/text.h"

#include <assert.h>
#include <math.h>

enum { DUMP_DEPTH_MAX = 2048, FIELDS_MAX = 256 };

void jw_init(JsonWriter *w, Buf *out) { *w = (JsonWriter){.out = out}; }

static void before_value(JsonWriter *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    uint64_t bit = (uint64_t)1 << w->depth;
    if (w->depth && (w->comma & bit)) buf_addc(w->out, ',');
    w->comma |= bit;
}

static void open_level(JsonWriter *w, char c)
{
    assert(w->depth < JSON_DEPTH_MAX - 1);
    before_value(w);
    buf_addc(w->out, c);
    w->depth++;
    w->comma &= ~((uint64_t)1 << w->depth);
}

static void close_level(JsonWriter *w, char c)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    buf_addc(w->out, c);
}

void jw_object(JsonWriter *w) { open_level(w, '{'); }
void jw_object_end(JsonWriter *w) { close_level(w, '}'); }
void jw_array(JsonWriter *w) { open_level(w, '['); }
void jw_array_end(JsonWriter *w) { close_level(w, ']'); }

static void put_escape(Buf *out, unsigned char c)
{
    static const char short_form[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        buf_addf(out, "\\%c", c);
    else if (c < sizeof short_form && short_form[c])
        buf_addf(out, "\\%c", short_form[c]);
    else
        buf_addf(out, "\\u%04x", c);
}

/* Copies runs that need nothing in one piece. */
static void put_string(Buf *out, Str s)
{
    size_t from = 0, i = 0;
    buf_addc(out, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t cp;
        size_t len = c < 0x80 ? 1 : text_decode(str_from(s, i), &cp);
        if (len && c != '"' && c != '\\' && c >= 0x20) {
            i += len;
            continue;
        }
        buf_add(out, str_n(s.p + from, i - from));
        if (len)
            put_escape(out, c);
        else
            buf_add(out, S("\xEF\xBF\xBD"));
        from = ++i;
    }
    buf_add(out, str_n(s.p ? s.p + from : NULL, s.n - from));
    buf_addc(out, '"');
}

static void put_real(Buf *out, double r)
{
    char tmp[40];
    if (!isfinite(r)) {
        buf_adds(out, "null");
        return;
    }
    if (r == 0) r = 0; /* no -0 */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(tmp, sizeof tmp, "%.*g", digits, r);
        if (strtod(tmp, NULL) == r) break;
    }
    buf_adds(out, tmp);
}

static void put_int(Buf *out, int64_t i)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do *--at = (char)('0' + u % 10);
    while (u /= 10);
    if (i < 0) *--at = '-';
    buf_add(out, str_n(at, (size_t)(digits + sizeof digits - at)));
}

void jw_key(JsonWriter *w, Str key)
{
    assert(w->depth > 0 && !w->after_key);
    before_value(w);
    put_string(w->out, key);
    buf_addc(w->out, ':');
    w->after_key = true;
}

void jw_str(JsonWriter *w, Str s)
{
    before_value(w);
    put_string(w->out, s);
}

void jw_int(JsonWriter *w, int64_t i)
{
    before_value(w);
    put_int(w->out, i);
}

void jw_real(JsonWriter *w, double r)
{
    before_value(w);
    put_real(w->out, r);
}

void jw_bool(JsonWriter *w, bool b) { jw_raw(w, b ? S("true") : S("false")); }
void jw_null(JsonWriter *w) { jw_raw(w, S("null")); }

void jw_raw(JsonWriter *w, Str json)
{
    before_value(w);
    buf_add(w->out, json);
}

/* Keeps its own commas, so that a deep tree from outside cannot overflow the writer's levels. */
static void put_json(Buf *out, const json_t *v, int depth)
{
    if (depth > DUMP_DEPTH_MAX) {
        out->over = true;
        return;
    }
    switch (json_typeof(v)) {
    case JSON_OBJECT: {
        const char *sep = "{", *key;
        json_t *item;
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            buf_adds(out, sep);
            put_string(out, str_c(key));
            buf_addc(out, ':');
            put_json(out, item, depth + 1);
            sep = ",";
        }
        buf_adds(out, *sep == '{' ? "{}" : "}");
        return;
    }
    case JSON_ARRAY:
        buf_addc(out, '[');
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) buf_addc(out, ',');
            put_json(out, json_array_get(v, i), depth + 1);
        }
        buf_addc(out, ']');
        return;
    case JSON_STRING: put_string(out, str_n(json_string_value(v), json_string_length(v))); return;
    case JSON_INTEGER: put_int(out, json_integer_value(v)); return;
    case JSON_REAL: put_real(out, json_real_value(v)); return;
    case JSON_TRUE: buf_adds(out, "true"); return;
    case JSON_FALSE: buf_adds(out, "false"); return;
    case JSON_NULL: buf_adds(out, "null"); return;
    }
}

void jw_json(JsonWriter *w, const json_t *value)
{
    before_value(w);
    if (value)
        put_json(w->out, value, 0);
    else
        buf_adds(w->out, "null");
}

void jw_kstr(JsonWriter *w, const char *key, Str s)
{
    jw_key(w, str_c(key));
    jw_str(w, s);
}

void jw_kint(JsonWriter *w, const char *key, int64_t i)
{
    jw_key(w, str_c(key));
    jw_int(w, i);
}

void jw_kbool(JsonWriter *w, const char *key, bool b)
{
    jw_key(w, str_c(key));
    jw_bool(w, b);
}

/* ---- in ---- */

static int at_position(Err *err, Str text, size_t at)
{
    int line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at && i < text.n; i++)
        if (text.p[i] == '\n') line++, start = i + 1;
    if (!err) return -(int)ERR_INPUT;
    err_at(err, "", line, (int)text_chars(str_n(text.p + start, (at < text.n ? at : text.n) - start)) + 1);
    err->at = (int64_t)at;
    return -(int)ERR_INPUT;
}

/* jansson recurses up to 2048 levels; the house's limit is lower and is looked at before. -1 or an offset. */
static ptrdiff_t too_deep_at(Str text)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"')
            quoted = true;
        else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX) return (ptrdiff_t)i;
        } else if (c == ']' || c == '}')
            depth--;
    }
    return -1;
}

static const char *reason(const json_error_t *e)
{
    switch (json_error_code(e)) {
    case json_error_invalid_utf8: return "含有不是 UTF-8 的字节";
    case json_error_premature_end_of_input: return "内容不完整，到末尾还没有结束";
    case json_error_end_of_input_expected: return "一个值之后还有多余的内容";
    case json_error_duplicate_key: return "同一个对象里的键重复了";
    case json_error_numeric_overflow: return "数字太大";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "文本里含有 NUL 字符";
    default: return "不符合 JSON 语法";
    }
}

static void tree_free(void *p) { json_decref(p); }

int json_parse(Arena *a, Str text, json_t **ret, Err *err)
{
    ptrdiff_t deep = too_deep_at(text);
    if (deep >= 0) {
        err_set(err, ERR_INPUT, "JSON 嵌套超过 %d 层", JSON_DEPTH_MAX);
        return at_position(err, text, (size_t)deep);
    }
    if (str_starts(text, S("\xEF\xBB\xBF"))) text = str_from(text, 3);
    json_error_t e;
    json_t *tree = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!tree) {
        size_t at = e.position < 0 ? 0 : (size_t)e.position;
        err_set(err, ERR_INPUT, "JSON 无法解析：%s", text.n ? reason(&e) : "内容为空");
        return at_position(err, text, at < text.n ? at : text.n);
    }
    arena_defer(a, tree_free, tree);
    *ret = tree;
    return 0;
}

static const char *type_title(JsonType t)
{
    switch (t) {
    case JSON_T_STR: return "文本";
    case JSON_T_INT: return "整数";
    case JSON_T_BOOL: return "true 或 false";
    case JSON_T_STR_LIST: return "文本的列表";
    case JSON_T_ANY: break;
    }
    return "任意值";
}

/* RFC 6901: ~ is ~0 and / is ~1. */
static void pointer_part(char *dst, size_t cap, Str name)
{
    size_t n = 0;
    name = text_cut_bytes(name, 100);
    for (size_t i = 0; i < name.n && n + 3 < cap; i++) {
        char c = name.p[i];
        if (c == '~' || c == '/') {
            dst[n++] = '~';
            dst[n++] = c == '~' ? '0' : '1';
        } else
            dst[n++] = c;
    }
    dst[n] = 0;
}

static int wrong_type(const JsonField *f, Err *err)
{
    err_set(err, ERR_INPUT, "“%s”应是%s", f->name, type_title(f->type));
    return err_pointer(err, "/%s", f->name);
}

static int decode_str(Arena *a, const JsonField *f, const json_t *v, Str *dst, Err *err)
{
    if (!json_is_string(v)) return wrong_type(f, err);
    Str s = str_n(json_string_value(v), json_string_length(v));
    if (f->max > 0 && ((int64_t)s.n > f->max || (int64_t)s.n < f->min)) {
        if (f->min > 0)
            err_set(err, ERR_INPUT, "“%s”的长度应在 %lld 到 %lld 字节之间", f->name, (long long)f->min,
                    (long long)f->max);
        else
            err_set(err, ERR_INPUT, "“%s”太长，最多 %lld 字节", f->name, (long long)f->max);
        return err_pointer(err, "/%s", f->name);
    }
    *dst = str_dup(a, s);
    return 0;
}

static int decode_int(const JsonField *f, const json_t *v, int64_t *dst, Err *err)
{
    if (!json_is_integer(v)) return wrong_type(f, err);
    int64_t i = json_integer_value(v);
    if (f->max > f->min && (i < f->min || i > f->max)) {
        err_set(err, ERR_INPUT, "“%s”应在 %lld 到 %lld 之间", f->name, (long long)f->min, (long long)f->max);
        return err_pointer(err, "/%s", f->name);
    }
    *dst = i;
    return 0;
}

static int decode_list(Arena *a, const JsonField *f, const json_t *v, StrList *dst, Err *err)
{
    if (!json_is_array(v)) return wrong_type(f, err);
    size_t n = json_array_size(v);
    StrList list = {.items = ARENA_ARRAY(a, Str, n), .n = n};
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(v, i);
        if (!json_is_string(item)) {
            wrong_type(f, err);
            return err_pointer(err, "/%s/%zu", f->name, i);
        }
        list.items[i] = str_dup(a, str_n(json_string_value(item), json_string_length(item)));
    }
    *dst = list;
    return 0;
}

static int decode_field(Arena *a, const JsonField *f, json_t *v, void *dst, Err *err)
{
    void *at = (char *)dst + f->offset;
    switch (f->type) {
    case JSON_T_STR: return decode_str(a, f, v, at, err);
    case JSON_T_INT: return decode_int(f, v, at, err);
    case JSON_T_STR_LIST: return decode_list(a, f, v, at, err);
    case JSON_T_BOOL:
        if (!json_is_boolean(v)) return wrong_type(f, err);
        *(bool *)at = json_is_true(v);
        return 0;
    case JSON_T_ANY: *(json_t **)at = v; return 0;
    }
    return err_set(err, ERR_INTERNAL, "字段“%s”的类型没有实现", f->name);
}

static int unknown_key(Str key, const JsonField *spec, Err *err)
{
    Str names[FIELDS_MAX];
    size_t n = 0;
    for (const JsonField *f = spec; f->name && n < FIELDS_MAX; f++) names[n++] = str_c(f->name);
    char part[216];
    pointer_part(part, sizeof part, key);
    Str shown = text_cut(key, 40);
    ptrdiff_t near = text_nearest(key, names, n);
    err_set(err, ERR_INPUT, "不认识的字段“" STR_FMT "”", STR_ARG(shown));
    if (near >= 0) err_hint(err, "是不是“" STR_FMT "”？", STR_ARG(names[near]));
    return err_pointer(err, "/%s", part);
}

static const JsonField *field_of(const JsonField *spec, Str key)
{
    for (const JsonField *f = spec; f->name; f++)
        if (str_is(key, f->name)) return f;
    return NULL;
}

int json_decode(Arena *a, const json_t *object, const JsonField *spec, void *dst, Err *err)
{
    if (!json_is_object(object)) return err_set(err, ERR_INPUT, "内容应是一个 JSON 对象 {…}");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const JsonField *f = field_of(spec, str_c(key));
        if (!f) return unknown_key(str_c(key), spec, err);
        if (json_is_null(value) && f->type != JSON_T_ANY) continue; /* null = not given */
        TRY(decode_field(a, f, value, dst, err));
    }
    for (const JsonField *f = spec; f->name; f++) {
        const json_t *v = json_object_get(object, f->name);
        if (!f->required || (v && !json_is_null(v))) continue;
        err_set(err, ERR_INPUT, "缺少必填的“%s”", f->name);
        return err_pointer(err, "/%s", f->name);
    }
    return 0;
}
