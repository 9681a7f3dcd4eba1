/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * JSON out: a streaming writer over a Buf; commas and escapes are its business. Invalid UTF-8 is written as
 * U+FFFD so that the output is always valid. JSON in: jansson with limits, tied to an arena, and specs that
 * decode an object into a struct, refusing with a JSON pointer what is unknown or of the wrong type.
 */
#include "base/err.h"
#include <jansson.h>

enum { JSON_DEPTH_MAX = 64 };

typedef struct JsonWriter {
    Buf *out;
    int depth;
    uint64_t comma; /* bit d: an item was written at depth d */
    bool after_key;
} JsonWriter;

void jw_init(JsonWriter *w, Buf *out);
void jw_object(JsonWriter *w);
void jw_object_end(JsonWriter *w);
void jw_array(JsonWriter *w);
void jw_array_end(JsonWriter *w);
void jw_key(JsonWriter *w, Str key);
void jw_str(JsonWriter *w, Str s);
void jw_int(JsonWriter *w, int64_t i);
void jw_real(JsonWriter *w, double r); /* shortest form that reads back equal; NaN and infinity as null */
void jw_bool(JsonWriter *w, bool b);
void jw_null(JsonWriter *w);
void jw_raw(JsonWriter *w, Str json); /* text that is known to be one JSON value */
void jw_json(JsonWriter *w, const json_t *value);
/* key and value at once */
void jw_kstr(JsonWriter *w, const char *key, Str s);
void jw_kint(JsonWriter *w, const char *key, int64_t i);
void jw_kbool(JsonWriter *w, const char *key, bool b);

/* Parses a whole text (duplicates rejected); the tree dies with the arena. ERR_INPUT with line, column,
 * offset. */
int json_parse(Arena *a, Str text, json_t **ret, Err *err) CHECKED;

typedef enum JsonType { JSON_T_STR, JSON_T_INT, JSON_T_BOOL, JSON_T_ANY, JSON_T_STR_LIST } JsonType;

/* One row of an input spec; a table ends with name NULL. Destinations: Str, int64_t, bool, json_t *, StrList.
 */
typedef struct JsonField {
    const char *name;
    JsonType type;
    size_t offset;
    bool required;
    int64_t min, max;  /* JSON_T_INT: range when max > min; JSON_T_STR: length in bytes when max > 0 */
    const char *title; /* for the OpenAPI description */
} JsonField;

typedef struct StrList {
    Str *items;
    size_t n;
} StrList;

/* Decodes an object; unknown keys are refused with the nearest right one. ERR_INPUT with a pointer. */
int json_decode(Arena *a, const json_t *object, const JsonField *spec, void *dst, Err *err) CHECKED;
