/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Export: the records of one entity as a file that imports again unchanged; any size with flat memory. */
#include "model/record.h"

typedef struct ExportOptions {
    Format format;     /* FORMAT_CSV, FORMAT_NDJSON, FORMAT_GEOJSON, FORMAT_XLSX */
    const char *where; /* filters in the form of the records API: region=eq.390102&kind=eq.150; NULL = all */
    FILE *out;
    void (*progress)(void *ctx, int64_t rows);
    void *progress_ctx;
    const Actor *who;
    Str trace;
} ExportOptions;

/* csv, xlsx, ndjson, geojson; ERR_INPUT naming what is known. */
int export_format(Str name, Format *ret, Err *err) CHECKED;

/* Records in the order of their id, page by page; a record changed meanwhile is written as it is when its
   page is read. ERR_INPUT for a wrong filter, ERR_FORBIDDEN, ERR_NOT_ACCEPTABLE (GeoJSON without a geometry
   field), ERR_IO. */
int export_entity(Store *s, const Model *m, const Entity *e, const ExportOptions *o, int64_t *ret_rows,
                  Err *err) CHECKED;
