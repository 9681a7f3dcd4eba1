/* SPDX-License-Identifier: MulanPSL-2.0 */
/* From a finished Request to libmicrohttpd's response: headers that every answer has, the handler's own,
   compression (RFC 9110 §8.4.1) where it pays. */
#include "http/http_int.h"
#include "base/clock.h"

#include <unistd.h>
#include <zlib.h>

enum { GZIP_MIN = 1024, SSE_BLOCK = 16 << 10, FILE_BLOCK = 64 << 10 };

static const char *const fixed[][2] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                                "data: blob:; connect-src 'self'; font-src 'self'; worker-src 'self'; "
                                "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
                                "require-trusted-types-for 'script'; trusted-types vue chengshu"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "same-origin"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"}, /* for browsers and scanners that do not read frame-ancestors */
};

static bool has_header(const Request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (str_ieq(rq->headers[i].name, str_c(name))) return true;
    return false;
}

/* A line break in a value would be a second header; such a value is left out. */
static void add_header(struct MHD_Response *r, Arena *a, Str name, Str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t') return;
    MHD_add_response_header(r, str_cdup(a, name), str_cdup(a, value));
}

static void add_headers(struct MHD_Response *r, const Request *rq)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        MHD_add_response_header(r, fixed[i][0], fixed[i][1]);
    if (str_starts(rq->base_url, S("https:"))) /* RFC 6797 §7.2: never over plain HTTP */
        MHD_add_response_header(r, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    if (!has_header(rq, "Cache-Control")) MHD_add_response_header(r, "Cache-Control", "no-store");
    add_header(r, rq->arena, S("X-Trace-Id"), rq->trace);
    bool empty = rq->status == 204 || rq->status == 304;
    if (!empty && !has_header(rq, "Content-Type"))
        add_header(r, rq->arena, S("Content-Type"),
                   str_c(rq->content_type ? rq->content_type : "application/json; charset=utf-8"));
    for (size_t i = 0; i < rq->n_headers; i++)
        add_header(r, rq->arena, rq->headers[i].name, rq->headers[i].value);
}

bool answer_accepts_gzip(const Request *rq) { return head_accepts_gzip(call_header(rq, "Accept-Encoding")); }

static bool is_text(const char *type)
{
    return !type || !strncmp(type, "text/", 5) || strstr(type, "json") || strstr(type, "javascript") ||
           strstr(type, "xml");
}

/* Replaces rq->out by its gzip form; leaves it alone when anything stands in the way. A handler's ETag is a
   strong name of these very bytes (and If-Match takes it back), so such answers stay as they are. */
static void compress_answer(Request *rq)
{
    if (rq->out.n < GZIP_MIN || !is_text(rq->content_type)) return;
    if (has_header(rq, "ETag") || has_header(rq, "Content-Encoding") || !answer_accepts_gzip(rq)) return;
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
    size_t max = deflateBound(&z, rq->out.n);
    unsigned char *p = xmalloc(max);
    z.next_in = (unsigned char *)rq->out.p;
    z.avail_in = (uInt)rq->out.n;
    z.next_out = p;
    z.avail_out = (uInt)max;
    bool done = rq->out.n < UINT32_MAX && max < UINT32_MAX && deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t n = z.total_out;
    deflateEnd(&z);
    if (!done || n >= rq->out.n) {
        free(p);
        return;
    }
    free(rq->out.p);
    rq->out.p = (char *)p;
    rq->out.n = n;
    rq->out.cap = max;
    request_header(rq, "Content-Encoding", S("gzip"));
}

static struct MHD_Response *from_out(Request *rq)
{
    size_t n = rq->out.n;
    if (!n) return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *r = MHD_create_response_from_buffer(n, rq->out.p, MHD_RESPMEM_MUST_FREE);
    if (r) rq->out = (Buf){.max = rq->out.max};
    return r;
}

static struct MHD_Response *make(Call *c)
{
    Request *rq = &c->rq;
    if (rq->stream) {
        sse_attach(rq->stream, c->mhd);
        struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SSE_BLOCK, sse_reader,
                                                                   rq->stream, sse_closed);
        if (r) rq->stream = NULL;
        return r;
    }
    if (rq->file_fd >= 0) {
        struct MHD_Response *r = MHD_create_response_from_fd64((uint64_t)rq->file_size, rq->file_fd);
        if (r) rq->file_fd = -1;
        return r;
    }
    compress_answer(rq);
    return from_out(rq);
}

enum MHD_Result answer_send(Call *c)
{
    Request *rq = &c->rq;
    if (rq->out.over) {
        Err err = ERR_INIT;
        err_set(&err, ERR_TOO_LARGE, "结果太大，一次给不完");
        err_hint(&err, "请用 limit 与 offset 分页，或只选需要的字段");
        problem_answer(rq, &err);
    }
    c->sent = rq->file_fd >= 0 ? (size_t)rq->file_size : rq->out.n;
    bool varies = rq->out.n >= GZIP_MIN && is_text(rq->content_type) && !has_header(rq, "Vary");
    c->answered_us = clock_mono_us();
    if (rq->stream) {
        c->streams = true; /* http_stop does not wait for it */
        atomic_fetch_sub(&c->http->in_flight, 1);
    }
    struct MHD_Response *r = make(c);
    if (!r) return MHD_NO;
    add_headers(r, rq);
    if (varies) MHD_add_response_header(r, "Vary", "Accept-Encoding");
    atomic_store(&c->state, CALL_ANSWERED);
    enum MHD_Result ok = MHD_queue_response(c->mhd, (unsigned)rq->status, r);
    MHD_destroy_response(r);
    return ok;
}
