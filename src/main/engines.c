/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The list of rooms, from engines.def. */
#include "main/main.h"

#include "http/http.h"
#include "model/record.h"
#include "model/search.h"
#include "rule/rule.h"

static const Engine store_engine = {.name = "store", .room = &store_room};

const Engine *const engines[] = {
#define ENGINE(e) &e,
#include "main/engines.def"
#undef ENGINE
    NULL};
