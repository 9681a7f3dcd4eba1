/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The builder that the readers of geometry.c and geometry_wkt.c share. */
#include "base/geometry.h"

typedef struct GeoBuilder {
    Geometry g;
    Buf out;
    JsonWriter w;
    size_t parts, ring_n; /* positions of the current line or ring */
    double first_lon, first_lat, last_lon, last_lat;
} GeoBuilder;

/* A type of geometry: its GeoJSON name (WKT's in capitals), what it is made of, how deep its lists nest. */
typedef struct GeoShape {
    const char *name;
    GeometryKind kind;
    bool multi;
    int levels;
} GeoShape;
extern const GeoShape geo_shapes[]; /* ends with an empty row */

void geo_begin(GeoBuilder *b, GeometryKind kind, bool multi);
void geo_done(GeoBuilder *b);
int geo_point(GeoBuilder *b, double lon, double lat, Err *err) CHECKED;
int geo_open(GeoBuilder *b, Err *err) CHECKED; /* any list */
void geo_close(GeoBuilder *b);
int geo_path_end(GeoBuilder *b, Err *err) CHECKED; /* closes a line, a ring or a list of points */
int geo_finish(Arena *a, GeoBuilder *b, Geometry *ret, Err *err) CHECKED;
int geo_from_wkt(Arena *a, Str text, Geometry *ret, Err *err) CHECKED;
