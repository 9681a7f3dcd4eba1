/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Is everything that the city holds whole? The journal and its seal, records against the journal, references,
 * files.
 */
#include "model/model.h"
#include "store/seal.h"

typedef struct Verified {
    Sealed journal;
    int64_t records, references, blobs;
    int64_t head; /* last journal entry */
    Str digest;   /* its digest */
} Verified;

/* `outside`: n checkpoints that were kept elsewhere. ERR_VERIFY with the first broken thing. Text of *ret
   lives in the arena. */
int model_verify(Store *s, const Model *m, Arena *a, const Str *outside, size_t n, Verified *ret,
                 Err *err) CHECKED;
