/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Files: the bytes go to the blobs, a record of entity `file` names them. Download is as the record's access
 * says. */
#include "model/record_http.h"
#include "model/record_http_int.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/city.h"
#include "model/record_int.h"
#include "model/url.h"
#include "model/value.h"

typedef struct Upload {
    Request *rq;
    const Entity *e;
    Str name, media_type;
    char blob[BLOB_ID_SIZE];
    int64_t size;
    Str id;
} Upload;

static int put(Arena *a, const Entity *e, Input *in, const char *name, Str value, Err *err)
{
    return input_set_text(a, e, entity_field(e, str_c(name)), value, false, in, err);
}

static int upload_tx(Tx *tx, void *p, Err *err)
{
    Upload *u = p;
    _cleanup_arena_ Arena *a = arena_new();
    Writer w = {a, u->rq->city->model, tx, u->rq->who, u->rq->trace, clock_now_us(), false};
    Input in = input_new(a, u->e);
    Str id;
    TRY(put(a, u->e, &in, "name", u->name, err));
    TRY(put(a, u->e, &in, "media_type", u->media_type, err));
    TRY(put(a, u->e, &in, "size", str_fmt(a, "%lld", (long long)u->size), err));
    TRY(put(a, u->e, &in, "blob", str_c(u->blob), err));
    TRY(record_insert(&w, u->e, &in, &id, err));
    u->id = str_dup(u->rq->arena, id);
    return 0;
}

/* Only types that a browser does not run are given back as they are; the rest are downloads. */
static Str safe_type(Str type)
{
    static const char *const shown[] = {"application/pdf", "image/gif", "image/jpeg", "image/png",
                                        "image/webp",      "text/csv",  "text/plain", NULL};
    for (size_t i = 0; shown[i]; i++)
        if (str_ieq(type, str_c(shown[i]))) return type;
    return S("application/octet-stream");
}

static Str file_name(Request *rq)
{
    Str name = request_param(rq, "name");
    return name.n ? name : url_decode(rq->arena, rq->header(rq, "X-File-Name"), false);
}

static Str base_name(Str name)
{
    for (size_t i = name.n; i-- > 0;)
        if (name.p[i] == '/' || name.p[i] == '\\') return str_from(name, i + 1);
    return name;
}

/* Value of a parameter in a header: name="file"; empty when absent. */
static Str header_param(Str header, const char *name)
{
    Str part;
    while (str_split(&header, ';', &part)) {
        part = str_trim(part);
        size_t n = strlen(name);
        if (part.n <= n || part.p[n] != '=' || !str_ieq(str_n(part.p, n), str_c(name))) continue;
        Str v = str_from(part, n + 1);
        return v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"' ? str_n(v.p + 1, v.n - 2) : v;
    }
    return STR_NONE;
}

/* The first part of a form that has a file name (RFC 7578): its bytes, name and type. */
static int form_file(Request *rq, Upload *u, Str type, Str *ret, Err *err)
{
    Str boundary = header_param(type, "boundary"), rest = rq->body;
    if (!boundary.n || boundary.n > 200) return err_set(err, ERR_INPUT, "表单缺少 boundary");
    Str mark = str_fmt(rq->arena, "--" STR_FMT, STR_ARG(boundary)),
        end = str_fmt(rq->arena, "\r\n--" STR_FMT, STR_ARG(boundary));
    ptrdiff_t at = str_find_str(rest, mark);
    while (at >= 0) {
        rest = str_from(rest, (size_t)at + mark.n);
        ptrdiff_t body = str_find_str(rest, S("\r\n\r\n"));
        ptrdiff_t stop = body < 0 ? -1 : (ptrdiff_t)str_find_str(str_from(rest, (size_t)body + 4), end);
        if (stop < 0) break;
        Str head = str_n(rest.p, (size_t)body), line;
        *ret = str_n(rest.p + body + 4, (size_t)stop);
        while (str_split(&head, '\n', &line)) {
            line = str_trim(line);
            ptrdiff_t colon = str_find(line, ':');
            if (colon < 0) continue;
            Str name = str_n(line.p, (size_t)colon), value = str_trim(str_from(line, (size_t)colon + 1));
            if (str_ieq(name, S("Content-Disposition"))) u->name = header_param(value, "filename");
            if (str_ieq(name, S("Content-Type"))) u->media_type = value;
        }
        if (u->name.n) return 0;
        rest = str_from(rest, (size_t)body + 4 + (size_t)stop + 2);
        at = str_find_str(rest, mark);
    }
    return err_set(err, ERR_INPUT, "表单里没有文件"), err_hint(err, "文件那一项要有 filename");
}

int files_post(Request *rq, Err *err)
{
    Upload u = {.rq = rq};
    BlobWriter *w;
    Access access;
    u.e = model_entity(rq->city->model, S("file"));
    TRY(access_check(rq->who, u.e, OP_CREATE, &access, err));
    Str type = str_trim(rq->header(rq, "Content-Type")), bytes = rq->body;
    if (type.n > 20 && str_ieq(str_n(type.p, 20), S("multipart/form-data;")))
        TRY(form_file(rq, &u, type, &bytes, err));
    else
        u.name = file_name(rq), u.media_type = type;
    u.name = text_tidy(rq->arena, base_name(u.name));
    u.media_type = text_cut(u.media_type, 100);
    if (!u.name.n || !text_valid(u.name)) {
        err_set(err, ERR_INPUT, "缺少文件名");
        return err_hint(err, "写成 POST /api/files?name=文件名，正文是文件内容");
    }
    TRY(blob_begin(rq->city->store, &w, err));
    if (blob_write(w, bytes, err) < 0) return blob_abort(w), -(int)err->code;
    TRY(blob_commit(w, u.blob, &u.size, err));
    TRY(store_tx(rq->city->store, "upload", upload_tx, &u, err));
    JsonWriter jw;
    jw_init(&jw, &rq->out);
    jw_object(&jw);
    jw_kstr(&jw, "id", u.id);
    jw_kstr(&jw, "name", u.name);
    jw_kstr(&jw, "media_type", u.media_type);
    jw_kint(&jw, "size", u.size);
    jw_kstr(&jw, "blob", str_c(u.blob));
    jw_object_end(&jw);
    rq->status = 201;
    request_header(rq, "Location", str_fmt(rq->arena, "/api/files/" STR_FMT, STR_ARG(u.id)));
    return 0;
}

static int find_tx(Tx *tx, void *p, Err *err)
{
    Upload *u = p;
    Writer w = {u->rq->arena, u->rq->city->model, tx, u->rq->who, u->rq->trace, 0, false};
    Access access;
    Stored s;
    Val id;
    TRY(access_check(u->rq->who, u->e, OP_READ, &access, err));
    TRY(record_id(w.a, u->e, u->id, &id, err));
    TRY(record_load(&w, u->e, id, &access, &s, err));
    u->name = s.in.vals[entity_field(u->e, S("name"))->i].s;
    Val type = s.in.vals[entity_field(u->e, S("media_type"))->i];
    u->media_type = type.kind == VAL_TEXT ? type.s : S("");
    Str blob = s.in.vals[entity_field(u->e, S("blob"))->i].s;
    snprintf(u->blob, sizeof u->blob, STR_FMT, STR_ARG(blob));
    return 0;
}

int file_get(Request *rq, Err *err)
{
    Upload u = {.rq = rq, .id = rq->params[0]};
    u.e = model_entity(rq->city->model, S("file"));
    TRY(store_read(rq->city->store, "file", find_tx, &u, err));
    TRY(blob_open(rq->city->store, u.blob, &rq->file_fd, &rq->file_size, err));
    rq->content_type = str_cdup(rq->arena, safe_type(u.media_type));
    record_attachment(rq, u.name);
    request_header(rq, "ETag", str_fmt(rq->arena, "\"%s\"", u.blob));
    return 0;
}
