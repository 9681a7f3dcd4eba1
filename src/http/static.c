/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The files of web/, embedded in the program. Names do not change with their content, so browsers ask each
   time and are told 304 (RFC 9110 §13.1.2) as long as the ETag is the same. */
#include "http/http_int.h"

static const WebFile *find(Str path)
{
    if (str_is(path, "/")) path = S("/index.html");
    for (size_t i = 0; i < web_files_n; i++)
        if (str_is(path, web_files[i].path)) return &web_files[i];
    return NULL;
}

/* "*" or a list of tags; W/ does not matter here. */
static bool matches(Str list, const char *etag)
{
    Str part;
    while (str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, S("W/"))) part = str_from(part, 2);
        if (str_is(part, etag) || str_is(part, "*")) return true;
    }
    return false;
}

bool static_answer(Call *c)
{
    Request *rq = &c->rq;
    if (!str_is(rq->method, "GET")) return false;
    const WebFile *f = find(rq->path);
    if (!f) return false;
    request_header(rq, "Cache-Control", S("no-cache"));
    request_header(rq, "Vary", S("Accept-Encoding"));
    request_header(rq, "ETag", str_fmt(rq->arena, "W/%s", f->etag));
    rq->content_type = f->type;
    if (matches(call_header(rq, "If-None-Match"), f->etag)) {
        rq->status = 304;
        return true;
    }
    bool zipped = f->gzip && answer_accepts_gzip(rq);
    if (zipped) request_header(rq, "Content-Encoding", S("gzip"));
    if (zipped)
        buf_add(&rq->out, str_n((const char *)f->gzip, f->gzip_size));
    else
        buf_add(&rq->out, str_n((const char *)f->data, f->size));
    return true;
}
