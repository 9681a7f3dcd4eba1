/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Cron lines: minute hour day month weekday, as in crontab(5), in China time. Lists, ranges and steps; 0 and
   7 are Sunday. When day and weekday are both restricted, either suffices, as cron has it. */
#include "base/clock.h"

typedef struct Cron {
    uint64_t minutes;
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday;
} Cron;

/* ERR_PACK with a Chinese reason. */
int cron_parse(Str s, Cron *ret, Err *err) CHECKED;
/* The first instant after `us` (at a full minute), or 0 when there is none within nine years. */
int64_t cron_next(const Cron *c, int64_t us);
