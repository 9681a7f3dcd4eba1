/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people/key: any Authorization header is taken apart into parts of bounded length or refused; any two texts
   are an address and a network, or are not. */
#include "people/people_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str all = str_n((const char *)data, size), head = all, rest;
    Str parts[5];
    ptrdiff_t line = str_find(all, '\n');
    rest = line < 0 ? S("") : str_from(all, (size_t)line + 1);
    if (line >= 0) head = str_n(all.p, (size_t)line);
    if (key_parse(head, rest, parts)) {
        assert(parts[0].n >= 1 && parts[0].n <= 64);
        assert(parts[2].n >= 16 && parts[2].n <= 64);
        assert(parts[3].n == 64);
        assert(!parts[4].n || parts[4].n == 64);
    }
    if (address_in(head, rest)) assert(head.n && rest.n);
    return 0;
}
