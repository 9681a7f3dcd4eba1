/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Life of the server: the listening socket, libmicrohttpd's daemon, the list of connections with its limits,
 * the ticker that ends slow requests, the graceful stop.
 */
#include "http/http_int.h"
#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PRESSED = 12,
    BACKLOG = 1024,
    QUEUE_DEPTH = 4096,
    TICK_MS = 1000,
    JUMP_US = 1000 * 1000, /* of the wall clock: worth a line in the log */
    MHD_MARGIN_S = 30,
    MHD_POOL_SPARE = 16 << 10
};

/* ---- listening ---- */

static int bad_listen(const char *text, Err *err)
{
    err_set(err, ERR_INPUT, "监听地址“%.100s”写得不对", text);
    return err_hint(err, "例如 127.0.0.1:8080、[::1]:8080、:8080；端口 0 表示任取一个空闲端口");
}

static int parse_listen(const char *text, char host[128], char port[8], Err *err)
{
    Str s = str_c(text);
    const char *colon = strrchr(text, ':');
    int64_t n = 0;
    if (!colon || !str_int(str_c(colon + 1), &n) || n < 0 || n > 65535) return bad_listen(text, err);
    Str h = str_n(text, (size_t)(colon - text));
    if (str_starts(s, S("["))) {
        if (!str_ends(h, S("]"))) return bad_listen(text, err);
        h = str_n(h.p + 1, h.n - 2);
    } else if (str_find(h, ':') >= 0)
        return bad_listen(text, err);
    if (h.n >= 128) return bad_listen(text, err);
    snprintf(host, 128, STR_FMT, STR_ARG(h));
    snprintf(port, 8, "%d", (int)n);
    return 0;
}

static int open_socket(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG)) return fd;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

static int find_port(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n)) return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static int listen_on(Http *h, Err *err)
{
    char host[128], port[8];
    TRY(parse_listen(h->o.listen, host, port, err));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *list = NULL;
    if (getaddrinfo(host[0] ? host : NULL, port, &hints, &list)) return bad_listen(h->o.listen, err);
    int e = 0;
    for (const struct addrinfo *ai = list; ai && h->fd < 0; ai = ai->ai_next)
        if ((h->fd = open_socket(ai)) < 0) e = errno;
    freeaddrinfo(list);
    if (h->fd < 0) {
        err_set(err, ERR_IO, "不能在 %s 上监听：%s", h->o.listen,
                e == EADDRINUSE ? "端口已被占用" : strerrordesc_np(e));
        return err_hint(err, "换一个端口，或停掉占用它的程序");
    }
    h->port = find_port(h->fd);
    bool v6 = strchr(host, ':');
    snprintf(h->url, sizeof h->url, "http://%s%.64s%s:%d", v6 ? "[" : "", host[0] ? host : "127.0.0.1",
             v6 ? "]" : "", h->port);
    return 0;
}

/* ---- connections ---- */

static void ip_text(const struct sockaddr *a, char ret[64])
{
    ret[0] = 0;
    if (a->sa_family == AF_INET) inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, ret, 64);
    if (a->sa_family != AF_INET6) return;
    const struct in6_addr *in = &((const struct sockaddr_in6 *)a)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(in))
        inet_ntop(AF_INET, in->s6_addr + 12, ret, 64);
    else
        inet_ntop(AF_INET6, in, ret, 64);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
    Http *h = cls;
    char ip[64];
    int same = 0;
    (void)len;
    ip_text(addr, ip);
    if (!strncmp(ip, "127.", 4) || !strcmp(ip, "::1"))
        return MHD_YES; /* a proxy brings everybody from one address */
    pthread_mutex_lock(&h->lock);
    for (const Conn *c = h->conns; c; c = c->next) same += !strcmp(c->ip, ip);
    pthread_mutex_unlock(&h->lock);
    return same < h->o.per_ip ? MHD_YES : MHD_NO;
}

static void conn_open(Http *h, struct MHD_Connection *mhd, void **ctx)
{
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *addr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    Conn *c = xcalloc(1, sizeof *c);
    c->mhd = mhd;
    c->fd = fd ? fd->connect_fd : -1;
    c->since_us = clock_mono_us();
    if (addr && addr->client_addr) ip_text(addr->client_addr, c->ip);
    pthread_mutex_lock(&h->lock);
    c->next = h->conns;
    if (c->next) c->next->prev = c;
    h->conns = c;
    h->n_conns++;
    pthread_mutex_unlock(&h->lock);
    *ctx = c;
}

static void conn_close(Http *h, void **ctx)
{
    Conn *c = *ctx;
    if (!c) return;
    pthread_mutex_lock(&h->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        h->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    h->n_conns--;
    pthread_mutex_unlock(&h->lock);
    free(c);
    *ctx = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(cls, mhd, ctx);
    else
        conn_close(cls, ctx);
}

/* ---- the ticker ---- */

/* libmicrohttpd cannot answer while a body is coming in, so this one answer is written past it. Nothing else
   was written for this request, and the socket is closed for both sides right after. */
static void answer_timeout(int fd)
{
    static const char text[] =
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\nX-Content-Type-Options: "
        "nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nCache-Control: "
        "no-store\r\nConnection: close\r\n\r\n"
        "{\"type\":\"/problems/"
        "request-timeout\",\"title\":\"请求超时\",\"status\":408,\"detail\":\"请求内容没有在规定时间内收完\","
        "\"code\":\"REQUEST_TIMEOUT\",\"message\":\"请求内容没有在规定时间内收完\",\"details\":null,"
        "\"hint\":\"请检查网络后重试，或分成几次提交\"}";
    ssize_t n = send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n; /* a client that does not even read is not told */
    shutdown(fd, SHUT_RDWR);
}

static void look_over(Http *h, Conn *c, int64_t now)
{
    /* Nearly full: who only holds a place must use it sooner. */
    const int64_t idle = h->o.idle_s * US_PER_SEC / (h->n_conns > h->o.connections / 4 * 3 ? PRESSED : 1);
    if (!c->call) {
        if (now - c->since_us > idle) shutdown(c->fd, SHUT_RDWR);
        return;
    }
    int receiving = CALL_RECEIVING;
    bool late =
        now - c->call->start_us > h->o.body_s * US_PER_SEC || now - atomic_load(&c->call->last_us) > idle;
    if (late && atomic_compare_exchange_strong(&c->call->state, &receiving, CALL_TIMED_OUT))
        answer_timeout(c->fd);
}

/* Somebody set the clock, or the machine slept. Moments of records and leases follow the wall clock, so an
   operator who wonders about them finds here why. */
static void watch_clock(Http *h)
{
    int64_t off = clock_now_us() - clock_mono_us(), by = off - h->clock_off_us;
    h->clock_off_us = off;
    if (by > -JUMP_US && by < JUMP_US) return;
    atomic_fetch_add(&h->clock_jumps, 1);
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%.1f", (double)by / 1e6);
    log_event(LOG_WARN, "clock jump", STR_NONE, "seconds", seconds, NULL);
}

static void *tick(void *arg)
{
    Http *h = arg;
    h->clock_off_us = clock_now_us() - clock_mono_us();
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += TICK_MS / 1000;
        pthread_cond_timedwait(&h->tick, &h->lock, &at);
        watch_clock(h);
        int64_t now = clock_mono_us();
        for (Conn *c = h->conns; c && !h->stopping; c = c->next) look_over(h, c, now);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- start and stop ---- */

static int or_int(int v, int def) { return v > 0 ? v : def; }
static size_t or_size(size_t v, size_t def) { return v ? v : def; }

static void fill_options(HttpOptions *o)
{
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (!o->listen) o->listen = "127.0.0.1:8080";
    o->threads = or_int(o->threads, cores * 2 < 4 ? 4 : cores * 2);
    o->workers = or_int(o->workers, 64);
    o->connections = or_int(o->connections, 16384);
    o->per_ip = or_int(o->per_ip, 256);
    o->idle_s = or_int(o->idle_s, 60);
    o->body_s = or_int(o->body_s, 300);
    o->stop_s = or_int(o->stop_s, 10);
    o->header_bytes = or_size(o->header_bytes, 32 << 10);
    o->body_bytes = or_size(o->body_bytes, 64 << 20);
    o->file_bytes = or_size(o->file_bytes, 512 << 20);
    o->files_bytes = or_size(o->files_bytes, (size_t)2 << 30);
    o->public_body_bytes = or_size(o->public_body_bytes, 2 << 20);
    o->bodies_bytes = or_size(o->bodies_bytes, 512 << 20);
    o->answer_bytes = or_size(o->answer_bytes, 256 << 20);
}

/* Each connection is a descriptor; the shell's default of 1,024 is less than what is promised. */
static void raise_descriptors(int connections)
{
    struct rlimit l;
    rlim_t want = (rlim_t)connections + 512;
    if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= want) return;
    l.rlim_cur = l.rlim_max < want ? l.rlim_max : want;
    setrlimit(RLIMIT_NOFILE, &l);
}

/* Segments are decoded by the router, after splitting. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static int start_daemon(Http *h, Err *err)
{
    const HttpOptions *o = &h->o;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, h->fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, o->connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)(2 * o->header_bytes + MHD_POOL_SPARE), NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s + MHD_MARGIN_S, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_on_completed, h},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, h},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_on_uri, h},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, o->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, h,
                                 http_on_request, h, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!h->daemon) return err_set(err, ERR_INTERNAL, "网络服务没有启动成功");
    h->owns_fd = false;
    return 0;
}

static int start_ticker(Http *h, Err *err)
{
    if (pthread_create(&h->ticker, NULL, tick, h)) return err_set(err, ERR_INTERNAL, "系统不能再建线程");
    h->ticking = true;
    return 0;
}

static int start(Http *h, const Engine *const *engines, Err *err)
{
    TRY(router_init(&h->router, engines, err));
    h->metrics = metrics_new(&h->router);
    TRY(sse_new(h->city, &h->sse, err));
    TRY(queue_new(h->o.workers, QUEUE_DEPTH, &h->queue, err));
    TRY(listen_on(h, err));
    raise_descriptors(h->o.connections);
    TRY(start_ticker(h, err));
    return start_daemon(h, err);
}

int http_start(City *city, const Engine *const *engines, const HttpOptions *options, Http **ret, Err *err)
{
    Http *h = xcalloc(1, sizeof *h);
    pthread_condattr_t attr;
    h->city = city;
    h->o = options ? *options : (HttpOptions){0};
    fill_options(&h->o);
    h->fd = -1;
    h->owns_fd = true;
    h->started_us = clock_now_us();
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&h->tick, &attr);
    pthread_condattr_destroy(&attr);
    int rc = start(h, engines, err);
    if (rc < 0) {
        http_stop(h);
        return rc;
    }
    *ret = h;
    return 0;
}

int http_port(const Http *h) { return h->port; }
const char *http_url(const Http *h) { return h->url; }

static void stop_ticker(Http *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->tick);
    pthread_mutex_unlock(&h->lock);
    if (h->ticking) pthread_join(h->ticker, NULL);
}

static void wait_until_idle(Http *h)
{
    int64_t until = clock_mono_us() + h->o.stop_s * US_PER_SEC;
    while (clock_mono_us() < until && (atomic_load(&h->in_flight) > 0 || sse_count(h->sse) > 0))
        usleep(10000);
}

void http_stop(Http *h)
{
    if (!h) return;
    if (h->daemon) {
        MHD_socket fd = MHD_quiesce_daemon(h->daemon);
        if (fd != MHD_INVALID_SOCKET) close(fd);
        sse_end_streams(h->sse);
        wait_until_idle(h);
    }
    stop_ticker(h);
    queue_free(h->queue); /* finishes what was begun: an answered write must not be lost, nor a begun one
                             answered twice */
    if (h->daemon) MHD_stop_daemon(h->daemon);
    if (h->owns_fd && h->fd >= 0) close(h->fd);
    sse_free(h->sse);
    metrics_free(h->metrics);
    router_done(&h->router);
    pthread_cond_destroy(&h->tick);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static const Route routes[] = {
    {"GET", "/api/map", NULL, ROUTE_ANY_USER, map_route, NULL, "底图：本市配置的瓦片服务"},
    {"GET", "/api/map/{z}/{x}/{y}", NULL, ROUTE_ANY_USER | ROUTE_WRITES, tile_route, NULL, "底图的一张瓦片"},
    {"GET", "/api/openapi.json", NULL, ROUTE_ANY_USER, openapi_route, NULL, "接口说明（OpenAPI 3.1）"},
    {"GET", "/api/problems", NULL, ROUTE_PUBLIC, problem_list, NULL, "错误类型一览"},
    {"GET", "/api/stream", NULL, ROUTE_ANY_USER | ROUTE_STREAM, sse_route, NULL, "实时变更"},
    {"GET", "/healthz", NULL, ROUTE_PUBLIC, health_route, NULL, "运行状况"},
    {"GET", "/metrics", NULL, ROUTE_PUBLIC, metrics_route, NULL, "运行指标（Prometheus）"},
    {"GET", "/problems/{type}", NULL, ROUTE_PUBLIC, problem_page, NULL, "错误类型说明"},
    {0},
};

const Engine http_engine = {.name = "http", .routes = routes};
