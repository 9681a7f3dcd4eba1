/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Inside the search: a run of Chinese characters cut by friso (MMSEG, dictionary of Debian's friso-dict). */
#include "model/search_text.h"

/* Lengths in characters of the words of a run of n characters; ret has room for n. Returns how many; they
   cover the run, or 0 when the dictionary cannot say. */
size_t segmenter_cut(Arena *a, Segmenter *s, const uint32_t *cp, size_t n, size_t *ret);
