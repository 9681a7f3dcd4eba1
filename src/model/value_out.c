/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Values on their way out: as text, as JSON, for an expression, masked.
 */
#include "model/value.h"

#include "base/clock.h"
#include "base/text.h"

static double number_of(Val v)
{
    double r = 0;
    if (v.kind == VAL_INT) return (double)v.i;
    if (v.kind == VAL_REAL) return v.r;
    if (v.kind == VAL_TEXT && !str_real(v.s, &r)) r = 0;
    return r;
}

/* Decimal with exactly `scale` digits, whatever form the database gave. */
static Str decimal_text(Arena *a, Val v, int scale)
{
    if (v.kind == VAL_INT)
        return str_fmt(a, "%lld%s%.*s", (long long)v.i, scale ? "." : "", scale, "000000000000000");
    return str_fmt(a, "%.*f", scale, number_of(v));
}

Str value_text(Arena *a, const Field *f, Val v)
{
    if (v.kind == VAL_NULL) return S("");
    int64_t us;
    switch (f->storage) {
    case STORE_NUM: {
        Str s = decimal_text(a, v, f->scale);
        if (f->type != F_MONEY && str_find(s, '.') >= 0) {
            while (s.p[s.n - 1] == '0') s.n--;
            if (s.p[s.n - 1] == '.') s.n--;
        }
        return str_is(s, "-0") ? S("0") : s;
    }
    case STORE_BOOL: return v.kind == VAL_INT && v.i ? S("true") : S("false");
    case STORE_AT:
        if (v.kind == VAL_TEXT && clock_parse(v.s, &us, NULL) == 0) return clock_str(a, us);
        return v.kind == VAL_TEXT ? v.s : S("");
    default:
        if (v.kind == VAL_TEXT) return v.s;
        if (v.kind == VAL_INT) return str_fmt(a, "%lld", (long long)v.i);
        return str_fmt(a, "%.15g", number_of(v));
    }
}

void value_write_json(JsonWriter *w, const Field *f, Val v)
{
    if (v.kind == VAL_NULL) return jw_null(w);
    if (f->storage == STORE_INT && v.kind == VAL_INT) return jw_int(w, v.i);
    if (f->storage == STORE_BOOL && v.kind == VAL_INT) return jw_bool(w, v.i != 0);
    if (f->storage == STORE_TEXT && v.kind == VAL_TEXT) return jw_str(w, v.s);
    _cleanup_arena_ Arena *a = arena_new();
    Str s = value_text(a, f, v);
    bool raw = f->storage == STORE_GEO || f->storage == STORE_JSON || f->storage == STORE_INT ||
               (f->storage == STORE_NUM && f->type != F_MONEY);
    if (raw)
        jw_raw(w, s);
    else
        jw_str(w, s);
}

bool value_same(Arena *a, const Field *f, Val x, Val y)
{
    if (x.kind == VAL_NULL || y.kind == VAL_NULL) return x.kind == y.kind;
    return str_eq(value_text(a, f, x), value_text(a, f, y));
}

Val value_for_expr(const Field *f, Val v)
{
    if (v.kind == VAL_NULL || f->storage != STORE_NUM) return v;
    return V_REAL(number_of(v));
}

/* Keeps the first `head` and last `tail` characters. */
static Str mask_keep(Arena *a, Str s, size_t head, size_t tail)
{
    size_t chars = text_chars(s);
    if (chars <= head + tail) head = chars > 1 ? 1 : 0, tail = 0;
    Buf b;
    buf_init(&b, LONGTEXT_MAX);
    buf_add(&b, text_cut(s, head));
    for (size_t i = head; i < chars - tail; i++) buf_addc(&b, '*');
    buf_add(&b, str_from(s, text_cut(s, chars - tail).n));
    Str out = buf_dup(a, &b);
    buf_done(&b);
    return out;
}

Val value_mask(Arena *a, const Field *f, Val v)
{
    if (v.kind == VAL_NULL) return v;
    if (f->storage != STORE_TEXT || v.kind != VAL_TEXT)
        return V_NULL; /* numbers, dates, geometry: withheld whole */
    switch (f->type) {
    case F_PERSON_ID: return V_TEXT(mask_keep(a, v.s, 6, 4));
    case F_PHONE: return V_TEXT(mask_keep(a, v.s, 3, 4));
    case F_EMAIL:
        return V_TEXT(mask_keep(a, v.s, 1,
                                (size_t)(v.s.n - (size_t)(str_find(v.s, '@') < 0 ? 0 : str_find(v.s, '@')))));
    case F_CREDIT_CODE: return V_TEXT(mask_keep(a, v.s, 4, 4));
    default:
        /* names keep the surname; addresses keep the part that names the district */
        return V_TEXT(text_chars(v.s) > 6 ? mask_keep(a, v.s, 6, 0) : mask_keep(a, v.s, 1, 0));
    }
}
