/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The list of rooms, from engines.def. */
#include "main/main.h"

#include "http/http.h"
#include "insight/insight.h"
#include "model/record.h"
#include "model/search.h"
#include "rule/rule.h"
#include "store/seal.h"

static int start_store(City *c, Err *err) { return sealer_start(c->store, &c->sealer, err); }

static void stop_store(City *c)
{
    sealer_stop(c->sealer);
    c->sealer = NULL;
}

static const Engine store_engine = {
    .name = "store", .room = &store_room, .start = start_store, .stop = stop_store};

const Engine *const engines[] = {
#define ENGINE(e) &e,
#include "main/engines.def"
#undef ENGINE
    NULL};
