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
    bool demo;
};
