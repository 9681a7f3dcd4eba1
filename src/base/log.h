/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Structured log: one JSON line an event on stderr: time, level, what, trace, then the pairs given. Only
   edges log (request, job, connection, command). Never put a person's data into a log line. */
#include "base/err.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_N } LogLevel;

/* LOG_DEBUG is not written. Pairs of (const char *key, const char *value), ended by NULL. */
void log_event(LogLevel level, const char *what, Str trace, ...) __attribute__((sentinel));
/* An error at the edge: code, message, position and hint of err. */
void log_err(const char *what, Str trace, const Err *err);
/* A new trace id: 16 random bytes as 32 hex digits and NUL (W3C trace-context trace-id). */
enum { TRACE_SIZE = 33 };
void trace_new(char ret[TRACE_SIZE]);
