/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The running city: what every handler is given. */
#include "base/calendar.h"
#include "model/model.h"

struct City {
    Store *store;
    const Model *model; /* immutable snapshot */
    Calendar *calendar;
    const char *dir;                     /* data folder */
    const struct Engine *const *engines; /* all rooms in floor order, NULL-terminated; for OpenAPI */
    const char *public_url; /* as clients know it, no slash at the end; NULL = as they write it */
    bool demo;
    struct People *people; /* people/; NULL = not running */
    /* Login names of who has a role, or is of an organisation; a room above knows. NULL: nobody. */
    int (*people_of)(Tx *tx, Arena *a, bool org, Str role_or_org, StrList *ret, Err *err);
    struct Search *search; /* NULL = not running: nothing is indexed */
    /* A user (on whose behalf, or empty) with the rights of this moment; a room above knows. NULL: nobody.
       ERR_FORBIDDEN when the user may do nothing now. */
    int (*actor_of)(Tx *tx, Arena *a, const Model *m, Str user, Str behalf, Actor *ret, Err *err);
    struct Sealer *sealer;   /* store/seal.h; NULL = not running */
    struct Jobs *jobs;       /* model/job.h; NULL = not running */
    struct Rules *rules;     /* rule/; NULL = not running */
    struct Insight *insight; /* insight/; NULL = not running */
};
