/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/url.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Str url_decode(Arena *a, Str s, bool plus)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            c = (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    return str_n(out, n);
}

size_t url_params(Arena *a, Str query, UrlParam *ret, size_t max)
{
    size_t n = 0;
    Str part;
    while (n < max && str_split(&query, '&', &part)) {
        if (!part.n) continue;
        ptrdiff_t eq = str_find(part, '=');
        Str name = eq < 0 ? part : str_n(part.p, (size_t)eq);
        Str value = eq < 0 ? S("") : str_from(part, (size_t)eq + 1);
        ret[n++] = (UrlParam){url_decode(a, name, true), url_decode(a, value, true)};
    }
    return n;
}

Str url_param(Arena *a, Str query, const char *name)
{
    UrlParam params[100];
    size_t n = url_params(a, query, params, 100);
    for (size_t i = 0; i < n; i++)
        if (str_is(params[i].name, name)) return params[i].value;
    return STR_NONE;
}

int url_param_int(Arena *a, Str query, const char *name, int64_t otherwise, int64_t min, int64_t max,
                  int64_t *ret, Err *err)
{
    Str s = url_param(a, query, name);
    *ret = otherwise;
    if (!s.n || (str_int(s, ret) && *ret >= min && *ret <= max)) return 0;
    if (max == INT64_MAX)
        err_set(err, ERR_INPUT, "%s 要写%s", name, min ? "正整数" : "零或正整数");
    else
        err_set(err, ERR_INPUT, "%s 要写 %lld 到 %lld 的整数", name, (long long)min, (long long)max);
    return err_pointer(err, "%s", name);
}
