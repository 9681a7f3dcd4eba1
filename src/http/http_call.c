/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * One call from its first line to its end. libmicrohttpd calls http_on_request once with the head, once for
 * every piece of body, once at the end, and again when a suspended call was resumed.
 */
#include "http/http_int.h"
#include "base/clock.h"
#include "base/text.h"
#include "model/url.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    ARENA_URI_MAX = 64 << 10,
    SWALLOW_MAX =
        1 << 20, /* a refused body up to this size is read to its end, so that the client sees the answer */
};

static Conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    Http *h = cls;
    Call *c = xcalloc(1, sizeof *c);
    c->http = h;
    c->mhd = mhd;
    c->arena = arena_new();
    c->uri = str_dup(c->arena, text_cut_bytes(str_c(uri), ARENA_URI_MAX));
    c->start_us = clock_mono_us();
    atomic_init(&c->last_us, c->start_us);
    c->rq = (Request){.arena = c->arena,
                      .city = h->city,
                      .who = &c->actor,
                      .target = c->uri,
                      .header = call_header,
                      .server = c,
                      .status = 200,
                      .file_fd = -1};
    buf_init(&c->rq.out, h->o.answer_bytes);
    c->conn = conn_of(mhd);
    atomic_fetch_add(&h->in_flight, 1);
    if (c->conn) {
        pthread_mutex_lock(&h->lock);
        c->conn->call = c;
        pthread_mutex_unlock(&h->lock);
    }
    return c;
}

/* The client's trace id, if it is one. */
static void set_trace(Call *c)
{
    if (!head_trace(call_header(&c->rq, "traceparent"), c->trace)) trace_new(c->trace);
    c->rq.trace = str_c(c->trace);
}

static int unknown_path(const RouteMatch *m, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "没有这个网址");
    if (m->near.n) return err_hint(err, "您要的可能是 " STR_FMT, STR_ARG(m->near));
    return err_hint(err, "全部接口见 /api/openapi.json");
}

static int unknown_method(Call *c, const RouteMatch *m, Err *err)
{
    request_header(&c->rq, "Allow", m->allow);
    err_set(err, ERR_METHOD, "这个网址不支持 " STR_FMT " 方法", STR_ARG(c->rq.method));
    return err_hint(err, "可以使用 " STR_FMT, STR_ARG(m->allow));
}

/* Finds the route; a page and OPTIONS are answered here (the answer stands in rq, c->ready is set). */
static int find_route(Call *c, Str path, Err *err)
{
    Request *rq = &c->rq;
    RouteMatch m;
    TRY(router_find(&c->http->router, c->arena, rq->method, path, &m, err));
    if (m.entry) {
        c->entry = m.entry;
        memcpy(rq->params, m.params, sizeof rq->params);
        return 0;
    }
    if (!m.allow.n && static_answer(c)) {
        c->ready = true;
        return 0;
    }
    if (!m.allow.n) return unknown_path(&m, err);
    if (!str_is(rq->method, "OPTIONS")) return unknown_method(c, &m, err);
    request_header(rq, "Allow", m.allow);
    rq->status = 204;
    c->ready = true;
    return 0;
}

static int check_head_size(Call *c, Err *err)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!i || i->header_size <= c->http->o.header_bytes) return 0;
    return err_set(err, ERR_TOO_LARGE, "请求头太大，最多 %zu 字节", c->http->o.header_bytes);
}

static int begin(Call *c, const char *method, Err *err)
{
    Request *rq = &c->rq;
    Str path = c->uri;
    ptrdiff_t q = str_find(path, '?');
    c->method = str_dup(c->arena, str_c(method));
    rq->method = str_is(c->method, "HEAD") ? S("GET") : c->method;
    rq->query = q < 0 ? S("") : str_from(path, (size_t)q + 1);
    if (q >= 0) path = str_n(path.p, (size_t)q);
    rq->path = url_decode(c->arena, path, false);
    c->bearer = guard_no_cookie(call_header(rq, "Authorization"));
    c->body_max = c->http->o.public_body_bytes;
    TRY(check_head_size(c, err));
    TRY(guard_framing(c, err));
    TRY(guard_addresses(c, err));
    if (!path.n || path.p[0] != '/') return err_set(err, ERR_INPUT, "网址应以 / 开头");
    TRY(find_route(c, path, err));
    return c->ready ? 0 : guard_head(c, err);
}

static void fail(Call *c, const Err *err)
{
    problem_answer(&c->rq, err);
    c->ready = true;
}

static void run(Call *c)
{
    Err err = ERR_INIT;
    c->rq.body = buf_str(&c->body);
    if ((c->rq.admit && c->rq.admit(&c->rq, &err) < 0) || c->entry->route->handle(&c->rq, &err) < 0)
        fail(c, &err);
    c->ready = true;
}

static void run_job(void *ctx)
{
    Call *c = ctx;
    run(c);
    struct MHD_Connection *mhd = c->mhd;
    atomic_store(&c->state, CALL_DONE);
    MHD_resume_connection(mhd); /* from here on the call belongs to the event loop again */
}

static enum MHD_Result to_worker(Call *c)
{
    atomic_store(&c->state, CALL_QUEUED);
    MHD_suspend_connection(c->mhd);
    if (queue_try_push(c->http->queue, run_job, c)) return MHD_YES;
    Err err = ERR_INIT;
    err_set(&err, ERR_BUSY, "同时办理的请求太多");
    err_hint(&err, "请稍后再试");
    fail(c, &err);
    atomic_store(&c->state, CALL_DONE);
    MHD_resume_connection(c->mhd);
    return MHD_YES;
}

static enum MHD_Result head(Call *c, const char *method)
{
    Err err = ERR_INIT;
    c->seen = true;
    set_trace(c);
    if (begin(c, method, &err) < 0) {
        fail(c, &err);
        c->refused = true;
    }
    buf_init(&c->body, c->body_max);
    int64_t n = 0;
    bool announced = str_int(call_header(&c->rq, "Content-Length"), &n);
    bool waits = call_header(&c->rq, "Expect").n > 0; /* for 100 Continue: has not sent its body yet */
    if (c->refused && (c->unclear || waits || (announced && n > SWALLOW_MAX))) return answer_send(c);
    return MHD_YES;
}

/* ROUTE_FILE: straight to a file in the data folder, so that memory stays flat. */
static void body_to_file(Call *c, Str data, Err *err)
{
    Request *rq = &c->rq;
    if (c->body_seen > c->body_max) {
        err_set(err, ERR_TOO_LARGE, "文件太大，最多可以是 %zu 字节", c->body_max);
        return;
    }
    c->file_counted += data.n;
    if (atomic_fetch_add(&c->http->files, data.n) + data.n > c->http->o.files_bytes) {
        err_set(err, ERR_BUSY, "同时上传的文件太多");
        err_hint(err, "请稍后再试");
        return;
    }
    if (!rq->body_fd) rq->body_fd = open(c->http->city->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (rq->body_fd < 0) rq->body_fd = 0;
    while (data.n && rq->body_fd) {
        ssize_t n = write(rq->body_fd, data.p, data.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        rq->body_size += n;
        data = str_from(data, (size_t)n);
    }
    if (!data.n) return;
    err_io(err, errno, "收到的文件写不下");
    err_hint(err, "请联系管理员检查磁盘空间");
}

static void take_body(Call *c, Str data)
{
    Http *h = c->http;
    c->body_seen += data.n;
    atomic_store(&c->last_us, clock_mono_us());
    if (c->ready) return;
    Err err = ERR_INIT;
    if (c->entry && c->entry->route->flags & ROUTE_FILE) {
        body_to_file(c, data, &err);
        if (!err.code) return;
        fail(c, &err);
        c->refused = true;
        return;
    }
    if (atomic_fetch_add(&h->bodies, data.n) + data.n > h->o.bodies_bytes) {
        err_set(&err, ERR_BUSY, "同时上传的内容太多");
        err_hint(&err, "请稍后再试");
    }
    c->body_counted += data.n;
    buf_add(&c->body, data);
    if (c->body.over) err_set(&err, ERR_TOO_LARGE, "请求内容太大，最多可以是 %zu 字节", c->body_max);
    if (!err.code) return;
    buf_done(&c->body);
    fail(c, &err);
    c->refused = true;
}

/* What must not hold up an event loop: waiting for a commit (a stated purpose makes reading an entry in the
   journal) and exports, which may be of any size. */
static bool is_long(const Call *c)
{
    static const char *const exports[] = {"text/csv", "geo+json", "ndjson", "spreadsheetml"};
    if (!str_is(c->rq.method, "GET") || (c->entry->route->flags & ROUTE_WRITES) || c->actor.purpose.n ||
        c->rq.admit)
        return true;
    Str accept = call_header(&c->rq, "Accept");
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        if (str_find_str(accept, str_c(exports[i])) >= 0) return true;
    return false;
}

enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **con_cls)
{
    (void)cls, (void)mhd, (void)url, (void)version;
    Call *c = *con_cls;
    if (!c || atomic_load(&c->state) == CALL_TIMED_OUT) return MHD_NO;
    if (!c->seen) return head(c, method);
    if (*size) {
        take_body(c, str_n(data, *size));
        *size = 0;
        return c->refused && c->body_seen > c->body_max + SWALLOW_MAX ? MHD_NO : MHD_YES;
    }
    int receiving = CALL_RECEIVING;
    if (atomic_compare_exchange_strong(&c->state, &receiving, CALL_READY)) {
        if (c->ready) return answer_send(c);
        if (is_long(c)) return to_worker(c);
        run(c);
        return answer_send(c);
    }
    return receiving == CALL_DONE ? answer_send(c) : MHD_NO;
}

/* Who was turned away, and from where (GB/T 22239-2019 §8.1.4.3): the only requests that name a person here.
 */
static bool is_refusal(int status)
{
    return status == 401 || status == 403 || status == 423 || status == 429;
}

static void log_call(const Call *c, int status, int64_t us)
{
    char code[16], ms[32], bytes[32];
    const char *user = NULL, *from = NULL;
    if (is_refusal(status)) {
        from = str_cdup(c->arena, c->rq.remote);
        if (c->actor.user.n) user = str_cdup(c->arena, c->actor.user);
    }
    snprintf(code, sizeof code, "%d", status);
    snprintf(ms, sizeof ms, "%.1f", (double)us / 1000);
    snprintf(bytes, sizeof bytes, "%zu", c->sent);
    const char *route = c->entry ? c->entry->route->path : status < 400 ? "page" : "none";
    log_event(status >= 500 ? LOG_WARN : LOG_INFO, "request", str_c(c->trace), "method",
              c->method.n ? c->method.p : "?", "route", route, "status", code, "ms", ms, "bytes", bytes,
              "problem", c->failed_type.p, "from", from, "user", user, NULL);
}

static void call_free(Call *c)
{
    if (c->rq.stream) sse_closed(c->rq.stream);
    if (c->rq.file_fd >= 0) close(c->rq.file_fd);
    if (c->rq.body_fd > 0) close(c->rq.body_fd);
    buf_done(&c->rq.out);
    buf_done(&c->body);
    arena_free(c->arena);
    free(c);
}

void http_on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why)
{
    (void)mhd;
    Http *h = cls;
    Call *c = *con_cls;
    if (!c) return;
    *con_cls = NULL;
    int state = atomic_load(&c->state);
    int64_t us = clock_mono_us() - c->start_us;
    /* 499: the client went away before the answer, as proxies write it */
    int status = state == CALL_TIMED_OUT ? 408 : state == CALL_ANSWERED ? c->rq.status : 499;
    if (c->conn) {
        pthread_mutex_lock(&h->lock);
        c->conn->call = NULL;
        c->conn->since_us = clock_mono_us();
        pthread_mutex_unlock(&h->lock);
    }
    (void)why;
    if (c->streams) us = c->answered_us - c->start_us;
    metrics_count(h->metrics, c->entry, status, us, c->sent);
    log_call(c, status, us);
    atomic_fetch_sub(&h->bodies, c->body_counted);
    atomic_fetch_sub(&h->files, c->file_counted);
    if (!c->streams) atomic_fetch_sub(&h->in_flight, 1);
    call_free(c);
}
