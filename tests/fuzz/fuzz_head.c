/* SPDX-License-Identifier: MulanPSL-2.0 */
/* http/http_head: any text as the value of Host, X-Forwarded-For, Origin, traceparent, Accept-Encoding,
   If-None-Match, Authorization. Values are read within their bounds; what would end a header's line is
   neither a host, an address, nor a trace. */
#include "http/http_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool clean(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] <= 32 || (uint8_t)s.p[i] >= 127) return false;
    return true;
}

static void addresses(Str s)
{
    Str ip = head_forwarded_for(s);
    if (ip.p) assert(ip.n && ip.n < 64 && clean(ip) && ip.p >= s.p && ip.p + ip.n <= s.p + s.n);
    if (ip.p) assert(str_eq(head_forwarded_for(ip), ip));
    if (head_host_valid(s)) assert(s.n <= 255 && clean(s));
}

static void origins(Arena *a, Str s)
{
    const Str own = S("https://city.example:8443");
    if (head_own_origin(s, own)) assert(str_find_str(s, S("://")) >= 0 && s.n >= 21);
    if (s.n && !memchr(s.p, 0, s.n)) /* what is formatted ends at a NUL */
        assert(head_own_origin(str_fmt(a, "https://" STR_FMT, STR_ARG(s)),
                               str_fmt(a, "http://" STR_FMT, STR_ARG(s))));
    assert(!head_own_origin(s, S("")) && !head_own_origin(S("null"), own));
}

static void trace(Str s)
{
    char id[33] = "";
    if (!head_trace(s, id)) return;
    assert(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32 && strspn(id, "0") < 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str s = str_n((const char *)data, size), line = s;
    ptrdiff_t end = str_find(s, '\n');
    if (end >= 0) line = str_n(s.p, (size_t)end);
    addresses(line);
    addresses(s);
    origins(a, line);
    trace(s);
    bool gzip = head_accepts_gzip(line), tag = head_has_tag(line, S("\"e1\""));
    if (gzip) assert(line.n >= 4);
    if (tag) assert(line.n >= 1);
    if (guard_no_cookie(line)) assert(line.n > 7);
    return 0;
}
