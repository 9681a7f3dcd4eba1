/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/url: any text is decoded to no more bytes than it had; a query string falls into at most as many
   parameters as asked for, each found again by its name; a number is within its bounds or refused by name. */
#include "model/url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS = 16 };

static void decode(Arena *a, Str s, bool plus)
{
    Str out = url_decode(a, s, plus);
    assert(out.n <= s.n && (!s.n || out.n));
    if (str_find(s, '%') < 0 && (!plus || str_find(s, '+') < 0)) assert(str_eq(out, s));
}

static void number(Arena *a, Str query, int64_t min, int64_t max)
{
    int64_t n = 0;
    Err err = ERR_INIT;
    if (url_param_int(a, query, "limit", min, min, max, &n, &err) == 0)
        assert(n >= min && (n <= max || max == INT64_MAX));
    else
        assert(err.code == ERR_INPUT && err.msg[0] && !strcmp(err.pointer, "limit"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str s = str_n((const char *)data, size);
    UrlParam all[PARAMS];
    decode(a, s, false);
    decode(a, s, true);
    size_t n = url_params(a, s, all, PARAMS);
    assert(n <= PARAMS && url_params(a, s, all, 0) == 0);
    n = url_params(a, s, all, PARAMS);
    for (size_t i = 0; i < n; i++) {
        assert(all[i].name.n + all[i].value.n <= s.n);
        if (all[i].name.n && !memchr(all[i].name.p, 0, all[i].name.n))
            assert(url_param(a, s, str_cdup(a, all[i].name)).p);
    }
    number(a, s, 0, 1000);
    number(a, s, 1, INT64_MAX);
    return 0;
}
