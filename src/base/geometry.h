/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Geometry at the edge: GeoJSON (RFC 7946), WKT (OGC 06-103r4 §7), or the plain text `lon,lat`, to canonical
 * compact GeoJSON and a box. Longitude/latitude in degrees (CGCS2000 or WGS 84); a third ordinate is dropped.
 * It checks ranges, ring closure and counts, not self-intersection: that is place's work.
 */
#include "base/err.h"
#include "base/json.h"

enum { GEOMETRY_VERTEX_MAX = 200000, GEOMETRY_PARTS_MAX = 20000, GEOMETRY_TEXT_MAX = 16 << 20 };

/* What a field accepts; the multi forms are accepted for line and polygon, MultiPoint is not a point. */
typedef enum GeometryKind { GEOMETRY_POINT, GEOMETRY_LINE, GEOMETRY_POLYGON, GEOMETRY_KIND_N } GeometryKind;

typedef struct Geometry {
    GeometryKind kind;
    bool multi;
    size_t vertices;
    double west, south, east, north;
    Str json; /* {"type":"Point","coordinates":[116.4,39.9]} */
} Geometry;

/* Text in any of the forms; recognises which. ERR_VALIDATION with what and where (err->pointer for GeoJSON,
   err->at for WKT). ret->json lives in the arena. */
int geometry_parse(Arena *a, Str text, Geometry *ret, Err *err) CHECKED;
/* The same, and it must be of the kind. */
int geometry_parse_kind(Arena *a, Str text, GeometryKind kind, Geometry *ret, Err *err) CHECKED;
/* A GeoJSON geometry that is parsed already (member of a request body). */
int geometry_from_json(Arena *a, const json_t *value, Geometry *ret, Err *err) CHECKED;
const char *geometry_kind_title(GeometryKind kind); /* 点, 线, 面 */
