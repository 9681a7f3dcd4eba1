/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * One value of one field: from text (query string, CSV), from JSON, from a steward's file (with the
 * normalisers), to JSON and text. A Val on the way to the database is canonical: decimals as text with the
 * field's scale, instants as UTC text, geometry as compact GeoJSON. What comes back from either database
 * reads equal through value_text.
 *
 * All checks of type, codes, range and pattern are here; ERR_VALIDATION with a Chinese reason, without the
 * value itself when the field is sensitive.
 */
#include "model/model.h"

/* Strict text in the form that value_text writes. An empty text is NULL. */
int value_from_text(Arena *a, const Field *f, Str text, Val *ret, Err *err) CHECKED;
int value_from_json(Arena *a, const Field *f, const json_t *j, Val *ret, Err *err) CHECKED;
/* A cell of an imported file: tidied and normalised (dates, amounts, full-width …); titles of codes are
 * understood. */
int value_import(Arena *a, const Field *f, Str cell, Val *ret, Err *err) CHECKED;
/* For a STORE_LINK field: the listed keys. */
int values_from_json(Arena *a, const Field *f, const json_t *j, StrList *ret, Err *err) CHECKED;
int values_from_text(Arena *a, const Field *f, Str text, StrList *ret,
                     Err *err) CHECKED; /* separated by ; or ； */

void value_write_json(JsonWriter *w, const Field *f, Val v);
Str value_text(Arena *a, const Field *f, Val v);
bool value_same(Arena *a, const Field *f, Val x, Val y);
/* As an input of an expression: decimals as real numbers, whole ones too, or 1250 / 4 would be 312. */
Val value_for_expr(const Field *f, Val v);
/* Replaces the hidden part by * according to the field's type; NULL stays NULL. */
Val value_mask(Arena *a, const Field *f, Val v);
