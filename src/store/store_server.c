/* SPDX-License-Identifier: MulanPSL-2.0 */
/* A name for the server on this data folder, for leases that several servers of one database share. */
#include "base/sm.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Str store_server(Arena *a, const char *dir)
{
    char host[256] = "", real[PATH_MAX] = "", hex[SM3_HEX_SIZE];
    gethostname(host, sizeof host - 1);
    if (!realpath(dir, real)) snprintf(real, sizeof real, "%.4000s", dir);
    sm3_hex(str_fmt(a, "%s:%s", host, real), hex);
    return str_dup(a, str_n(hex, 16));
}
