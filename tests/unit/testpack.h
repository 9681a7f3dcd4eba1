/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* For tests of pack files that are judged above the model: the folder of the sources, and faults as they
   stand in an expect.txt, a whole line each. */
#include "unit.h"

#include "model/fault.h"
#include <stdio.h>
#include <stdlib.h>

static inline const char *source_root(void)
{
    const char *source = getenv("SOURCE");
    return source ? source : ".";
}

/* Fails with every line that is wrong, missing or too many. */
static inline void assert_faults(Arena *a, const Faults *f, Str dir)
{
    char line[1024];
    int bad = 0;
    size_t n = 0;
    FILE *fp = fopen(str_fmt(a, STR_FMT "/expect.txt", STR_ARG(dir)).p, "re");
    assert_non_null(fp);
    for (; fgets(line, sizeof line, fp); n++) {
        Str want = str_trim(str_c(line));
        Str got = n < f->n ? str_from(fault_text(a, &f->items[n]), dir.n + 1) : S("");
        if (!str_eq(got, want))
            bad++, print_error("got  " STR_FMT "\nwant " STR_FMT "\n", STR_ARG(got), STR_ARG(want));
    }
    fclose(fp);
    for (size_t i = n; i < f->n; i++)
        bad++, print_error("more " STR_FMT "\n", STR_ARG(str_from(fault_text(a, &f->items[i]), dir.n + 1)));
    assert_int_equal(bad, 0);
}
