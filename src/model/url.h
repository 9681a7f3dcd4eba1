/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Percent-encoding of query strings and paths (RFC 3986 §2.1; + is a space in query strings, as HTML forms
 * write it). */
#include "base/err.h"

typedef struct UrlParam {
    Str name, value;
} UrlParam;

/* Decodes; a broken escape is kept as it stands. `plus`: + means space. */
Str url_decode(Arena *a, Str s, bool plus);
/* Splits a query string; at most `max` parameters. */
size_t url_params(Arena *a, Str query, UrlParam *ret, size_t max);
/* The first value of a name; p == NULL when absent. */
Str url_param(Arena *a, Str query, const char *name);
/* The same as a whole number, `otherwise` when absent. ERR_INPUT with the name as pointer unless it lies from
   min to max; max INT64_MAX: no upper end. */
int url_param_int(Arena *a, Str query, const char *name, int64_t otherwise, int64_t min, int64_t max,
                  int64_t *ret, Err *err) CHECKED;
