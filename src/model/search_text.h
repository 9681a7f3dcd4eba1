/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Words of the search: how a text is cut into the tokens of the index, how a query is read, and where its
 * words stand in a text. One piece of code for both databases and for the check of what they found, so that
 * the three agree.
 *
 * Folding: full-width forms to ASCII, ASCII to lower case. A text is runs of characters between breaks
 * (white space, punctuation); a run is Latin (ASCII letters and digits) or Chinese (everything else).
 * Tokens of a Chinese run: each character and each pair of neighbours. Of a Latin run: its first one and
 * first two characters and every three neighbours. Of a name, besides: each pair of neighbouring initials of
 * Mandarin readings (data/pinyin), as one private-use character. So any part of a Chinese run and any part
 * of a Latin run of three or more characters is found; shorter Latin parts at the beginning of a run.
 * A document that has all tokens of a word need not have the word: search_find decides.
 */
#include "base/str.h"
#include "base/err.h"

enum {
    SEARCH_QUERY_MAX = 400,  /* bytes of a query */
    SEARCH_WORDS_MAX = 16,   /* words of a query */
    SEARCH_FIELD_MAX = 2000, /* characters of one field that are searched */
};

/* The dictionary by which an unspaced query is cut into words; shared by threads. */
typedef struct Segmenter Segmenter;
/* ERR_NOT_FOUND when the dictionary is not there: queries are then looked for as they are written. */
int segmenter_new(Segmenter **ret, Err *err) CHECKED;
void segmenter_free(Segmenter *s);

/* A text folded to code points, with the byte offset of each in the original; at[n] is its end. */
typedef struct SearchText {
    uint32_t *cp;
    size_t *at;
    size_t n;
} SearchText;
/* At most `max` characters. */
SearchText search_text(Arena *a, Str s, size_t max);
/* Initial of the Mandarin reading of a folded character, 0 when it has none. */
char search_initial(uint32_t cp);

/* Appends the tokens of a text, each with a space behind it; a token may come more than once. */
void search_tokens(Arena *a, Str text, bool initials, Buf *out);

typedef struct SearchWord {
    SearchText text; /* folded, never empty */
    bool latin;      /* one Latin run */
    bool initials;   /* may be initials of a name: two or more Latin letters, no digit */
} SearchWord;

typedef struct SearchQuery {
    SearchWord words[SEARCH_WORDS_MAX]; /* all must occur */
    size_t n;
    SearchText whole; /* the query as written, without quotes: for ranking */
} SearchQuery;

/* Reads what a person types: words separated by spaces or punctuation; "…" is found as it stands; unspaced
   Chinese is cut by the dictionary (s may be NULL). ERR_INPUT when too long or without a word. */
int search_parse(Arena *a, Segmenter *s, Str q, SearchQuery *ret, Err *err) CHECKED;
/* The query for the index: FTS5 or tsquery. `initials`: also words that stand for initials. */
Str search_match(Arena *a, bool postgres, const SearchQuery *q, bool initials);
Str search_match_word(Arena *a, bool postgres, const SearchWord *w, bool initials);

typedef struct SearchSpan {
    size_t from, to; /* characters */
} SearchSpan;
/* Where a word stands in a text, without overlap; returns how many, at most max. */
size_t search_find(const SearchText *t, const SearchWord *w, bool initials, SearchSpan *ret, size_t max);
