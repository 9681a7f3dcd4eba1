/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The one door to the outside for HTTP (net.c), also for rooms above: hosts by list, no redirects, bounded
 * time and size. */
#include "base/err.h"
#include "base/json.h"

typedef struct Net {
    Str url, method, body, content_type;
    StrList headers;      /* "Name: value" */
    const StrList *allow; /* NULL = the operator's own address: no check of the host */
    Buf *answer;          /* gets the body up to its own limit; NULL = the body is thrown away */
    /* answer */
    long status;
    char error[256];
} Net;
/* 0 when an answer came, whatever its status. Never follows a redirect; 10 s; 64 KiB of answer are read.
   With `answer` a longer one is ERR_IO, without it only the status counts. */
int net_send(Arena *a, Net *n, Err *err) CHECKED;
/* `host` may be called: listed, and its address is a public one unless listed as `private:HOST`. */
bool net_allowed(const StrList *allow, Str host, bool *ret_private);
