/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* What every unit test needs: cmocka and its includes, comparing a Str with a literal, the main function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Fails with both texts shown. */
#define assert_text(got, want)                                                                               \
    do {                                                                                                     \
        Str got_ = (got);                                                                                    \
        const char *want_ = (want);                                                                          \
        if (!str_is(got_, want_)) fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got_), want_);        \
    } while (0)

#define UNIT_MAIN(...)                                                                                       \
    int main(void)                                                                                           \
    {                                                                                                        \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                    \
    }
