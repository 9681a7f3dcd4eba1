/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * What a request must pass before its body is read: a head that has one meaning, a sound Host, the session,
 * the permission of the route, the origin (a page of another site must not act with this site's cookie), the
 * announced size.
 */
#include "http/http_int.h"

Str call_header(const Request *rq, const char *name)
{
    const Call *c = rq->server;
    const char *v = NULL;
    size_t n = 0;
    if (MHD_lookup_connection_value_n(c->mhd, MHD_HEADER_KIND, name, strlen(name), &v, &n) != MHD_YES)
        return STR_NONE;
    return v ? str_n(v, n) : S("");
}

/* Heads that a proxy and this server could cut at different places (RFC 9112 §3.2, §6.3): what one takes for
   the body, the other would take for the next request. */
typedef struct Framing {
    int hosts, lengths, codings;
    bool odd; /* a transfer coding other than chunked alone */
} Framing;

static enum MHD_Result see_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    Framing *f = ctx;
    (void)kind;
    if (str_ieq(str_c(name), S("Host"))) f->hosts++;
    if (str_ieq(str_c(name), S("Content-Length"))) f->lengths++;
    if (!str_ieq(str_c(name), S("Transfer-Encoding"))) return MHD_YES;
    f->codings++;
    f->odd |= !str_ieq(str_trim(str_c(value ? value : "")), S("chunked"));
    return MHD_YES;
}

int guard_framing(Call *c, Err *err)
{
    Framing f = {0};
    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, see_header, &f);
    if (f.hosts <= 1 && f.lengths + f.codings <= 1 && !f.odd) return 0;
    c->unclear = true;
    request_header(&c->rq, "Connection", S("close")); /* what follows on it cannot be trusted */
    err_set(err, ERR_INPUT, "请求头 Host、Content-Length 或 Transfer-Encoding 有歧义");
    return err_hint(err, "每样只写一次；Content-Length 与 Transfer-Encoding: chunked 只写其中一个");
}

static bool is_loopback(const char *ip) { return !strncmp(ip, "127.", 4) || !strcmp(ip, "::1"); }

int guard_addresses(Call *c, Err *err)
{
    Request *rq = &c->rq;
    bool proxy = c->conn && is_loopback(c->conn->ip);
    Str host = call_header(rq, "Host"),
        via = proxy ? head_forwarded_for(call_header(rq, "X-Forwarded-For")) : STR_NONE;
    rq->remote = via.n ? via : str_c(c->conn ? c->conn->ip : "");
    if (!host.n) host = str_from(str_c(c->http->url), strlen("http://")); /* HTTP/1.0 */
    if (!head_host_valid(host)) return err_set(err, ERR_INPUT, "请求头 Host 不是有效的主机名");
    bool https = proxy && str_ieq(call_header(rq, "X-Forwarded-Proto"), S("https"));
    const char *known =
        c->http->city->public_url; /* what the operator says stands above what a client writes */
    rq->base_url =
        known ? str_c(known) : str_fmt(rq->arena, "%s://" STR_FMT, https ? "https" : "http", STR_ARG(host));
    return 0;
}

bool guard_no_cookie(Str authorization)
{
    static const char *const schemes[] = {"Bearer ", "CS-SM3 "};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (authorization.n > n && str_ieq(str_n(authorization.p, n), str_c(schemes[i]))) return true;
    }
    return false;
}

static bool safe_method(Str m) { return str_is(m, "GET") || str_is(m, "HEAD") || str_is(m, "OPTIONS"); }

static int foreign(Err *err)
{
    err_set(err, ERR_FORBIDDEN, "不接受其他网站的页面发来的修改请求");
    return err_hint(err, "请在本系统的页面上操作；程序调用请使用 Authorization: Bearer 令牌");
}

/* Browsers send Origin with every unsafe request; what has neither it nor Sec-Fetch-Site is no browser of
   today and must not rely on a cookie. */
static int check_origin(Call *c, Err *err)
{
    const Request *rq = &c->rq;
    if (safe_method(rq->method) || c->bearer) return 0;
    Str origin = call_header(rq, "Origin"), site = call_header(rq, "Sec-Fetch-Site");
    if (origin.n) return head_own_origin(origin, rq->base_url) ? 0 : foreign(err);
    if (site.n) return str_is(site, "same-origin") || str_is(site, "none") ? 0 : foreign(err);
    return c->actor.user.n ? foreign(err) : 0;
}

static int check_permission(Call *c, Err *err)
{
    const Route *r = c->entry->route;
    if (r->flags & ROUTE_PUBLIC) return 0;
    if (!c->actor.user.n && !c->actor.system) {
        request_header(&c->rq, "WWW-Authenticate", S("Bearer realm=\"chengshu\""));
        err_set(err, ERR_UNAUTHORIZED, "这项操作需要先登录");
        return err_hint(err, "请登录后再试；程序调用先 POST /api/session 取得令牌");
    }
    if (!r->permission || actor_may(&c->actor, r->permission)) return 0;
    err_set(err, ERR_FORBIDDEN, "您没有“%s”的权限", r->title);
    return err_hint(err, "需要权限 %s，请向安全管理员申请", r->permission);
}

static int check_size(Call *c, Err *err)
{
    int64_t n = 0;
    bool own = !(c->entry->route->flags & ROUTE_PUBLIC);
    bool file = c->entry->route->flags & ROUTE_FILE;
    c->body_max = file ? c->http->o.file_bytes : own ? c->http->o.body_bytes : c->http->o.public_body_bytes;
    if (str_int(call_header(&c->rq, "Content-Length"), &n) && n > (int64_t)c->body_max) {
        err_set(err, ERR_TOO_LARGE, "请求内容有 %lld 字节，最多可以是 %zu 字节", (long long)n, c->body_max);
        return err_hint(err, "请分成几次提交");
    }
    return 0;
}

static int check_type(Call *c, Err *err)
{
    const Route *r = c->entry->route;
    Str type = str_trim(call_header(&c->rq, "Content-Type"));
    if (!r->input || !type.n) return 0;
    ptrdiff_t semi = str_find(type, ';');
    if (semi >= 0) type = str_trim(str_n(type.p, (size_t)semi));
    if (str_ieq(type, S("application/json")) || str_ends(type, S("+json"))) return 0;
    err_set(err, ERR_UNSUPPORTED, "这里只接受 JSON");
    return err_hint(err, "请以 Content-Type: application/json 发送");
}

int guard_head(Call *c, Err *err)
{
    if (c->http->o.authenticate) TRY(c->http->o.authenticate(&c->rq, &c->actor, err));
    TRY(check_origin(c, err));
    if (!c->entry) return 0;
    TRY(check_permission(c, err));
    TRY(check_type(c, err));
    return check_size(c, err);
}
