/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people/token: any text as an ID token against any text as a key set (first line the token, the rest the
   keys): refused in words, or a subject of bounded length. */
#include "people/province_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Err err = ERR_INIT;
    Str all = str_n((const char *)data, size), subject;
    ptrdiff_t line = str_find(all, '\n');
    TokenWant want = {S("https://id.example"), S("city"), S("n1"), S("sub"), 1800000000};
    json_t *keys = NULL;
    bool unknown;
    if (line < 0 || json_parse(a, str_from(all, (size_t)line + 1), &keys, &err) < 0) keys = NULL;
    err = ERR_INIT;
    Str token = line < 0 ? all : str_n(all.p, (size_t)line);
    if (token_check(a, token, keys, &want, &subject, &unknown, &err) == 0)
        assert(subject.n >= 1 && subject.n <= SUBJECT_MAX);
    else
        assert(err.code == ERR_UNAUTHORIZED && err.msg[0]);
    (void)local_path(all);
    return 0;
}
