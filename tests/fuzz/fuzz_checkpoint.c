/* SPDX-License-Identifier: MulanPSL-2.0 */
/* store/seal: any bytes are a checkpoint or are refused with the place; what is read is written the same. */
#include "store/seal_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Checkpoint c;
    Err err = ERR_INIT;
    int r = checkpoint_parse(a, str_n((const char *)data, size), &c, &err);
    if (r < 0) {
        assert(r == -(int)ERR_INPUT && err.at >= 0 && (size_t)err.at <= size);
        return 0;
    }
    assert(c.size > 0 && c.after < c.size && c.key > 0 && c.signature.n);
    assert(str_eq(checkpoint_body(a, &c), c.body));
    assert(c.note.n == size);
    return 0;
}
