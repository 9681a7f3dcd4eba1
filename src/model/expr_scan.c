/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Tokens as SQLite reads them (https://www.sqlite.org/lang_expr.html), less what an expression may not have.
 */
#include "model/expr_scan.h"

#include <string.h>

/* Words that are never a field unless quoted. Sorted. */
static const char *const keywords[] = {"and",          "as",           "between",
                                       "case",         "cast",         "collate",
                                       "current_date", "current_time", "current_timestamp",
                                       "distinct",     "else",         "end",
                                       "escape",       "exists",       "false",
                                       "filter",       "from",         "glob",
                                       "in",           "is",           "isnull",
                                       "like",         "match",        "not",
                                       "notnull",      "null",         "or",
                                       "over",         "raise",        "regexp",
                                       "select",       "then",         "true",
                                       "union",        "values",       "when",
                                       "where",        "with"};

static const char *const forbidden[] = {"select", "values", "with", "union", "exists", "raise", "over"};

int expr_fault(Err *err, size_t at, const char *fmt, ...)
{
    char msg[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    int rc = err_set(err, ERR_PACK, "%s", msg);
    if (err) err->at = (int64_t)at;
    return rc;
}

static bool listed(Str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(word, str_c(list[i]))) return true;
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (c & 0x80);
}
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Behind the closing quote (a doubled one is a character); SIZE_MAX when there is none. */
static size_t quoted_end(Str s, size_t i)
{
    char close = s.p[i] == '[' ? ']' : s.p[i];
    for (i++; i < s.n; i++) {
        if (s.p[i] != close) continue;
        if (close == ']' || i + 1 >= s.n || s.p[i + 1] != close) return i + 1;
        i++;
    }
    return SIZE_MAX;
}

static size_t word_end(Str s, size_t i)
{
    while (i < s.n && is_word(s.p[i])) i++;
    return i;
}

static size_t digits_end(Str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i])) i++;
    return i;
}

static size_t number_end(Str s, size_t i)
{
    if (s.p[i] == '0' && i + 1 < s.n && (s.p[i + 1] | 0x20) == 'x') return word_end(s, i + 2);
    i = digits_end(s, i);
    if (i < s.n && s.p[i] == '.') i = digits_end(s, i + 1);
    if (i < s.n && (s.p[i] | 0x20) == 'e') {
        size_t exp = i + 1;
        if (exp < s.n && (s.p[exp] == '+' || s.p[exp] == '-')) exp++;
        if (exp < s.n && is_digit(s.p[exp])) i = digits_end(s, exp);
    }
    return i;
}

static size_t op_size(Str s, size_t i)
{
    static const char *const ops[] = {"->>", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>", "->", "+", "-",
                                      "*",   "/",  "%",  "=",  "<",  ">",  "(",  ")",  ",",  "&",  "|", "~"};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
        if (str_starts(str_from(s, i), str_c(ops[k]))) return strlen(ops[k]);
    return 0;
}

static int bad_char(Err *err, Str s, size_t i)
{
    char c = s.p[i];
    if (c == ';' || !c) return expr_fault(err, i, "表达式里不能有分号或注释");
    if (c == '?' || c == '$' || c == '@' || c == ':')
        return expr_fault(err, i, "表达式里不能有参数 “%c”", c), err_hint(err, "直接写字段名");
    if (c == '.') return expr_fault(err, i, "表达式写得不对：字段名前后不能有点号");
    if (c > ' ' && c < 127) return expr_fault(err, i, "表达式写得不对：不认识 “%c”", c);
    return expr_fault(err, i, "表达式写得不对：有看不见的字符");
}

/* One token from i; its end in *end. */
static int token(Str s, size_t i, ExprTok *kind, size_t *end, Err *err)
{
    char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
    if ((c == 'x' || c == 'X') && next == '\'') {
        *kind = TOK_BLOB, *end = quoted_end(s, i + 1);
    } else if (c == '\'') {
        *kind = TOK_TEXT, *end = quoted_end(s, i);
    } else if (c == '"' || c == '`' || c == '[') {
        *kind = TOK_QUOTED, *end = quoted_end(s, i);
    } else if (is_digit(c) || (c == '.' && is_digit(next))) {
        *kind = TOK_NUMBER, *end = number_end(s, i);
        if (*end < s.n && (is_word(s.p[*end]) || s.p[*end] == '.'))
            return expr_fault(err, i, "表达式写得不对：数字写得不对");
    } else if (is_word(c)) {
        *kind = TOK_NAME, *end = word_end(s, i);
    } else if (c == ':' && is_word(next) && !is_digit(next)) {
        *kind = TOK_PARAM, *end = word_end(s, i + 1);
    } else if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
        return expr_fault(err, i, "表达式里不能有分号或注释");
    } else {
        *kind = TOK_OP, *end = i + op_size(s, i);
        if (*end == i) return bad_char(err, s, i);
    }
    return *end == SIZE_MAX ? expr_fault(err, i, "表达式写得不对：引号没有配对") : 0;
}

static int check_word(ExprToken *t, Err *err)
{
    if (listed(t->text, forbidden, sizeof forbidden / sizeof *forbidden))
        return expr_fault(err, t->at, "表达式里只能用字段和函数，不能有 " STR_FMT, STR_ARG(t->text));
    if (listed(t->text, keywords, sizeof keywords / sizeof *keywords)) t->kind = TOK_KEYWORD;
    return 0;
}

int expr_scan(Arena *a, Str s, ExprTokens *ret, Err *err)
{
    size_t depth = 0, end, opened = 0;
    *ret = (ExprTokens){0};
    for (size_t i = 0; i < s.n; i = end) {
        end = i + 1;
        if (is_space(s.p[i])) continue;
        ExprToken t = {.at = i};
        TRY(token(s, i, &t.kind, &end, err));
        t.text = str_n(s.p + i, end - i);
        size_t after = end;
        while (after < s.n && is_space(s.p[after])) after++;
        t.call = after < s.n && s.p[after] == '(';
        if (t.kind == TOK_NAME) TRY(check_word(&t, err));
        if (t.kind == TOK_QUOTED && t.call) return expr_fault(err, i, "表达式里的函数名不加引号");
        if (t.kind == TOK_OP && *t.text.p == '(' && !depth++) opened = i;
        if (t.kind == TOK_OP && *t.text.p == ')' && !depth--)
            return expr_fault(err, i, "表达式写得不对：右括号多了");
        *ARENA_PUSH(a, ret->items, ret->n, ret->cap) = t;
    }
    return depth ? expr_fault(err, opened, "表达式写得不对：左括号多了") : 0;
}

Str expr_token_value(Arena *a, const ExprToken *t)
{
    if (t->kind != TOK_TEXT && t->kind != TOK_QUOTED) return t->text;
    char quote = t->text.p[0];
    Str inside = str_n(t->text.p + 1, t->text.n - 2);
    if (quote == '[' || str_find(inside, quote) < 0) return inside;
    char *out = arena_alloc(a, inside.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < inside.n; i++) {
        out[n++] = inside.p[i];
        if (inside.p[i] == quote) i++;
    }
    return str_n(out, n);
}

bool expr_token_is(const ExprToken *t, const char *op)
{
    return (t->kind == TOK_OP || t->kind == TOK_KEYWORD) && str_ieq(t->text, str_c(op));
}
