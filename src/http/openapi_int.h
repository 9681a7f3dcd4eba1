/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by the two halves of the OpenAPI document: routes (openapi.c) and entities (openapi_entity.c). */
#include "model/access.h"

/* Members of components/schemas for the entities that `who` may read. */
void openapi_schemas(JsonWriter *w, Arena *a, const Model *m, const Actor *who);
/* Their paths: /api/records/ENTITY, …/{id} and …/{id}/history. */
void openapi_record_paths(JsonWriter *w, Arena *a, const Model *m, const Actor *who);
/* "responses" of an operation: 200 with the content given (NULL: none) and the problem. */
void openapi_responses(JsonWriter *w, const char *status, const char *says, const char *media_type,
                       Str schema_ref, bool list);
