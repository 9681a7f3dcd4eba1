/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* The model of a pack of the tests, for targets that need one. SOURCE names the project's folder. */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The caller loads once for all inputs and never frees; ends the program when the pack does not load. */
static inline Model *fuzz_pack(const char *name)
{
    const char *source = getenv("SOURCE");
    Arena *a = arena_new();
    Faults faults = {.arena = a};
    Err err = ERR_INIT;
    Model *m = NULL;
    if (model_load(str_fmt(a, "%s/tests/packs/%s", source ? source : ".", name).p, &faults, &m, &err) < 0) {
        fprintf(stderr, "%s: %s (SOURCE must be the project's folder)\n", name, err.msg);
        _exit(1);
    }
    arena_free(a);
    return m;
}
