/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Chinese text at the edge: UTF-8 checks, GB18030 in, full-width forms, stray spaces, nearest names. Text is
 * validated once where it comes in; inside the house every Str is valid UTF-8.
 */
#include "base/err.h"

/* Byte offset of the first byte that is not part of a valid character (no overlong forms, surrogates or
   values above U+10FFFF); -1 when all is valid. */
ptrdiff_t text_invalid_at(Str s);
static inline bool text_valid(Str s) { return text_invalid_at(s) < 0; }
/* Decodes the character at the start of s: bytes used (0 at the end or when invalid), code point in *ret. */
size_t text_decode(Str s, uint32_t *ret);
/* Writes one code point as UTF-8 into out; bytes written. */
size_t text_encode(uint32_t cp, char out[4]);
/* Number of characters; each invalid byte counts as one. */
size_t text_chars(Str s);
/* The longest prefix of at most `chars` characters / at most `bytes` bytes that ends between characters. */
Str text_cut(Str s, size_t chars);
Str text_cut_bytes(Str s, size_t bytes);
/* Appends s with every invalid byte as U+FFFD. */
void text_repair(Buf *out, Str s);

typedef enum Charset { CHARSET_UTF8, CHARSET_GB18030, CHARSET_UTF16LE, CHARSET_UTF16BE, CHARSET_N } Charset;
/* "UTF-8", "GB18030", "UTF-16LE", "UTF-16BE". */
const char *charset_name(Charset c);
/* "utf-8", "utf8", "gb18030", "gbk", "gb2312", "cp936", "utf-16le", "utf-16be", any case. ERR_INPUT naming
   what is known. */
int charset_parse(Str name, Charset *ret, Err *err) CHECKED;
/* Looks at the first bytes of a file: BOM → UTF-8 or UTF-16; valid UTF-8 → UTF-8; else valid GB18030 →
   GB18030; else ERR_INPUT with the offset. `whole` says that nothing follows, so that half a character at the
   end is an error. */
int charset_detect(Str head, bool whole, Charset *ret, Err *err) CHECKED;

/* UTF-16 to UTF-8: converts all whole characters of `in` and returns the bytes used; a lone surrogate, and
   with `end` half a character, is U+FFFD, counted in *bad. */
size_t utf16_decode(Str in, bool big_endian, bool end, Buf *out, int64_t *bad);

/* GB18030 (which contains GBK and GB2312) to UTF-8, chunk by chunk. */
typedef struct GbDecoder GbDecoder;
GbDecoder *gb_decoder_new(void);
void gb_decoder_free(GbDecoder *d);
/* Converts all of `in`; half a character at its end waits for the next call. An invalid byte is written as
   U+FFFD, counted, and its offset in the whole input (first one only) kept. */
void gb_decoder_feed(GbDecoder *d, Str in, Buf *out);
void gb_decoder_finish(GbDecoder *d,
                       Buf *out); /* half a character left = invalid; then ready for a new text */
int64_t gb_decoder_bad_at(const GbDecoder *d); /* offset of the first invalid byte, -1 = none */
int64_t gb_decoder_bad_count(const GbDecoder *d);
/* Whole text at once; ERR_INPUT with err->at. */
int text_from_gb18030(Arena *a, Str in, Str *ret, Err *err) CHECKED;
int text_to_gb18030(Arena *a, Str in, Str *ret, Err *err) CHECKED; /* in must be valid UTF-8 */

/* Full-width ASCII forms (U+FF01–FF5E) to ASCII, ideographic space to a space. */
Str text_half_width(Arena *a, Str s);
/* Runs of white space, NBSP, ideographic and other Unicode spaces to one space; zero-width characters and BOM
   away; ends trimmed. The input is returned as it is when nothing changes. */
Str text_tidy(Arena *a, Str s);
/* The same, keeping line ends (for long texts): spaces collapse within lines, CRLF and CR become LF. */
Str text_tidy_lines(Arena *a, Str s);

/* Edits (insert, delete, replace, swap neighbours) between two texts in characters, at most `max` + 1. */
size_t text_distance(Str a, Str b, size_t max);
/* Index of the nearest of n names, or -1 when all are further than a third of the length (at least 1, at most
 * 3). */
ptrdiff_t text_nearest(Str name, const Str *names, size_t n);
