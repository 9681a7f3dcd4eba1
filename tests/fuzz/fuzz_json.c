/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/json: what parses is written, and what is written reads back to the same text (5.0 becomes 5). */
#include "base/json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf out, twice;
    json_t *v, *again;
    Err err = ERR_INIT;
    buf_init(&out, 64 << 20);
    buf_init(&twice, 64 << 20);
    if (json_parse(a, str_n((const char *)data, size), &v, &err) < 0) {
        assert(err.code == ERR_INPUT && err.line > 0);
        return 0;
    }
    JsonWriter w;
    jw_init(&w, &out);
    jw_json(&w, v);
    assert(json_parse(a, buf_str(&out), &again, &err) == 0);
    jw_init(&w, &twice);
    jw_json(&w, again);
    assert(str_eq(buf_str(&out), buf_str(&twice)));
    return 0;
}
