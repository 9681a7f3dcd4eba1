/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "base/err.h"

#include <errno.h>

static const struct {
    const char *name;
    int status;
    const char *type, *title;
} rows[ERR_N] = {
    [ERR_NONE] = {"NONE", 200, "none", ""},
#define E(code, status, type, title) [ERR_##code] = {#code, status, type, title},
#include "base/err.def"
#undef E
};

static void vput(char *dst, size_t cap, const char *fmt, va_list ap)
{
    int n = vsnprintf(dst, cap, fmt, ap);
    if (n < 0) dst[0] = 0;
    if ((size_t)n < cap) return;
    /* Never leave half a UTF-8 character at the end. */
    size_t end = cap - 1;
    while (end && ((unsigned char)dst[end - 1] & 0xC0) == 0x80) end--;
    if (end && (unsigned char)dst[end - 1] >= 0xC0) end--;
    dst[end] = 0;
}

#define VPUT(dst)                                                                                            \
    do {                                                                                                     \
        va_list ap;                                                                                          \
        va_start(ap, fmt);                                                                                   \
        vput(dst, sizeof(dst), fmt, ap);                                                                     \
        va_end(ap);                                                                                          \
    } while (0)

int err_set(Err *err, ErrCode code, const char *fmt, ...)
{
    if (err) {
        *err = ERR_INIT;
        err->code = code;
        VPUT(err->msg);
    }
    return -(int)code;
}

int err_io(Err *err, int why, const char *fmt, ...)
{
    const bool full = why == ENOSPC || why == EDQUOT || why == EFBIG;
    char what[sizeof err->msg - 128];
    VPUT(what);
    err_set(err, full ? ERR_FULL : ERR_IO, "%s：%s", what, strerror(why));
    return full ? err_hint(err, "腾出磁盘空间") : -(int)ERR_IO;
}

bool err_passes(ErrCode code)
{
    return code == ERR_BUSY || code == ERR_FULL || code == ERR_IO || code == ERR_RETRY || code == ERR_UNKNOWN;
}

int err_wrap(Err *err, const char *fmt, ...)
{
    if (!err) return -(int)ERR_INTERNAL;
    char context[256], whole[sizeof err->msg + sizeof context + 8];
    VPUT(context);
    snprintf(whole, sizeof whole, "%s：%s", context, err->msg);
    memcpy(err->msg, whole, sizeof err->msg - 1);
    err->msg[sizeof err->msg - 1] = 0;
    return -(int)err->code;
}

int err_hint(Err *err, const char *fmt, ...)
{
    if (!err) return -(int)ERR_INTERNAL;
    VPUT(err->hint);
    return -(int)err->code;
}

int err_pointer(Err *err, const char *fmt, ...)
{
    if (!err) return -(int)ERR_INTERNAL;
    VPUT(err->pointer);
    return -(int)err->code;
}

int err_subject(Err *err, const char *fmt, ...)
{
    if (!err) return -(int)ERR_INTERNAL;
    VPUT(err->subject);
    return -(int)err->code;
}

void err_at(Err *err, const char *file, int line, int col)
{
    if (!err) return;
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    err->line = line;
    err->col = col;
}

int err_status(ErrCode code) { return rows[code].status; }
const char *err_type(ErrCode code) { return rows[code].type; }
const char *err_title(ErrCode code) { return rows[code].title; }
const char *err_name(ErrCode code) { return rows[code].name; }
