/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * One write(2) a line, so that lines of several threads and processes do not mix. A line that would be longer
 * than LINE_MAX_BYTES is replaced by a short one that says so: half a JSON line helps nobody.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 << 10 };

static const char *const level_names[LOG_N] = {"debug", "info", "warn", "error"};

static void begin(JsonWriter *w, Buf *line, LogLevel level, const char *what, Str trace)
{
    char now[CLOCK_SIZE];
    clock_format(clock_now_us(), now);
    buf_init(line, LINE_MAX_BYTES);
    jw_init(w, line);
    jw_object(w);
    jw_kstr(w, "time", str_c(now));
    jw_kstr(w, "level", str_c(level_names[level]));
    jw_kstr(w, "what", str_c(what));
    if (trace.n) jw_kstr(w, "trace", trace);
}

static void put(Str s)
{
    while (s.n) {
        ssize_t n = write(STDERR_FILENO, s.p, s.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* nowhere left to complain */
        s = str_from(s, (size_t)n);
    }
}

static void end(JsonWriter *w, Buf *line, LogLevel level, const char *what)
{
    jw_object_end(w);
    buf_addc(line, '\n');
    if (line->over) {
        buf_clear(line);
        buf_addf(line, "{\"level\":\"%s\",\"what\":\"log line too long\",\"of\":\"%.64s\"}\n",
                 level_names[level], what && !strpbrk(what, "\"\\\n") ? what : "");
    }
    put(buf_str(line));
    buf_done(line);
}

void log_event(LogLevel level, const char *what, Str trace, ...)
{
    if (level < LOG_INFO) return;
    Buf line;
    JsonWriter w;
    begin(&w, &line, level, what, trace);
    va_list ap;
    va_start(ap, trace);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        if (value) jw_kstr(&w, key, str_c(value));
    }
    va_end(ap);
    end(&w, &line, level, what);
}

void log_err(const char *what, Str trace, const Err *err)
{
    Buf line;
    JsonWriter w;
    LogLevel level = err_status(err->code) >= 500 ? LOG_ERROR : LOG_WARN;
    begin(&w, &line, level, what, trace);
    jw_kstr(&w, "code", str_c(err_name(err->code)));
    jw_kstr(&w, "message", str_c(err->msg));
    if (err->hint[0]) jw_kstr(&w, "hint", str_c(err->hint));
    if (err->pointer[0]) jw_kstr(&w, "pointer", str_c(err->pointer));
    if (err->subject[0]) jw_kstr(&w, "subject", str_c(err->subject));
    if (err->file[0]) jw_kstr(&w, "file", str_c(err->file));
    if (err->line > 0) jw_kint(&w, "line", err->line);
    if (err->col > 0) jw_kint(&w, "col", err->col);
    if (err->at >= 0) jw_kint(&w, "at", err->at);
    end(&w, &line, level, what);
}

void trace_new(char ret[TRACE_SIZE])
{
    unsigned char raw[16];
    size_t have = 0;
    while (have < sizeof raw) {
        ssize_t n = getrandom(raw + have, sizeof raw - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            abort();
    }
    raw[15] |= 1; /* all zeros would be an invalid trace id */
    for (size_t i = 0; i < sizeof raw; i++) snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}
