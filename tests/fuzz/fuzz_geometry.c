/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/geometry: what is accepted is canonical. */
#include "base/geometry.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Geometry g, again;
    Err err = ERR_INIT;
    if (geometry_parse(a, str_n((const char *)data, size), &g, &err) < 0) {
        assert(err.code == ERR_VALIDATION && err.msg[0]);
        return 0;
    }
    assert(geometry_parse(a, g.json, &again, &err) == 0 && str_eq(g.json, again.json));
    assert(g.west >= -180 && g.east <= 180 && g.south >= -90 && g.north <= 90 && g.west <= g.east);
    return 0;
}
