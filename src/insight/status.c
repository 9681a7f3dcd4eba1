/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A value against the plan's targets. */
#include "insight/insight_int.h"

const Target *target_for(const Indicator *x, Date day)
{
    const Target *last = NULL;
    for (size_t i = 0; i < x->n_targets; i++) {
        if (x->targets[i].year > day.year) return last ? last : &x->targets[i];
        last = &x->targets[i];
    }
    return last;
}

bool target_met(const Target *t, Amount v)
{
    switch (t->op) {
    case TARGET_GE: return v >= t->value;
    case TARGET_GT: return v > t->value;
    case TARGET_LE: return v <= t->value;
    case TARGET_LT: return v < t->value;
    }
    return false;
}

/* The last known point before the target's year. */
static bool start_of(const Indicator *x, const Target *t, int *ret_year, Amount *ret)
{
    bool any = false;
    if (x->has_base && x->base_year < t->year) *ret_year = x->base_year, *ret = x->base, any = true;
    for (size_t i = 0; i < x->n_targets; i++)
        if (x->targets[i].year < t->year && (!any || x->targets[i].year >= *ret_year))
            *ret_year = x->targets[i].year, *ret = x->targets[i].value, any = true;
    return any;
}

const char *indicator_status(const Indicator *x, bool has_value, Amount value, Date day)
{
    const Target *t = target_for(x, day);
    int year = 0;
    Amount from = 0;
    if (!has_value) return "no_data";
    if (!t) return NULL;
    if (target_met(t, value)) return "reached";
    if (t->year < day.year || !start_of(x, t, &year, &from)) return "behind";
    double a = (double)date_to_days((Date){year, 12, 31}), b = (double)date_to_days((Date){t->year, 12, 31});
    double at = ((double)date_to_days(day) - a) / (b - a);
    double line = (double)from + ((double)t->value - (double)from) * (at < 0 ? 0 : at);
    bool up = t->op == TARGET_GE || t->op == TARGET_GT;
    return (up ? (double)value >= line : (double)value <= line) && at < 1 ? "on_track" : "behind";
}
