/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A read of everything as a file: journalled as an export, with flat memory whatever the size. */
#include "model/record_http_int.h"

#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static Str header_name(Arena *a, Str name) /* RFC 8187 */
{
    Buf b;
    buf_init(&b, 4000);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr(".-_", c))
            buf_addc(&b, (char)c);
        else
            buf_addf(&b, "%%%02X", c);
    }
    Str s = buf_dup(a, &b);
    buf_done(&b);
    return s;
}

void record_attachment(Request *rq, Str name)
{
    request_header(
        rq, "Content-Disposition",
        str_fmt(rq->arena, "attachment; filename*=UTF-8''" STR_FMT, STR_ARG(header_name(rq->arena, name))));
}

static int to_file(void *ctx, Str text, Err *err)
{
    int fd = ((Request *)ctx)->file_fd;
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0) return err_io(err, errno, "导出写不下去"), err_hint(err, "检查磁盘空间");
        text = str_from(text, (size_t)n);
    }
    return 0;
}

static int stream_tx(Tx *tx, void *p, Err *err)
{
    Get *g = p;
    _cleanup_arena_ Arena *a = arena_new();
    QueryCtx c = {a, g->rq->city->model, g->rq->who, g->rq->trace};
    if (ftruncate(g->rq->file_fd, 0) != 0 ||
        lseek(g->rq->file_fd, 0, SEEK_SET) != 0) /* a read may run twice */
        return err_io(err, errno, "导出写不下去");
    return record_stream(&c, tx, g->q, g->wish.format, to_file, g->rq, &g->result.rows, err);
}

static int exported_tx(Tx *tx, void *p, Err *err)
{
    const Get *g = p;
    const Request *rq = g->rq;
    Exported x = {
        rq->who,       rq->trace, g->e, text_cut_bytes(rq->query, 2000), str_c(record_media[g->wish.format]),
        g->result.rows};
    return record_exported(tx, &x, err);
}

static int watermark(Get *g, Err *err)
{
    Request *rq = g->rq;
    if (g->wish.format != FORMAT_CSV || !record_sensitive(g->q)) return 0;
    TRY(to_file(rq, record_watermark(rq->arena, rq->who, rq->trace, g->result.rows), err));
    return to_file(rq, S("\r\n"), err);
}

int record_download(Get *g, Err *err)
{
    Request *rq = g->rq;
    rq->file_fd = open(rq->city->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (rq->file_fd < 0) return err_io(err, errno, "不能建临时文件");
    TRY(store_read(rq->city->store, "download", stream_tx, g, err));
    TRY(store_tx(rq->city->store, "export", exported_tx, g, err));
    TRY(watermark(g, err));
    rq->file_size = lseek(rq->file_fd, 0, SEEK_CUR);
    if (rq->file_size < 0 || lseek(rq->file_fd, 0, SEEK_SET) != 0)
        return err_set(err, ERR_IO, "读不了临时文件");
    rq->content_type = record_media[g->wish.format];
    return 0;
}

bool record_is_download(const Get *g)
{
    bool rows = g->wish.format == FORMAT_CSV || g->wish.format == FORMAT_NDJSON ||
                g->wish.format == FORMAT_GEOJSON || g->wish.format == FORMAT_XLSX;
    return rows && !g->wish.count && !g->q->aggregate && (g->q->limit < 0 || g->q->limit > QUERY_ROWS_MAX);
}
