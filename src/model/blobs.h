/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The files that the city's records name. */
#include "store/store.h"

/* Ids of blobs, each once, as the only column of the rows. */
int blobs_named(Tx *tx, Arena *a, Rows **ret, Err *err) CHECKED;
