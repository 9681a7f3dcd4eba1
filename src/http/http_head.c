/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What values of headers mean, apart from any connection: host, client behind a proxy, origin, trace, coding,
   tags. */
#include "http/http_int.h"

#include <arpa/inet.h>

bool head_host_valid(Str host)
{
    if (!host.n || host.n > 255) return false;
    for (size_t i = 0; i < host.n; i++) {
        char x = host.p[i];
        bool ok =
            (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || strchr(".-_:[]", x);
        if (!x || !ok) return false;
    }
    return true;
}

Str head_forwarded_for(Str header)
{
    Str part, last = STR_NONE;
    while (str_split(&header, ',', &part)) last = str_trim(part);
    char text[64];
    struct in6_addr addr;
    if (!last.n || last.n >= sizeof text || memchr(last.p, 0, last.n)) return STR_NONE;
    memcpy(text, last.p, last.n);
    text[last.n] = 0;
    return inet_pton(AF_INET, text, &addr) == 1 || inet_pton(AF_INET6, text, &addr) == 1 ? last : STR_NONE;
}

static Str behind_scheme(Str url)
{
    ptrdiff_t at = str_find_str(url, S("://"));
    if (at < 0) return STR_NONE;
    Str scheme = str_n(url.p, (size_t)at);
    return str_ieq(scheme, S("http")) || str_ieq(scheme, S("https")) ? str_from(url, (size_t)at + 3)
                                                                     : STR_NONE;
}

bool head_own_origin(Str origin, Str base_url)
{
    Str host = behind_scheme(origin);
    return host.n && str_ieq(host, behind_scheme(base_url));
}

bool head_trace(Str t, char ret[33])
{
    bool ok = t.n >= 55 && t.p[2] == '-' && t.p[35] == '-' && t.p[52] == '-' && !str_starts(t, S("ff"));
    bool some = false;
    for (size_t i = 3; ok && i < 35; i++) {
        ok = (t.p[i] >= '0' && t.p[i] <= '9') || (t.p[i] >= 'a' && t.p[i] <= 'f');
        some |= t.p[i] != '0';
    }
    if (!ok || !some) return false;
    memcpy(ret, t.p + 3, 32);
    ret[32] = 0;
    return true;
}

bool head_accepts_gzip(Str list)
{
    Str part;
    while (str_split(&list, ',', &part)) {
        Str name = part, q = STR_NONE;
        ptrdiff_t semi = str_find(part, ';');
        if (semi >= 0) name = str_n(part.p, (size_t)semi), q = str_trim(str_from(part, (size_t)semi + 1));
        if (!str_ieq(str_trim(name), S("gzip"))) continue;
        double weight = 1;
        if (str_starts(q, S("q=")) && !str_real(str_from(q, 2), &weight)) return false;
        return weight > 0;
    }
    return false;
}

bool head_has_tag(Str list, Str etag)
{
    Str part;
    while (str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, S("W/"))) part = str_from(part, 2);
        if (str_eq(part, etag) || str_is(part, "*")) return true;
    }
    return false;
}
