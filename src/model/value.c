/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/value.h"

#include "base/clock.h"
#include "base/ident.h"
#include "base/normal.h"
#include "base/text.h"
#include <math.h>

enum { DIGITS_MAX = 15 }; /* decimal digits that a double keeps; SQLite stores decimals as doubles */

static int wrong(Err *err, const Field *f, const char *what)
{
    return err_set(err, ERR_VALIDATION, "“" STR_FMT "” %s", STR_ARG(f->title), what);
}

/* Puts the field's title before a reason that a lower check gave. */
static int because(Err *err, const Field *f) { return err_wrap(err, "“" STR_FMT "”", STR_ARG(f->title)); }

static int check_range(const Field *f, double v, const char *unit, Err *err)
{
    if (f->has_min && v < f->min)
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不能小于 %.15g%s", STR_ARG(f->title), f->min,
                       unit);
    if (f->has_max && v > f->max)
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不能大于 %.15g%s", STR_ARG(f->title), f->max,
                       unit);
    return 0;
}

static double date_limit(double v)
{
    return isinf(v) ? (double)date_to_days(clock_china_date(clock_now_us())) : v;
}

static int check_date_range(const Field *f, int64_t days, Err *err)
{
    char text[DATE_SIZE];
    if (f->has_min && (double)days < date_limit(f->min)) {
        date_format(date_from_days((int64_t)date_limit(f->min)), text);
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不能早于 %s", STR_ARG(f->title), text);
    }
    if (f->has_max && (double)days > date_limit(f->max)) {
        date_format(date_from_days((int64_t)date_limit(f->max)), text);
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 不能晚于 %s", STR_ARG(f->title), text);
    }
    return 0;
}

/* --- text-like -------------------------------------------------------------------------------------------
 */

static int check_ident(Arena *a, const Field *f, Str *s, Err *err)
{
    PersonId person;
    char code[IDENT_SIZE];
    switch (f->type) {
    case F_PERSON_ID:
        TRY(ident_person(*s, &person, err));
        *s = str_dup(a, str_c(person.text));
        return 0;
    case F_CREDIT_CODE:
        TRY(ident_credit(*s, code, err));
        *s = str_dup(a, str_c(code));
        return 0;
    case F_PHONE: return ident_phone(*s, NULL, err);
    case F_EMAIL: return ident_email(*s, err);
    case F_URL: return ident_url(*s, err);
    default: return 0;
    }
}

static int check_code(const Field *f, Str s, Err *err)
{
    if (f->type != F_ENUM || !f->codes || codes_find(f->codes, s)) return 0;
    return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 没有代码 “" STR_FMT "”（见代码表 " STR_FMT "）",
                   STR_ARG(f->title), STR_ARG(text_cut(s, 20)), STR_ARG(f->codes->name)),
           err_hint(err, "可用的代码在 /api/entities 的 codes 中列出");
}

static int from_text_like(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    ptrdiff_t bad = text_invalid_at(s);
    if (bad >= 0 || memchr(s.p, 0, s.n)) return wrong(err, f, "含有无法识别的字符（不是有效的 UTF-8）");
    if (check_ident(a, f, &s, err) < 0) return because(err, f);
    TRY(check_code(f, s, err));
    double chars = (double)text_chars(s);
    size_t cap = f->type == F_LONGTEXT ? LONGTEXT_MAX : TEXT_MAX;
    if (!f->has_max && chars > (double)cap)
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 超过 %zu 个字", STR_ARG(f->title), cap);
    TRY(check_range(f, chars, " 个字", err));
    if (f->regex && regexec(f->regex, str_cdup(a, s), 0, NULL, 0) != 0)
        return wrong(err, f, "不符合规定的格式");
    *ret = V_TEXT(str_dup(a, s));
    return 0;
}

/* --- numbers ---------------------------------------------------------------------------------------------
 */

/* Canonical decimal: optional -, digits without leading zeros, exactly `scale` digits after the point. */
static int from_decimal(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    bool neg = s.n && s.p[0] == '-';
    Str rest = s.n && (s.p[0] == '-' || s.p[0] == '+') ? str_from(s, 1) : s;
    ptrdiff_t dot = str_find(rest, '.');
    Str whole = dot < 0 ? rest : str_n(rest.p, (size_t)dot);
    Str part = dot < 0 ? S("") : str_from(rest, (size_t)dot + 1);
    for (size_t i = 0; i < rest.n; i++)
        if (!((rest.p[i] >= '0' && rest.p[i] <= '9') || (ptrdiff_t)i == dot))
            return wrong(err, f, "不是数字");
    if (!whole.n && !part.n) return wrong(err, f, "不是数字");
    while (whole.n > 1 && whole.p[0] == '0') whole = str_from(whole, 1);
    while (part.n && part.p[part.n - 1] == '0') part.n--;
    if (part.n > (size_t)f->scale)
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 最多 %d 位小数", STR_ARG(f->title), f->scale);
    if (whole.n + (size_t)f->scale > DIGITS_MAX && !(whole.n == 1 && whole.p[0] == '0'))
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 超出范围（整数部分最多 %d 位）", STR_ARG(f->title),
                       DIGITS_MAX - f->scale);
    Str text = str_fmt(a, "%s" STR_FMT "%s" STR_FMT "%.*s", neg ? "-" : "", STR_ARG(whole.n ? whole : S("0")),
                       f->scale ? "." : "", STR_ARG(part), f->scale - (int)part.n, "000000000000000");
    double v;
    if (!str_real(text, &v)) return wrong(err, f, "不是数字");
    TRY(check_range(f, v, "", err));
    if (neg && v == 0) text = str_from(text, 1); /* -0 is 0 */
    *ret = V_TEXT(text);
    return 0;
}

/* 1.25e-05 → 0.0000125, so that digits that do not fit are seen and refused rather than rounded away. */
static Str without_exponent(Arena *a, Str s)
{
    ptrdiff_t e = str_find(s, 'e');
    int64_t exp = 0;
    if (e < 0) return s;
    Str mantissa = str_n(s.p, (size_t)e);
    bool neg = mantissa.p[0] == '-';
    if (neg) mantissa = str_from(mantissa, 1);
    if (!str_int(str_from(s, (size_t)e + 1), &exp) || exp < -330 || exp > 330) return s;
    Buf b;
    buf_init(&b, 1000);
    buf_adds(&b, neg ? "-" : "");
    if (exp < 0) buf_adds(&b, "0.");
    for (int64_t i = exp + 1; i < 0; i++) buf_addc(&b, '0');
    size_t digits = 0;
    for (size_t i = 0; i < mantissa.n; i++)
        if (mantissa.p[i] != '.') buf_addc(&b, mantissa.p[i]), digits++;
    for (int64_t i = (int64_t)digits; exp > 0 && i <= exp; i++) buf_addc(&b, '0');
    Str out = buf_dup(a, &b);
    buf_done(&b);
    return out;
}

static int from_real(Arena *a, const Field *f, double r, Val *ret, Err *err)
{
    char text[40];
    /* 15 significant digits: 0.1 is 0.1, not 0.1000000000000000055 */
    snprintf(text, sizeof text, "%.15g", r);
    return from_decimal(a, f, without_exponent(a, str_c(text)), ret, err);
}

static int from_int(const Field *f, int64_t i, Val *ret, Err *err)
{
    TRY(check_range(f, (double)i, "", err));
    *ret = V_INT(i);
    return 0;
}

/* --- any type from strict text ----------------------------------------------------------------------------
 */

static int from_date(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    Date d;
    if (date_parse(s, &d, err) < 0) return because(err, f);
    TRY(check_date_range(f, date_to_days(d), err));
    *ret = V_TEXT(date_str(a, d));
    return 0;
}

static int from_instant(Arena *a, const Field *f, int64_t us, Val *ret, Err *err)
{
    TRY(check_date_range(f, date_to_days(clock_china_date(us)), err));
    *ret = V_TEXT(clock_str_utc(a, us));
    return 0;
}

static int from_geometry(Arena *a, const Field *f, const Geometry *g, Val *ret, Err *err)
{
    GeometryKind want = f->type == F_POINT  ? GEOMETRY_POINT
                        : f->type == F_LINE ? GEOMETRY_LINE
                                            : GEOMETRY_POLYGON;
    (void)a;
    if (g->kind != want)
        return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 要的是%s，给的是%s", STR_ARG(f->title),
                       geometry_kind_title(want), geometry_kind_title(g->kind));
    *ret = V_TEXT(g->json);
    return 0;
}

static int from_json_text(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    json_t *j;
    if (json_parse(a, s, &j, err) < 0) return because(err, f);
    return value_from_json(a, f, j, ret, err);
}

int value_from_text(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    int64_t i;
    TimeOfDay t;
    Geometry g;
    if (!s.n) return *ret = V_NULL, 0;
    switch (f->storage) {
    case STORE_TEXT: return from_text_like(a, f, s, ret, err);
    case STORE_INT: return str_int(s, &i) ? from_int(f, i, ret, err) : wrong(err, f, "不是整数");
    case STORE_NUM: return from_decimal(a, f, s, ret, err);
    case STORE_BOOL:
        if (str_is(s, "true") || str_is(s, "1")) return *ret = V_INT(1), 0;
        if (str_is(s, "false") || str_is(s, "0")) return *ret = V_INT(0), 0;
        return wrong(err, f, "要写 true 或 false");
    case STORE_DATE: return from_date(a, f, s, ret, err);
    case STORE_TIME: {
        char text[TIME_SIZE];
        if (tod_parse(s, &t, err) < 0) return because(err, f);
        tod_format(t, text);
        *ret = V_TEXT(str_dup(a, str_c(text)));
        return 0;
    }
    case STORE_AT:
        if (clock_parse(s, &i, err) < 0) return because(err, f);
        return from_instant(a, f, i, ret, err);
    case STORE_GEO:
        if (geometry_parse(a, s, &g, err) < 0) return because(err, f);
        return from_geometry(a, f, &g, ret, err);
    case STORE_JSON: return from_json_text(a, f, s, ret, err);
    case STORE_LINK:
    case STORE_N: break;
    }
    return wrong(err, f, "不能这样填写");
}

int value_from_json(Arena *a, const Field *f, const json_t *j, Val *ret, Err *err)
{
    Geometry g;
    if (json_is_null(j)) return *ret = V_NULL, 0;
    if (f->storage == STORE_JSON) {
        char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        *ret = V_TEXT(str_dup(a, str_c(text)));
        free(text);
        return ret->s.n > LONGTEXT_MAX ? wrong(err, f, "超过 1 MB") : 0;
    }
    if (f->storage == STORE_GEO && json_is_object(j)) {
        if (geometry_from_json(a, j, &g, err) < 0) return because(err, f);
        return from_geometry(a, f, &g, ret, err);
    }
    if (json_is_string(j)) {
        Str s = str_n(json_string_value(j), json_string_length(j));
        if (!s.n && f->storage == STORE_TEXT) return *ret = V_NULL, 0;
        if (!s.n) return wrong(err, f, "是空文字；没有值时写 null");
        return value_from_text(a, f, s, ret, err);
    }
    if (json_is_integer(j)) {
        Str s = str_fmt(a, "%lld", (long long)json_integer_value(j));
        if (f->storage == STORE_BOOL) return wrong(err, f, "要写 true 或 false");
        if (f->storage == STORE_INT || f->storage == STORE_NUM || f->storage == STORE_TEXT)
            return value_from_text(a, f, s, ret, err);
    }
    if (json_is_real(j)) {
        double r = json_real_value(j);
        if (f->storage == STORE_NUM) return from_real(a, f, r, ret, err);
        if (f->storage == STORE_INT && r == floor(r) && fabs(r) < 9e15)
            return from_int(f, (int64_t)r, ret, err);
        if (f->storage == STORE_INT) return wrong(err, f, "不是整数");
    }
    if (json_is_boolean(j) && f->storage == STORE_BOOL) return *ret = V_INT(json_is_true(j)), 0;
    return err_set(err, ERR_VALIDATION, "“" STR_FMT "” 的类型不对，要的是%s", STR_ARG(f->title),
                   field_type_title(f->type));
}

/* --- a steward's cell -------------------------------------------------------------------------------------
 */

/* A title with full-width brackets is also understood when they were typed half-width. */
static const Code *match_half_width(Arena *a, const Codes *codes, Str s)
{
    const Code *c = codes_match(codes, s);
    for (size_t i = 0; !c && i < codes->n; i++)
        if (str_eq(text_half_width(a, codes->items[i].title), s)) c = &codes->items[i];
    return c;
}

static int import_text(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    if (f->type == F_LONGTEXT)
        s = text_tidy_lines(a, s);
    else
        s = text_tidy(a, s);
    const Code *c = f->type == F_ENUM && f->codes ? codes_match(f->codes, s) : NULL;
    if (f->type != F_TEXT && f->type != F_LONGTEXT) s = text_half_width(a, s);
    if (f->type == F_ENUM && f->codes && !c) c = match_half_width(a, f->codes, s);
    if (c) s = c->code;
    return value_from_text(a, f, s, ret, err);
}

static int import_number(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    int64_t i;
    Amount amount;
    char text[AMOUNT_TEXT];
    int rc = f->storage == STORE_INT ? normal_int(s, &i, err)
             : f->type == F_MONEY    ? normal_amount(s, &amount, err)
                                     : normal_decimal(s, text, err);
    if (rc == NORMAL_EMPTY) return *ret = V_NULL, 0;
    if (rc < 0) return because(err, f);
    if (f->storage == STORE_INT) return from_int(f, i, ret, err);
    return from_decimal(a, f, str_c(f->type == F_MONEY ? amount.text : text), ret, err);
}

static int import_when(Arena *a, const Field *f, Str s, Val *ret, Err *err)
{
    int64_t us;
    Date d;
    int rc = f->storage == STORE_DATE ? normal_date(s, &d, err) : normal_datetime(s, &us, err);
    if (rc == NORMAL_EMPTY) return *ret = V_NULL, 0;
    if (rc < 0) return because(err, f);
    if (f->storage == STORE_AT) return from_instant(a, f, us, ret, err);
    return from_date(a, f, date_str(a, d), ret, err);
}

int value_import(Arena *a, const Field *f, Str cell, Val *ret, Err *err)
{
    if (text_invalid_at(cell) >= 0) return wrong(err, f, "含有无法识别的字符");
    if (!str_trim(cell).n) return *ret = V_NULL, 0;
    bool b;
    int rc;
    switch (f->storage) {
    case STORE_TEXT: return import_text(a, f, cell, ret, err);
    case STORE_INT:
    case STORE_NUM: return import_number(a, f, cell, ret, err);
    case STORE_DATE:
    case STORE_AT: return import_when(a, f, cell, ret, err);
    case STORE_BOOL:
        rc = normal_bool(cell, &b, err);
        if (rc == NORMAL_EMPTY) return *ret = V_NULL, 0;
        if (rc < 0) return because(err, f);
        *ret = V_INT(b);
        return 0;
    default: return value_from_text(a, f, str_trim(cell), ret, err);
    }
}

/* --- lists ------------------------------------------------------------------------------------------------
 */

static void list_add(Arena *a, StrList *list, Str s, size_t *cap)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->items[i], s)) return; /* a set: twice is once */
    *ARENA_PUSH(a, list->items, list->n, *cap) = str_dup(a, s);
}

static int check_many(const Field *f, size_t n, Err *err)
{
    return n > PICK_MAX
               ? err_set(err, ERR_VALIDATION, "“" STR_FMT "” 最多 %d 项", STR_ARG(f->title), PICK_MAX)
               : 0;
}

int values_from_json(Arena *a, const Field *f, const json_t *j, StrList *ret, Err *err)
{
    StrList list = {0};
    size_t cap = 0;
    if (!json_is_null(j) && !json_is_array(j)) return wrong(err, f, "要写成列表 [ … ]");
    TRY(check_many(f, json_array_size(j), err));
    for (size_t i = 0; i < json_array_size(j); i++) {
        const json_t *item = json_array_get(j, i);
        if (json_is_integer(item))
            list_add(a, &list, str_fmt(a, "%lld", (long long)json_integer_value(item)), &cap);
        else if (json_is_string(item) && json_string_length(item))
            list_add(a, &list, str_n(json_string_value(item), json_string_length(item)), &cap);
        else
            return wrong(err, f, "的每一项要是一个编号");
    }
    *ret = list;
    return 0;
}

int values_from_text(Arena *a, const Field *f, Str text, StrList *ret, Err *err)
{
    StrList list = {0};
    size_t cap = 0;
    Buf b;
    buf_init(&b, LONGTEXT_MAX);
    for (size_t i = 0; i < text.n; i++) { /* ； (EF BC 9B) as ; */
        if (str_starts(str_from(text, i), S("；")))
            buf_addc(&b, ';'), i += 2;
        else
            buf_addc(&b, text.p[i]);
    }
    Str rest = buf_dup(a, &b), part;
    buf_done(&b);
    while (str_split(&rest, ';', &part))
        if (str_trim(part).n) list_add(a, &list, str_trim(part), &cap);
    TRY(check_many(f, list.n, err));
    *ret = list;
    return 0;
}
