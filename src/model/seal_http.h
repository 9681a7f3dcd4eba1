/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Proofs as JSON, the same over HTTP and on the command line. */
#include "base/json.h"
#include "store/seal.h"

/* {seq, index, digest, leaf, path, checkpoint}; hashes in hex. */
void inclusion_json(Buf *out, Arena *a, const Inclusion *in, Str digest);
/* {from, to, path}. */
void growth_json(Buf *out, Arena *a, const Growth *g);
