/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Imports and exports as jobs: begun over HTTP, run on threads of their own as their maker, with the rights
 * the maker has at each slice. A slice's rows, its rejected rows and the job's position are one transaction,
 * so that whatever ends the server neither doubles nor loses a row: started again, the job goes on there.
 *
 * Files stand in DIR/jobs of the server that took them; another server on the same database shows its jobs
 * but cannot run them.
 */
#include "base/engine.h"

typedef struct Jobs Jobs;

/* Starts the threads; what was running when the server ended becomes `stopped`. */
int jobs_start(City *c, Err *err) CHECKED;
/* Ends them between two slices. */
void jobs_stop(City *c);

int imports_post(Request *rq, Err *err);
int imports_get(Request *rq, Err *err);
int import_get(Request *rq, Err *err);
int import_patch(Request *rq, Err *err);
int import_check_post(Request *rq, Err *err);
int import_run_post(Request *rq, Err *err);
int import_stop_post(Request *rq, Err *err);
int import_rejected_get(Request *rq, Err *err);
int import_rejected_csv(Request *rq, Err *err);
int import_retry_post(Request *rq, Err *err);
int import_delete(Request *rq, Err *err);
int exports_post(Request *rq, Err *err);
int exports_get(Request *rq, Err *err);
int export_get(Request *rq, Err *err);
int export_file_get(Request *rq, Err *err);
int export_stop_post(Request *rq, Err *err);
int export_delete(Request *rq, Err *err);
int jobs_get(Request *rq, Err *err);
