/* SPDX-License-Identifier: MulanPSL-2.0 */
/* What handlers of every room ask of a Request. */
#include "base/engine.h"
#include "model/url.h"

#include <assert.h>

void request_header(Request *rq, const char *name, Str value)
{
    size_t n = rq->n_headers;
    assert(n < sizeof rq->headers / sizeof *rq->headers);
    rq->headers[n].name = str_c(name);
    rq->headers[n].value = str_dup(rq->arena, value);
    rq->n_headers = n + 1;
}

Str request_param(const Request *rq, const char *name) { return url_param(rq->arena, rq->query, name); }
