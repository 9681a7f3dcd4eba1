/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Problem documents (RFC 9457) and the pages that explain their types. The members code, message, details and
 * hint are what PostgREST clients read.
 */
#include "http/http_int.h"

#include <unistd.h>

/* The fault is on our side and its details are nobody's business but the operator's. */
static bool is_secret(ErrCode code)
{
    return code == ERR_FULL || code == ERR_INTERNAL || code == ERR_IO || code == ERR_VERIFY;
}

static const char *detail_of(const Err *err)
{
    if (err->code == ERR_FULL) return "服务器的磁盘满了，没有写入；查询照常，腾出空间后会自动恢复";
    if (is_secret(err->code)) return "系统出了问题，操作没有完成；请稍后再试，仍不行请把追踪号告诉管理员";
    return err->msg[0] ? err->msg : err_title(err->code);
}

static void write_problem(JsonWriter *w, const Request *rq, const Err *err)
{
    const char *detail = detail_of(err), *hint = is_secret(err->code) ? "" : err->hint;
    jw_object(w);
    jw_key(w, S("type"));
    jw_str(w, str_fmt(rq->arena, "/problems/%s", err_type(err->code)));
    jw_kstr(w, "title", str_c(err_title(err->code)));
    jw_kint(w, "status", rq->status);
    jw_kstr(w, "detail", str_c(detail));
    if (err->pointer[0]) jw_kstr(w, "pointer", str_c(err->pointer));
    jw_kstr(w, "trace", rq->trace);
    if (!is_secret(err->code)) {
        if (err->line > 0) jw_kint(w, "line", err->line);
        if (err->col > 0) jw_kint(w, "column", err->col);
        if (err->at >= 0) jw_kint(w, "offset", err->at);
    }
    jw_kstr(w, "code", str_c(err_name(err->code)));
    jw_kstr(w, "message", str_c(detail));
    jw_key(w, S("details"));
    if (err->pointer[0])
        jw_str(w, str_c(err->pointer));
    else
        jw_null(w);
    jw_key(w, S("hint"));
    if (hint[0])
        jw_str(w, str_c(hint));
    else
        jw_null(w);
    jw_object_end(w);
}

static void retry_after(Request *rq, ErrCode code)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (str_ieq(rq->headers[i].name, S("Retry-After"))) return;
    if (err_passes(code) && code != ERR_UNKNOWN) /* that one is not to be repeated unseen */
        request_header(rq, "Retry-After", code == ERR_FULL ? S("30") : S("1"));
}

void problem_answer(Request *rq, const Err *err)
{
    if (is_secret(err->code)) log_err("request failed", rq->trace, err);
    if (rq->file_fd >= 0) close(rq->file_fd);
    if (rq->stream) sse_closed(rq->stream);
    rq->file_fd = -1;
    rq->stream = NULL;
    rq->status = err_status(err->code);
    rq->content_type = "application/problem+json";
    buf_clear(&rq->out);
    rq->out.over = false;
    if (rq->n_headers < sizeof rq->headers / sizeof *rq->headers) retry_after(rq, err->code);
    JsonWriter w;
    jw_init(&w, &rq->out);
    write_problem(&w, rq, err);
    ((Call *)rq->server)->failed_type = str_c(err_type(err->code));
}

static const struct {
    ErrCode code;
    int status;
    const char *type, *title;
} types[] = {
#define E(code, status, type, title) {ERR_##code, status, type, title},
#include "base/err.def"
#undef E
};
enum { TYPES = sizeof types / sizeof *types };

/* What the person or program that met the error can do. */
static const char *advice(ErrCode code)
{
    switch (code) {
    case ERR_BUSY:
    case ERR_RETRY:
    case ERR_IO: return "稍后重试；应答头 Retry-After 说明等多少秒。重复出现时请联系管理员。";
    case ERR_CONFLICT: return "按说明改正后再提交。";
    case ERR_DATA_LOSS: return "确认确实要丢弃这些数据后，用 --allow-data-loss 指明名称再执行。";
    case ERR_FORBIDDEN: return "向安全管理员申请所需的权限。";
    case ERR_FULL: return "内容没有写入。管理员腾出磁盘空间后会自动恢复，不用重启；查询照常。";
    case ERR_INPUT:
    case ERR_USAGE: return "pointer 指出有误的参数或字段；按 hint 改正后重试。";
    case ERR_INTERNAL:
    case ERR_VERIFY: return "把追踪号 trace 告诉管理员，日志里有同一编号的记录。";
    case ERR_LOCKED: return "等待一段时间，或请管理员解锁。";
    case ERR_METHOD: return "应答头 Allow 列出了可以使用的方法。";
    case ERR_NOT_ACCEPTABLE: return "改用请求头 Accept 里受支持的格式。";
    case ERR_NOT_FOUND: return "检查网址和编号；记录可能已被删除，或不在您可以查看的范围内。";
    case ERR_PACK: return "用 chengshu check 查看每个错误所在的文件和行。";
    case ERR_PRECONDITION: return "重新读取记录，核对他人的修改，再提交您的修改。";
    case ERR_RANGE: return "减小 offset，或先查询总数。";
    case ERR_REFERENCE: return "先建立被引用的记录，或先解除引用。";
    case ERR_REQUEST_TIMEOUT: return "检查网络后重试。";
    case ERR_RUNNING: return "先停止正在运行的服务，或通过它的接口操作。";
    case ERR_TIMEOUT:
        return "缩小范围后再试：加上条件，按有索引的字段排序，用 after 翻页而不用很大的 offset。";
    case ERR_TOO_LARGE: return "分成几次提交或查询。";
    case ERR_TOO_MANY: return "放慢速度；应答头 Retry-After 说明等多少秒。";
    case ERR_UNAUTHORIZED: return "登录后重试；程序调用先 POST /api/session 取得令牌。";
    case ERR_UNKNOWN: return "数据库在保存时断开。先查询该记录，确认是否已保存，再决定是否重做。";
    case ERR_UNIQUE: return "改用另一个值，或修改已有的那条记录。";
    case ERR_UNSUPPORTED: return "按接口说明设置 Content-Type。";
    case ERR_VALIDATION: return "pointer 指出有误的字段；按说明改正后重试。";
    case ERR_NONE:
    case ERR_N: break;
    }
    return "";
}

static void write_type(JsonWriter *w, Arena *a, size_t i)
{
    jw_object(w);
    jw_kstr(w, "type", str_fmt(a, "/problems/%s", types[i].type));
    jw_kstr(w, "title", str_c(types[i].title));
    jw_kint(w, "status", types[i].status);
    jw_kstr(w, "code", str_c(err_name(types[i].code)));
    jw_kstr(w, "advice", str_c(advice(types[i].code)));
    jw_object_end(w);
}

int problem_list(Request *rq, Err *err)
{
    (void)err;
    JsonWriter w;
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < TYPES; i++) write_type(&w, rq->arena, i);
    jw_array_end(&w);
    return 0;
}

int problem_page(Request *rq, Err *err)
{
    for (size_t i = 0; i < TYPES; i++)
        if (str_is(rq->params[0], types[i].type)) {
            JsonWriter w;
            jw_init(&w, &rq->out);
            write_type(&w, rq->arena, i);
            return 0;
        }
    err_set(err, ERR_NOT_FOUND, "没有这种错误类型");
    return err_hint(err, "全部类型见 /api/problems");
}
