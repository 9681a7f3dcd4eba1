/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The one door to the outside (libcurl): HTTP calls and mail (RFC 5321, 5322). A pack may only call hosts
 * that the operator listed, and those only at public addresses unless listed as `private:HOST`; the address
 * is checked where the connection is made, after the name was looked up, so that a name cannot point inward.
 * No redirects, no proxy from the environment, bounded time and size.
 */
#include "base/sm.h"
#include "base/text.h"
#include "rule/engine_int.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <unistd.h>

enum { ANSWER_MAX = 65536, TIMEOUT_S = 10 };

bool net_allowed(const StrList *allow, Str host, bool *ret_private)
{
    bool found = false;
    *ret_private = false;
    for (size_t i = 0; i < allow->n; i++) {
        Str s = allow->items[i];
        bool private = str_starts(s, S("private:"));
        if (private) s = str_from(s, 8);
        if (!str_ieq(s, host)) continue;
        found = true;
        *ret_private |= private;
    }
    return found;
}

/* --- addresses
 * ---------------------------------------------------------------------------------------------------- */

/* Special-purpose blocks of IPv4 (RFC 6890) that are no place in the public net. */
static bool v4_inner(uint32_t ip)
{
    static const struct {
        uint32_t net;
        int bits;
    } rows[] = {{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},
                {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0000000, 24}, {0xC0A80000, 16},
                {0xC6120000, 15}, {0xE0000000, 4},  {0xF0000000, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((ip ^ rows[i].net) >> (32 - rows[i].bits) == 0) return true;
    return false;
}

static bool v6_inner(const uint8_t b[16])
{
    static const uint8_t zero[16];
    uint32_t v4 = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
    if (!memcmp(b, zero, 10) && b[10] == 0xFF && b[11] == 0xFF) return v4_inner(v4); /* mapped */
    if (!memcmp(b, zero, 12)) return true;                                           /* ::, ::1, compatible */
    if (b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xFF && b[3] == 0x9B) return v4_inner(v4); /* NAT64 */
    return (b[0] & 0xE0) != 0x20; /* only 2000::/3 is global unicast */
}

static bool inner(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return v4_inner(ntohl(in.sin_addr.s_addr));
    }
    if (sa->sa_family != AF_INET6) return true;
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof in6);
    return v6_inner(in6.sin6_addr.s6_addr);
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    bool *refused = ctx;
    (void)purpose;
    if (inner(&address->addr)) return *refused = true, CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- http
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct Body {
    size_t seen;
    Buf *keep; /* NULL = thrown away */
} Body;

static size_t swallow(char *p, size_t size, size_t n, void *ctx)
{
    Body *b = ctx;
    b->seen += size * n;
    if (b->seen > ANSWER_MAX) return 0;
    if (b->keep) buf_add(b->keep, str_n(p, size * n));
    return size * n;
}

static Str host_of(Arena *a, Str url)
{
    char *host = NULL;
    Str s = S("");
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, str_cdup(a, url), 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        s = str_dup(a, str_c(host));
    curl_free(host);
    curl_url_cleanup(u);
    return s;
}

static void common(CURL *c, char *error)
{
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 5L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

static int check_host(Arena *a, const Net *n, bool *ret_private, Err *err)
{
    Str host = host_of(a, n->url);
    *ret_private = true;
    if (!host.n) return err_set(err, ERR_INPUT, "网址写得不对");
    if (!n->allow || net_allowed(n->allow, host, ret_private)) return 0;
    err_set(err, ERR_FORBIDDEN, "不许调用主机 “" STR_FMT "”", STR_ARG(host));
    return err_hint(err, "由管理员把它写进 数据文件夹 settings.json 的 call_hosts");
}

int net_send(Arena *a, Net *n, Err *err)
{
    char error[CURL_ERROR_SIZE] = "";
    bool private, refused = false;
    Body answer = {.keep = n->answer};
    struct curl_slist *list = NULL;
    TRY(check_host(a, n, &private, err));
    CURL *c = curl_easy_init();
    if (!c) return err_set(err, ERR_INTERNAL, "不能发起调用");
    common(c, error);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_URL, str_cdup(a, n->url));
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, str_cdup(a, n->method));
    if (n->body.n || !str_is(n->method, "GET")) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n->body.n);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, n->body.n ? n->body.p : "");
    }
    list = curl_slist_append(list, str_fmt(a, "Content-Type: " STR_FMT, STR_ARG(n->content_type)).p);
    list = curl_slist_append(list, "Expect:");
    for (size_t i = 0; i < n->headers.n; i++)
        list = curl_slist_append(list, str_cdup(a, n->headers.items[i]));
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "chengshu");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
    if (!private) {
        curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &refused);
    }
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &n->status);
    curl_slist_free_all(list);
    curl_easy_cleanup(c);
    if (refused && rc != CURLE_OK) return err_set(err, ERR_FORBIDDEN, "该主机指向内部地址，不许调用");
    if (rc == CURLE_WRITE_ERROR && n->status && !n->answer)
        return 0; /* a long answer: its status is what counts */
    if (rc != CURLE_OK)
        return err_set(err, ERR_IO, "调用没有成功：%.200s", *error ? error : curl_easy_strerror(rc));
    return 0;
}

/* --- mail
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct Upload {
    Str rest;
} Upload;

static size_t feed(char *p, size_t size, size_t n, void *ctx)
{
    Upload *u = ctx;
    size_t take = size * n < u->rest.n ? size * n : u->rest.n;
    if (take) memcpy(p, u->rest.p, take);
    u->rest = str_from(u->rest, take);
    return take;
}

/* Subject as encoded words (RFC 2047), at most 30 characters each; body as base64 lines. */
static Str message(Arena *a, const Settings *st, Str to, Str subject, Str text, Str key)
{
    Buf b;
    char id[SM3_HEX_SIZE], now[64];
    time_t t = (time_t)(clock_now_us() / US_PER_SEC);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(now, sizeof now, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    sm3_hex(key, id);
    buf_init(&b, 1 << 20);
    buf_addf(&b, "Date: %s\r\nFrom: " STR_FMT "\r\nTo: " STR_FMT "\r\nMessage-ID: <%.32s@chengshu>\r\n", now,
             STR_ARG(st->mail_from), STR_ARG(to), id);
    buf_addf(&b, "X-Idempotency-Key: %.64s\r\nSubject:", id);
    if (!subject.n) buf_adds(&b, "\r\n");
    while (subject.n) {
        Str part = text_cut(subject, 12);
        buf_addf(&b, " =?UTF-8?B?" STR_FMT "?=\r\n", STR_ARG(base64_encode(a, part)));
        subject = str_from(subject, part.n);
    }
    buf_adds(&b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                 "base64\r\n\r\n");
    for (Str s = base64_encode(a, text); s.n; s = str_from(s, 76)) {
        buf_add(&b, str_n(s.p, s.n < 76 ? s.n : 76));
        buf_adds(&b, "\r\n");
    }
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

/* Mail goes out encrypted, except to a relay on the machine itself. */
static bool own_relay(Str url)
{
    static const char *const own[] = {"smtp://127.0.0.1", "smtp://localhost", "smtp://[::1]"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(own[i]);
        if (str_starts(url, str_c(own[i])) && (url.n == n || url.p[n] == ':' || url.p[n] == '/')) return true;
    }
    return false;
}

static bool address_ok(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == 127) return false;
    return s.n && s.n < 255 && str_find(s, '@') > 0;
}

int net_mail(Arena *a, const Settings *st, Str to, Str subject, Str text, Str key, Err *err)
{
    char error[CURL_ERROR_SIZE] = "";
    if (!st->smtp_url.n || !st->mail_from.n) return err_set(err, ERR_INPUT, "没有设置 smtp_url 和 mail_from");
    if (!address_ok(to)) return err_set(err, ERR_INPUT, "收件地址写得不对");
    CURL *c = curl_easy_init();
    if (!c) return err_set(err, ERR_INTERNAL, "不能发邮件");
    Upload u = {message(a, st, to, subject, text, key)};
    struct curl_slist *list = curl_slist_append(NULL, str_fmt(a, "<" STR_FMT ">", STR_ARG(to)).p);
    long code = 0;
    common(c, error);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c, CURLOPT_URL, str_cdup(a, st->smtp_url));
    curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(own_relay(st->smtp_url) ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, str_fmt(a, "<" STR_FMT ">", STR_ARG(st->mail_from)).p);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, list);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, feed);
    curl_easy_setopt(c, CURLOPT_READDATA, &u);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    curl_slist_free_all(list);
    curl_easy_cleanup(c);
    if (rc == CURLE_OK) return 0;
    /* 5xx: refused for good (RFC 5321 §4.2.1) */
    return err_set(err, code >= 500 ? ERR_INPUT : ERR_IO, "邮件没有发出：%.200s",
                   *error ? error : curl_easy_strerror(rc));
}
