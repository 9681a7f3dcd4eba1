/* SPDX-License-Identifier: MulanPSL-2.0 */
#include "model/search_text.h"

#include "base/text.h"
#include "model/search_segment.h"

/* data/pinyin/initials.txt: U+4E00–U+9FFF, 64 a line. */
extern const char pinyin_initials[];
enum { PINYIN_FIRST = 0x4E00, PINYIN_LAST = 0x9FFF, PINYIN_LINE = 64 };
/* A pair of initials ab is the character U+E000 + 26 a + b. */
enum { PAIR_FIRST = 0xE000 };

typedef enum Kind { BREAK, LATIN, CHINESE } Kind;

static uint32_t fold(uint32_t c)
{
    if (c == 0x3000) return ' ';
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static Kind kind_of(uint32_t c)
{
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? LATIN : BREAK;
    bool mark = c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c <= 0x2BFF) ||
                (c >= 0x3000 && c <= 0x303F && c != 0x3005 && c != 0x3007) || (c >= 0xE000 && c <= 0xF8FF) ||
                (c >= 0xFE00 && c <= 0xFE6F) || (c >= 0xFF5F && c <= 0xFFFF);
    return mark ? BREAK : CHINESE;
}

char search_initial(uint32_t c)
{
    if (c < PINYIN_FIRST || c > PINYIN_LAST) return 0;
    size_t i = c - PINYIN_FIRST;
    char letter = pinyin_initials[i / PINYIN_LINE * (PINYIN_LINE + 1) + i % PINYIN_LINE];
    return letter == '.' ? 0 : letter;
}

SearchText search_text(Arena *a, Str s, size_t max)
{
    SearchText t = {0};
    Str rest = s;
    size_t cap = s.n < max ? s.n : max, used;
    uint32_t c;
    t.cp = ARENA_ARRAY(a, uint32_t, cap + 1);
    t.at = ARENA_ARRAY(a, size_t, cap + 1);
    while (t.n < cap && rest.n) {
        used = text_decode(rest, &c);
        if (!used) used = 1, c = 0xFFFD;
        t.cp[t.n] = fold(c);
        t.at[t.n++] = (size_t)(rest.p - s.p);
        rest = str_from(rest, used);
    }
    t.at[t.n] = s.n - rest.n;
    return t;
}

/* The next run from *at on; false at the end. */
static bool next_run(const SearchText *t, size_t *at, SearchSpan *ret, Kind *kind)
{
    size_t i = *at;
    while (i < t->n && kind_of(t->cp[i]) == BREAK) i++;
    if (i == t->n) return false;
    *kind = kind_of(t->cp[i]);
    ret->from = i;
    while (i < t->n && kind_of(t->cp[i]) == *kind) i++;
    ret->to = *at = i;
    return true;
}

static void put(Buf *out, const uint32_t *cp, size_t n)
{
    char bytes[4];
    for (size_t i = 0; i < n; i++) buf_add(out, str_n(bytes, text_encode(cp[i], bytes)));
}

/* --- tokens of a text
 * ----------------------------------------------------------------------------------------- */

static void add(Buf *out, const uint32_t *cp, size_t n)
{
    put(out, cp, n);
    buf_addc(out, ' ');
}

static void run_tokens(Buf *out, const uint32_t *cp, size_t n, Kind kind)
{
    if (kind == LATIN) {
        add(out, cp, 1);
        if (n > 1) add(out, cp, 2);
        for (size_t i = 0; i + 3 <= n; i++) add(out, cp + i, 3);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        add(out, cp + i, 1);
        if (i + 1 < n) add(out, cp + i, 2);
    }
}

static uint32_t pair(char x, char y) { return PAIR_FIRST + (uint32_t)(x - 'a') * 26 + (uint32_t)(y - 'a'); }

static void run_initials(Buf *out, const uint32_t *cp, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        char x = search_initial(cp[i]), y = search_initial(cp[i + 1]);
        uint32_t p = x && y ? pair(x, y) : 0;
        if (p) add(out, &p, 1);
    }
}

void search_tokens(Arena *a, Str text, bool initials, Buf *out)
{
    SearchText t = search_text(a, text, SEARCH_FIELD_MAX);
    SearchSpan run;
    Kind kind;
    for (size_t at = 0; next_run(&t, &at, &run, &kind);) {
        run_tokens(out, t.cp + run.from, run.to - run.from, kind);
        if (initials && kind == CHINESE) run_initials(out, t.cp + run.from, run.to - run.from);
    }
}

/* --- the query
 * ------------------------------------------------------------------------------------------------ */

static SearchText part(const SearchText *t, size_t from, size_t to)
{
    return (SearchText){t->cp + from, t->at + from, to - from};
}

static bool same(const SearchText *x, const SearchText *y)
{
    return x->n == y->n && !memcmp(x->cp, y->cp, x->n * sizeof *x->cp);
}

static void add_word(SearchQuery *q, SearchText t)
{
    SearchWord w = {.text = t, .latin = true, .initials = t.n >= 2};
    if (q->n == SEARCH_WORDS_MAX) return;
    for (size_t i = 0; i < q->n; i++)
        if (same(&q->words[i].text, &t)) return;
    for (size_t i = 0; i < t.n; i++) {
        w.latin &= kind_of(t.cp[i]) == LATIN;
        w.initials &= t.cp[i] >= 'a' && t.cp[i] <= 'z';
    }
    q->words[q->n++] = w;
}

/* A phrase keeps what stands between its runs, without breaks at its ends. */
static void add_phrase(SearchQuery *q, const SearchText *t, size_t from, size_t to)
{
    while (from < to && kind_of(t->cp[from]) == BREAK) from++;
    while (to > from && kind_of(t->cp[to - 1]) == BREAK) to--;
    if (from < to) add_word(q, part(t, from, to));
}

/* A Chinese run by the dictionary; neighbouring single characters stay together, since what the dictionary
   does not know is more likely one word than none. */
static void add_segments(Arena *a, Segmenter *s, SearchQuery *q, const SearchText *t, SearchSpan run)
{
    size_t lengths[SEARCH_QUERY_MAX], n = 0, at = run.from, single = run.from;
    if (s && run.to - run.from > 2) n = segmenter_cut(a, s, t->cp + run.from, run.to - run.from, lengths);
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] > 1) {
            if (single < at) add_word(q, part(t, single, at));
            add_word(q, part(t, at, at + lengths[i]));
            single = at + lengths[i];
        }
        at += lengths[i];
    }
    if (single < run.to) add_word(q, part(t, single, run.to));
}

int search_parse(Arena *a, Segmenter *s, Str text, SearchQuery *ret, Err *err)
{
    Kind kind;
    SearchSpan run;
    *ret = (SearchQuery){0};
    if (text.n > SEARCH_QUERY_MAX)
        return err_set(err, ERR_INPUT, "要找的词过长，最多 %d 字节", SEARCH_QUERY_MAX), err_pointer(err, "q");
    if (text_invalid_at(text) >= 0 || (text.n && memchr(text.p, 0, text.n)))
        return err_set(err, ERR_INPUT, "不是有效的 UTF-8 文本"), err_pointer(err, "q");
    SearchText t = search_text(a, text, SEARCH_QUERY_MAX);
    uint32_t *whole = ARENA_ARRAY(a, uint32_t, t.n + 1);
    for (size_t from = 0, i = 0; i <= t.n; i++) {
        bool quote = i < t.n && (t.cp[i] == '"' || t.cp[i] == 0x201C || t.cp[i] == 0x201D);
        if (i < t.n && !quote) {
            whole[ret->whole.n++] = t.cp[i];
            continue;
        }
        SearchText piece = part(&t, from, i);
        for (size_t at = 0; next_run(&piece, &at, &run, &kind);)
            if (kind == CHINESE)
                add_segments(a, s, ret, &piece, run);
            else
                add_word(ret, part(&piece, run.from, run.to));
        size_t end = i + 1; /* an open quote reaches to the end */
        while (quote && end < t.n && t.cp[end] != '"' && t.cp[end] != 0x201C && t.cp[end] != 0x201D)
            whole[ret->whole.n++] = t.cp[end++];
        if (quote) add_phrase(ret, &t, i + 1, end < t.n ? end : t.n), i = end;
        from = i + 1;
    }
    ret->whole.cp = whole;
    if (ret->n) return 0;
    err_set(err, ERR_INPUT, "没有写要找的词");
    err_pointer(err, "q");
    return err_hint(err, "写名称里的几个字、编号的开头或名称的拼音首字母");
}

typedef struct Matcher {
    Buf *out;
    bool postgres, any;
} Matcher;

static void token(Matcher *m, const uint32_t *cp, size_t n)
{
    char quote = m->postgres ? '\'' : '"';
    if (m->any) buf_adds(m->out, m->postgres ? " & " : " AND ");
    buf_addc(m->out, quote);
    put(m->out, cp, n);
    buf_addc(m->out, quote);
    m->any = true;
}

/* Tokens that every text with this run has. */
static void run_match(Matcher *m, const uint32_t *cp, size_t n, Kind kind, bool whole)
{
    size_t width = kind == LATIN ? 3 : 2;
    if (kind == LATIN && n < 3 && !whole) return; /* the tail of a longer run has no token of its own */
    if (n < width) return token(m, cp, n);
    for (size_t i = 0; i + width <= n; i++) token(m, cp + i, width);
}

static void initials_match(Matcher *m, const SearchText *t)
{
    for (size_t i = 0; i + 1 < t->n; i++) {
        uint32_t p = pair((char)t->cp[i], (char)t->cp[i + 1]);
        token(m, &p, 1);
    }
}

static void word_match(Buf *out, bool postgres, const SearchWord *w, bool initials)
{
    Matcher m = {out, postgres, false};
    SearchSpan run;
    Kind kind;
    bool both = initials && w->initials;
    buf_adds(out, both ? "((" : "(");
    for (size_t at = 0; next_run(&w->text, &at, &run, &kind);)
        run_match(&m, w->text.cp + run.from, run.to - run.from, kind, w->latin || run.from > 0);
    if (both) {
        buf_adds(out, postgres ? ") | (" : ") OR (");
        m.any = false;
        initials_match(&m, &w->text);
    }
    buf_adds(out, both ? "))" : ")");
}

static Str taken(Arena *a, Buf *b)
{
    Str s = buf_dup(a, b);
    buf_done(b);
    return s;
}

Str search_match_word(Arena *a, bool postgres, const SearchWord *w, bool initials)
{
    Buf b;
    buf_init(&b, 1 << 16);
    word_match(&b, postgres, w, initials);
    return taken(a, &b);
}

Str search_match(Arena *a, bool postgres, const SearchQuery *q, bool initials)
{
    Buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < q->n; i++) {
        if (i) buf_adds(&b, postgres ? " & " : " AND ");
        word_match(&b, postgres, &q->words[i], initials);
    }
    return taken(a, &b);
}

/* --- where words stand
 * --------------------------------------------------------------------------------------- */

static bool begins_run(const SearchText *t, size_t i) { return !i || kind_of(t->cp[i - 1]) != LATIN; }

static bool word_at(const SearchText *t, size_t i, const SearchWord *w)
{
    if (memcmp(t->cp + i, w->text.cp, w->text.n * sizeof *t->cp) != 0) return false;
    return !(w->latin && w->text.n < 3) || begins_run(t, i);
}

static bool initials_at(const SearchText *t, size_t i, const SearchWord *w)
{
    for (size_t k = 0; k < w->text.n; k++)
        if (kind_of(t->cp[i + k]) != CHINESE || (uint32_t)search_initial(t->cp[i + k]) != w->text.cp[k])
            return false;
    return true;
}

size_t search_find(const SearchText *t, const SearchWord *w, bool initials, SearchSpan *ret, size_t max)
{
    size_t n = 0, len = w->text.n;
    for (size_t i = 0; n < max && i + len <= t->n;) {
        if (word_at(t, i, w) || (initials && w->initials && initials_at(t, i, w)))
            ret[n++] = (SearchSpan){i, i + len}, i += len;
        else
            i++;
    }
    return n;
}
