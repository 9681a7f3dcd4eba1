/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
#include "model/model.h"

/* Every record of the entity is what the journal says, and no other is there: values, links, revision, times,
   who made it. ERR_VERIFY names the first that differs, never a value. *ret_n: records looked at. */
int verify_records(Tx *tx, const Entity *e, int64_t *ret_n, Err *err) CHECKED;
