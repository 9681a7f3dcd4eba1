/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Is everything that the city holds whole? Journal digests, records against the journal, references, files.
 */
#include "model/model.h"

typedef struct Verified {
    int64_t entries, records, references, blobs;
    int64_t head; /* last journal entry */
    Str digest;   /* its digest */
} Verified;

/* ERR_VERIFY with the first broken thing. Text of *ret lives in the arena. */
int model_verify(Store *s, const Model *m, Arena *a, Verified *ret, Err *err) CHECKED;
