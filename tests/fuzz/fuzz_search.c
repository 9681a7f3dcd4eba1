/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/search_text: any query is read or refused; what the index asks for a word, every text that has the
   word offers, so that the index never hides a hit. */
#include "base/text.h"
#include "model/search_text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each "token" of an FTS5 query stands among the tokens of the text; OR is only used for initials. */
static void check_offered(Str match, Str tokens)
{
    Str rest = match, part;
    for (bool inside = false; str_split(&rest, '"', &part); inside = !inside) {
        if (!inside) continue;
        Str all = tokens, token;
        bool there = false;
        while (!there && all.n && str_split(&all, ' ', &token)) there = str_eq(token, part);
        assert(there);
    }
}

/* The text, and after a line end the query. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_buf_ Buf tokens;
    SearchQuery q;
    SearchSpan spans[4];
    Err err = ERR_INIT;
    Str all = str_n((const char *)data, size), text;
    buf_init(&tokens, 1 << 20);
    if (size > 4000 || text_invalid_at(all) >= 0 || !str_split(&all, '\n', &text) || !all.p) return 0;
    if (search_parse(a, NULL, all, &q, &err) < 0) {
        assert(err.code == ERR_INPUT && err.msg[0]);
        return 0;
    }
    assert(q.n && q.n <= SEARCH_WORDS_MAX);
    search_tokens(a, text, true, &tokens);
    SearchText folded = search_text(a, text, SEARCH_FIELD_MAX);
    for (size_t i = 0; i < q.n; i++) {
        const SearchWord *w = &q.words[i];
        size_t n = search_find(&folded, w, false, spans, 4);
        if (n) check_offered(search_match_word(a, false, w, false), buf_str(&tokens));
        assert(n <= search_find(&folded, w, true, spans, 4));
        for (size_t k = 0; k < n; k++) assert(spans[k].from < spans[k].to && spans[k].to <= folded.n);
        assert(search_match_word(a, true, w, true).n > 2);
    }
    assert(search_match(a, false, &q, true).n > 2);
    return 0;
}
