/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/text. */
#include "unit.h"
#include "base/text.h"

static void utf8__first_invalid_byte(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int at;
    } rows[] = {{"", -1},
                {"abc渭南😀", -1},
                {"a\x80", 1},
                {"ab\xC3", 2},
                {"\xC0\x80", 0},
                {"\xE0\x80\x80", 0},
                {"\xED\xA0\x80", 0},
                {"\xF4\x90\x80\x80", 0},
                {"\xF5", 0},
                {"渭\xE6\xB8", 3},
                {"\xF0\x9F\x98\x80", -1}};
    for (size_t i = 0; i < COUNT(rows); i++) assert_int_equal(text_invalid_at(str_c(rows[i].s)), rows[i].at);
}

static void cut__keeps_whole_characters(void **state)
{
    (void)state;
    assert_int_equal(text_chars(S("渭南a😀")), 4);
    assert_text(text_cut(S("渭南a"), 2), "渭南");
    assert_text(text_cut(S("渭"), 5), "渭");
    assert_text(text_cut_bytes(S("渭南"), 5), "渭");
    assert_text(text_cut_bytes(S("渭南"), 2), "");
    for (uint32_t cp = 1; cp < 0x110000; cp += 97) {
        char out[4];
        uint32_t back = 0;
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        size_t n = text_encode(cp, out);
        assert_int_equal(text_decode(str_n(out, n), &back), n);
        assert_int_equal(back, cp);
    }
}

static void tidy__table(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {{"", ""},
                {"abc", "abc"},
                {"  a \t b\r\n", "a b"},
                {"\xEF\xBB\xBF渭　南\xC2\xA0", "渭 南"},
                {"a\xE2\x80\x8B"
                 "b",
                 "ab"},
                {"a\tb", "a b"},
                {"　 ", ""},
                {"a\nb", "a b"}};
    _cleanup_arena_ Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) assert_text(text_tidy(a, str_c(rows[i].in)), rows[i].out);
    assert_text(text_tidy_lines(a, S(" a  b \r\n\r\n c\rd \n")), "a b\n\nc\nd");
    assert_text(text_half_width(a, S("（ＡＢＣ）１２３，．：　渭南")), "(ABC)123,.: 渭南");
    Str same = S("plain");
    assert_ptr_equal(text_tidy(a, same).p, same.p);
}

static void nearest__table(void **state)
{
    (void)state;
    const Str names[] = {S("title"), S("region"), S("code"), S("注册日期"), S("kind")};
    static const struct {
        const char *in;
        int at;
    } rows[] = {{"titel", 0}, {"regoin", 1}, {"Code", 2},  {"注册时期", 3},
                {"zzz", -1},  {"", -1},      {"kinds", 4}, {"x", -1}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(text_nearest(str_c(rows[i].in), names, COUNT(names)), rows[i].at);
    assert_int_equal(text_distance(S("ab"), S("ba"), 3), 1);
    assert_int_equal(text_distance(S("kitten"), S("sitting"), 5), 3);
    assert_int_equal(text_distance(S("kitten"), S("sitting"), 2), 3);
    char longer[400];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(text_distance(str_n(longer, 400), str_n(longer, 399), 2), 3);
}

static void utf16__pieces_pairs_and_halves(void **state)
{
    (void)state;
    Buf out;
    int64_t bad = 0;
    buf_init(&out, 100);
    Str le = S("a\0\x2d\x4e\x3d\xd8\x00\xde");                                   /* a中😀 */
    assert_int_equal(utf16_decode(str_n(le.p, 6), false, false, &out, &bad), 4); /* half a pair waits */
    assert_int_equal(utf16_decode(str_from(le, 4), false, true, &out, &bad), 4);
    assert_text(buf_str(&out), "a中😀");
    assert_int_equal(bad, 0);
    buf_clear(&out);
    assert_int_equal(utf16_decode(S("\xd8\x3d\0a\0"), true, true, &out, &bad), 5);
    assert_text(buf_str(&out), "\xEF\xBF\xBD"
                               "a\xEF\xBF\xBD");
    assert_int_equal(bad, 2);
    buf_done(&out);
}

static void charset__detect(void **state)
{
    (void)state;
    Charset c;
    Err err = ERR_INIT;
    assert_int_equal(charset_detect(S("渭南"), true, &c, &err), 0);
    assert_int_equal(c, CHARSET_UTF8);
    assert_int_equal(charset_detect(S("渭南\xE6\xB8"), false, &c, &err), 0);
    assert_int_equal(c, CHARSET_UTF8);
    assert_int_equal(charset_detect(S("\xCE\xBC\xC4\xCF"), true, &c, &err),
                     0); /* 渭南 in GBK, and valid UTF-8 too */
    assert_int_equal(charset_detect(S("\xB3\xC2\xCE\xF7,1"), true, &c, &err), 0);
    assert_int_equal(c, CHARSET_GB18030);
    assert_int_equal(charset_detect(S("a\xFF\xFF"), true, &c, &err), -ERR_INPUT);
    assert_int_equal(err.at, 1);
    assert_int_equal(charset_detect(S("\xFF\xFE"
                                      "a"),
                                    true, &c, &err),
                     0);
    assert_int_equal(c, CHARSET_UTF16LE);
    assert_int_equal(charset_detect(S("\xFE\xFF"), true, &c, &err), 0);
    assert_int_equal(c, CHARSET_UTF16BE);
    assert_int_equal(charset_detect(((Str){"a\0b", 3}), true, &c, &err), -ERR_INPUT);
    assert_int_equal(charset_parse(S("GBK"), &c, &err), 0);
    assert_int_equal(c, CHARSET_GB18030);
    assert_int_equal(charset_parse(S("latin1"), &c, &err), -ERR_INPUT);
}

/* Every way of cutting the input gives the same text. */
static void gb__chunks_do_not_matter(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Str gb, back;
    Err err = ERR_INIT;
    const char *text = "渭南市，大荔县😀𠮷a\n1";
    assert_int_equal(text_to_gb18030(a, str_c(text), &gb, &err), 0);
    assert_int_equal(text_from_gb18030(a, gb, &back, &err), 0);
    assert_text(back, text);
    for (size_t step = 1; step < 6; step++) {
        _cleanup_buf_ Buf out;
        buf_init(&out, 1000);
        GbDecoder *d = gb_decoder_new();
        for (size_t i = 0; i < gb.n; i += step)
            gb_decoder_feed(d, str_n(gb.p + i, gb.n - i < step ? gb.n - i : step), &out);
        gb_decoder_finish(d, &out);
        assert_int_equal(gb_decoder_bad_count(d), 0);
        assert_text(buf_str(&out), text);
        gb_decoder_free(d);
    }
}

static void gb__bad_bytes_have_offset(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        int at;
    } rows[] = {{"a\xFF"
                 "b",
                 "a\xEF\xBF\xBD"
                 "b",
                 1},
                {"\xB3\xC2\xB3", "陈\xEF\xBF\xBD", 2},
                {"\xB3,x", "\xEF\xBF\xBD,x", 0},
                {"\x81\x30\x81",
                 "\xEF\xBF\xBD"
                 "0\xEF\xBF\xBD",
                 0}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t step = 1; step < 4; step++) {
            _cleanup_buf_ Buf out;
            buf_init(&out, 1000);
            GbDecoder *d = gb_decoder_new();
            Str in = str_c(rows[i].in);
            for (size_t k = 0; k < in.n; k += step)
                gb_decoder_feed(d, str_n(in.p + k, in.n - k < step ? in.n - k : step), &out);
            gb_decoder_finish(d, &out);
            assert_int_equal(gb_decoder_bad_at(d), rows[i].at);
            assert_text(buf_str(&out), rows[i].out);
            gb_decoder_free(d);
        }
}

UNIT_MAIN(cmocka_unit_test(utf8__first_invalid_byte), cmocka_unit_test(cut__keeps_whole_characters),
          cmocka_unit_test(tidy__table), cmocka_unit_test(nearest__table), cmocka_unit_test(charset__detect),
          cmocka_unit_test(utf16__pieces_pairs_and_halves), cmocka_unit_test(gb__chunks_do_not_matter),
          cmocka_unit_test(gb__bad_bytes_have_offset))
