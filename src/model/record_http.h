/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Handlers of the record and model routes; the table is at the end of model_engine.c. */
#include "base/engine.h"

int records_get(Request *rq, Err *err);
int records_post(Request *rq, Err *err);
int records_patch(Request *rq, Err *err);
int records_delete(Request *rq, Err *err);
int record_get(Request *rq, Err *err);
int record_patch(Request *rq, Err *err);
int record_delete_one(Request *rq, Err *err);
int record_history(Request *rq, Err *err);
int entities_get(Request *rq, Err *err);
int entity_get(Request *rq, Err *err);
int systems_get(Request *rq, Err *err);
int changes_get(Request *rq, Err *err);
int pages_get(Request *rq, Err *err);
int schemas_get(Request *rq, Err *err);
int looks_get(Request *rq, Err *err);
int journal_get(Request *rq, Err *err);
int checkpoint_get(Request *rq, Err *err);
int checkpoints_get(Request *rq, Err *err);
int consistency_get(Request *rq, Err *err);
int seal_keys_get(Request *rq, Err *err);
int proof_get(Request *rq, Err *err);
int files_post(Request *rq, Err *err);
int file_get(Request *rq, Err *err);
