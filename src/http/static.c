/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The built files of web/, embedded in the program. Files of assets/ carry a digest in their name and are
   kept by browsers for good; the others are asked for each time and told 304 (RFC 9110 §13.1.2) as long as
   the ETag is the same. The faces keep their state in the path, so everything below theirs is answered with
   their page. */
#include "http/http_int.h"

static const struct {
    const char *path, *page;
} faces[] = {{"/desk", "/index.html"}, {"/screen", "/screen.html"}, {"/portal", "/portal.html"}};

static Str page_of(Str path)
{
    if (str_is(path, "/")) return S("/index.html");
    for (size_t i = 0; i < sizeof faces / sizeof *faces; i++) {
        Str face = str_c(faces[i].path);
        if (str_eq(path, face) || (str_starts(path, face) && path.p[face.n] == '/'))
            return str_c(faces[i].page);
    }
    return path;
}

static const WebFile *find(Str path)
{
    path = page_of(path);
    for (size_t i = 0; i < web_files_n; i++)
        if (str_is(path, web_files[i].path)) return &web_files[i];
    return NULL;
}

bool static_answer(Call *c)
{
    Request *rq = &c->rq;
    if (!str_is(rq->method, "GET")) return false;
    const WebFile *f = find(rq->path);
    if (!f) return false;
    request_header(rq, "Cache-Control", f->steady ? S("public, max-age=31536000, immutable") : S("no-cache"));
    request_header(rq, "Vary", S("Accept-Encoding"));
    request_header(rq, "ETag", str_fmt(rq->arena, "W/%s", f->etag));
    rq->content_type = f->type;
    if (head_has_tag(call_header(rq, "If-None-Match"), str_c(f->etag))) {
        rq->status = 304;
        return true;
    }
    bool zipped = f->gzip_size && answer_accepts_gzip(rq);
    if (zipped) request_header(rq, "Content-Encoding", S("gzip"));
    size_t at = zipped ? f->gzip_at : f->at, size = zipped ? f->gzip_size : f->size;
    buf_add(&rq->out, str_n((const char *)web_bytes + at, size));
    return true;
}
