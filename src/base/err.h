/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Err: one error value, filled where the fault is found, passed up unchanged or with context, logged once at
 * the edge. Functions that can fail return 0 or a negative ErrCode. Codes are rows of err.def, which gives
 * each its HTTP status, RFC 9457 type and Chinese title.
 */
#include "base/str.h"

typedef enum ErrCode {
    ERR_NONE,
#define E(code, status, type, title) ERR_##code,
#include "base/err.def"
#undef E
    ERR_N
} ErrCode;

typedef struct Err {
    ErrCode code;
    char msg[512];     /* what failed and why, Chinese, no full stop */
    char hint[256];    /* what to do; may be empty */
    char pointer[256]; /* JSON pointer or parameter name of the fault; may be empty */
    char subject[256]; /* "table.column[,column]" of a broken constraint; may be empty */
    char file[256];    /* pack or data file; may be empty */
    int line, col;     /* 1-based, 0 = unknown */
    int64_t at;        /* byte offset in the input, -1 = unknown */
} Err;

#define ERR_INIT ((Err){.at = -1})

/* Fills *err (replacing what was there) and returns the negative code. err may be NULL. */
int err_set(Err *err, ErrCode code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "what：reason of the system's errno `why`"; ERR_FULL when there is no room (disk, quota, limit of a file),
   else ERR_IO. */
int err_io(Err *err, int why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "context: " before the message; returns the negative code that is already there. */
int err_wrap(Err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Each fills one more part of an error that is already set and returns its negative code, to chain:
   return err_pointer(err, …) after err_set. */
int err_hint(Err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_pointer(Err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_subject(Err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_at(Err *err, const char *file, int line, int col);

/* The same may succeed later with nothing changed: busy, full, disk or connection faults. ERR_UNKNOWN is one
   for whoever can do it twice without harm. */
bool err_passes(ErrCode code);
int err_status(ErrCode code);        /* HTTP status */
const char *err_type(ErrCode code);  /* RFC 9457 type, the last part of its URI */
const char *err_title(ErrCode code); /* Chinese title */
const char *err_name(ErrCode code);

#define CHECKED __attribute__((warn_unused_result))
/* Returns from the enclosing function when the call failed. */
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        int try_ = (call);                                                                                   \
        if (try_ < 0) return try_;                                                                           \
    } while (0)
