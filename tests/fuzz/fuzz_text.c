/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/text and the decoders of sm_text.c: output is valid UTF-8, pieces do not matter. */
#include "base/sm.h"
#include "base/text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pieces(Arena *a, Str s, Str whole, size_t step)
{
    _cleanup_buf_ Buf out;
    GbDecoder *d = gb_decoder_new();
    (void)a;
    buf_init(&out, s.n * 3 + 16);
    for (size_t i = 0; i < s.n; i += step)
        gb_decoder_feed(d, str_n(s.p + i, s.n - i < step ? s.n - i : step), &out);
    gb_decoder_finish(d, &out);
    assert(text_valid(buf_str(&out)) && !out.over);
    if (whole.p) assert(str_eq(buf_str(&out), whole) && gb_decoder_bad_count(d) == 0);
    gb_decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf out;
    Str s = str_n((const char *)data, size), t;
    Charset c;
    buf_init(&out, size * 3 + 16);
    text_repair(&out, s);
    assert(text_valid(buf_str(&out)) && !out.over);
    t = text_tidy(a, buf_str(&out));
    assert(text_valid(t) && str_eq(text_tidy(a, t), t));
    assert(text_valid(text_tidy_lines(a, buf_str(&out))) && text_valid(text_half_width(a, buf_str(&out))));
    assert(text_cut(s, 5).n <= s.n && text_cut_bytes(s, 5).n <= 5);
    (void)text_distance(text_cut(s, 20), text_cut(str_from(s, size / 2), 20), 3);
    if (charset_detect(s, true, &c, NULL) == 0 && c == CHARSET_UTF8)
        assert(text_valid(s) || str_starts(s, S("\xEF\xBB\xBF")));
    Str whole = STR_NONE;
    if (text_from_gb18030(a, s, &whole, NULL) < 0) whole = STR_NONE;
    for (size_t step = 1; step < 4; step++) pieces(a, s, whole, step);
    if (base64_decode(a, s, &t, NULL) == 0) assert(base64_decode(a, base64_encode(a, t), &t, NULL) == 0);
    if (hex_decode(a, s, &t, NULL) == 0) assert(hex_encode(a, t).n == s.n);
    return 0;
}
