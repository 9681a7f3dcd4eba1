/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Conditions: field=op.value, not., op(any|all).{…}, in.(…), is.…, cs.{…}, fts.…, and trees or=(…). */
#include "model/query_int.h"

#include "base/text.h"
#include "model/pattern.h"
#include "model/search.h"
#include "model/value.h"
#include "model/vault.h"

static const struct {
    const char *name;
    Cmp cmp;
} ops[] = {{"cd", CMP_CD},
           {"cs", CMP_CS},
           {"eq", CMP_EQ},
           {"fts", CMP_FTS},
           {"gt", CMP_GT},
           {"gte", CMP_GTE},
           {"ilike", CMP_ILIKE},
           {"imatch", CMP_IMATCH},
           {"in", CMP_IN},
           {"is", CMP_IS},
           {"isdistinct", CMP_DISTINCT},
           {"like", CMP_LIKE},
           {"lt", CMP_LT},
           {"lte", CMP_LTE},
           {"match", CMP_MATCH},
           {"neq", CMP_NEQ},
           {"ov", CMP_OV},
           {"phfts", CMP_FTS},
           {"plfts", CMP_FTS},
           {"wfts", CMP_FTS}};

static int bad(Err *err, Str name, const char *what, Str shown)
{
    err_set(err, ERR_INPUT, "条件 “" STR_FMT "” %s “" STR_FMT "”", STR_ARG(name), what,
            STR_ARG(text_cut(shown, 60)));
    return err_pointer(err, STR_FMT, STR_ARG(text_cut_bytes(name, 200)));
}

static int find_op(Str name, Str op, Cmp *ret, Err *err)
{
    Str names[CMP_N + 8];
    size_t n = sizeof ops / sizeof *ops;
    for (size_t i = 0; i < n; i++) {
        if (str_is(op, ops[i].name)) return *ret = ops[i].cmp, 0;
        names[i] = str_c(ops[i].name);
    }
    ptrdiff_t near = text_nearest(op, names, n);
    int rc = bad(err, name, "不认识运算符", op);
    if (near >= 0)
        return err_hint(err, "是不是 “%s”；写成 字段=运算符.值，例如 code=eq.A-01", ops[near].name);
    err_hint(err,
             "写成 字段=运算符.值，例如 code=eq.A-01；可用 eq neq gt gte lt lte like ilike in is cs fts");
    return rc;
}

/* Items of (a,"b,c",d) or {a,b}: quotes removed, backslash escapes undone. */
static int list_items(const QueryCtx *c, Str name, Str text, char open, char close, StrList *ret, Err *err)
{
    size_t cap = 0;
    if (text.n < 2 || text.p[0] != open || text.p[text.n - 1] != close)
        return bad(err, name, "的列表要用括号括起来：", text);
    Str rest = str_n(text.p + 1, text.n - 2), item;
    *ret = (StrList){0};
    if (!rest.n) return 0;
    while (query_next_item(&rest, &item)) {
        if (item.n >= 2 && item.p[0] == '"' && item.p[item.n - 1] == '"') {
            Buf b;
            buf_init(&b, item.n);
            for (size_t i = 1; i + 1 < item.n; i++) {
                if (item.p[i] == '\\' && i + 2 < item.n) i++;
                buf_addc(&b, item.p[i]);
            }
            item = buf_dup(c->a, &b);
            buf_done(&b);
        }
        *ARENA_PUSH(c->a, ret->items, ret->n, cap) = item;
        if (ret->n > QUERY_IN_MAX) return bad(err, name, "的列表过长，最多 2000 项：", S("…"));
    }
    return 0;
}

/* A plain decimal number: what both databases read alike. */
static bool is_number(Str s)
{
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), digits = 0, dots = 0;
    for (; i < s.n; i++)
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits++;
        else if (s.p[i] == '.')
            dots++;
        else
            return false;
    return digits && digits <= 40 && dots <= 1;
}

static int check_regex(Str text, Str name, Err *err)
{
    regex_t re;
    _cleanup_arena_ Arena *a = arena_new();
    if (pattern_fault(text)) return bad(err, name, "的正则表达式过于复杂：", text);
    if (regcomp(&re, str_cdup(a, text), REG_EXTENDED | REG_NOSUB))
        return bad(err, name, "的正则表达式写得不对：", text);
    regfree(&re);
    return 0;
}

/* What is sealed is found by its sealed forms: one for each data key. */
static int add_sealed(const QueryCtx *c, Cond *k, size_t *cap, Str text, Str name, Err *err)
{
    Field plain = *k->field;
    Val v, *forms;
    Err why = ERR_INIT;
    plain.regex = NULL, plain.codes = NULL, plain.has_min = plain.has_max = false;
    if (value_from_text(c->a, &plain, text, &v, &why) < 0) return bad(err, name, "：值的形式不对：", text);
    size_t n = v.kind == VAL_NULL ? 0 : vault_forms(c->a, k->field, v, &forms);
    for (size_t i = 0; i < n; i++) *ARENA_PUSH(c->a, k->vals, k->n_vals, *cap) = forms[i];
    k->cmp = CMP_IN;
    return 0;
}

static int add_val(const QueryCtx *c, Cond *k, size_t *cap, Str text, Str name, Err *err)
{
    if (k->field->sealed && k->cmp != CMP_FTS) return add_sealed(c, k, cap, text, name, err);
    Val v;
    const Field *f = k->field;
    bool pattern = k->cmp == CMP_LIKE || k->cmp == CMP_ILIKE || k->cmp == CMP_MATCH || k->cmp == CMP_IMATCH ||
                   k->cmp == CMP_FTS;
    if (text_invalid_at(text) >= 0) return bad(err, name, "不是有效的 UTF-8：", S("?"));
    if (pattern) {
        char *p = str_cdup(c->a, text);
        for (size_t i = 0; i < text.n && k->cmp <= CMP_ILIKE; i++)
            if (p[i] == '*') p[i] = '%';
        v = V_TEXT(str_n(p, text.n));
        if (text.n > 200) return bad(err, name, "的模式过长：", text);
        if (k->cmp == CMP_MATCH || k->cmp == CMP_IMATCH) TRY(check_regex(text, name, err));
    } else if (f->storage == STORE_LINK) {
        int64_t no;
        v = V_TEXT(text);
        if (entity_id(f->to)->storage == STORE_INT) {
            if (!str_int(text, &no)) return bad(err, name, "要的是整数，不是", text);
            v = V_INT(no);
        }
    } else if (f->storage == STORE_NUM) {
        if (!is_number(text)) return bad(err, name, "要的是数字，不是", text);
        v = V_TEXT(text);
    } else {
        /* Only the form is checked, not the range: asking for what cannot be there gives nothing. */
        Field plain = *f;
        plain.regex = NULL, plain.codes = NULL, plain.has_min = plain.has_max = false;
        if (f->storage == STORE_TEXT) plain.type = F_LONGTEXT;
        Err why = ERR_INIT;
        if (value_from_text(c->a, &plain, text, &v, &why) < 0) {
            err_set(err, ERR_INPUT, "条件 “" STR_FMT "”：%s", STR_ARG(name), why.msg);
            return err_pointer(err, STR_FMT, STR_ARG(name));
        }
        if (v.kind == VAL_NULL && f->storage != STORE_TEXT)
            return bad(err, name, "要写一个值，空的写 is.null，不是", text);
        if (v.kind == VAL_NULL) v = V_TEXT(S(""));
    }
    *ARENA_PUSH(c->a, k->vals, k->n_vals, *cap) = v;
    return 0;
}

/* fts: every word must occur somewhere in the text. */
static int fts_words(const QueryCtx *c, Cond *k, Str text, Str name, Err *err)
{
    size_t cap = 0, words_cap = 0;
    Str rest = text, word;
    while (str_split(&rest, ' ', &word)) {
        if (word.n >= 2 && (word.p[0] == '\'' || word.p[0] == '"')) word = str_n(word.p + 1, word.n - 2);
        if (!word.n || str_is(word, "&")) continue;
        Buf b;
        buf_init(&b, 1000);
        buf_addc(&b, '%');
        for (size_t i = 0; i < word.n; i++) {
            if (strchr("%_\\", word.p[i])) buf_addc(&b, '\\');
            buf_addc(&b, word.p[i]);
        }
        buf_addc(&b, '%');
        Str pattern = buf_dup(c->a, &b);
        buf_done(&b);
        *ARENA_PUSH(c->a, k->words, k->n_words, words_cap) = word;
        TRY(add_val(c, k, &cap, pattern, name, err));
    }
    return k->n_vals ? 0 : bad(err, name, "没有写要找的词", text);
}

static int check_use(const QueryCtx *c, const Query *q, const Cond *k, Str name, Err *err)
{
    const Field *f = k->field;
    bool texts = k->cmp == CMP_LIKE || k->cmp == CMP_ILIKE || k->cmp == CMP_MATCH || k->cmp == CMP_IMATCH ||
                 k->cmp == CMP_FTS;
    bool lists = k->cmp == CMP_CS || k->cmp == CMP_CD || k->cmp == CMP_OV;
    TRY(access_field(c->who, f, str_cdup(c->a, text_cut_bytes(name, 200)), err));
    if (access_masks(c->who, q->entity, f, &q->access) && k->cmp != CMP_EQ && k->cmp != CMP_IN &&
        k->cmp != CMP_IS) {
        err_set(err, ERR_FORBIDDEN, "“" STR_FMT "” 是敏感字段，只能用 eq、in、is 查询", STR_ARG(f->title));
        return err_pointer(err, STR_FMT, STR_ARG(name));
    }
    if (f->sealed && k->cmp != CMP_EQ && k->cmp != CMP_IN && k->cmp != CMP_IS)
        return bad(err, name, "是加密字段，只能用", S("eq in is"));
    if (texts && f->storage != STORE_TEXT)
        return bad(err, name, "不是文本，不能用", S("like / ilike / match / fts"));
    if (lists && f->storage != STORE_LINK) return bad(err, name, "不是列表，不能用", S("cs / cd / ov"));
    if (f->storage == STORE_LINK && (texts || (k->cmp >= CMP_GT && k->cmp <= CMP_LTE)))
        return bad(err, name, "是列表，只能用", S("eq neq in cs cd ov is"));
    if ((f->storage == STORE_GEO || f->storage == STORE_JSON) && k->cmp != CMP_IS)
        return bad(err, name, "只能用", S("is.null / is.not_null"));
    return 0;
}

/* _text=fts.词 */
static int check_text(const QueryCtx *c, const Query *q, Cond *k, Err *err)
{
    if (k->cmp != CMP_FTS) return bad(err, S("_text"), "只能用", S("fts"));
    k->in = search_fields(c->a, q->entity);
    return k->in.n ? 0 : bad(err, S("_text"), "：没有可以搜索的文本字段", q->entity->name);
}

static int is_value(Cond *k, Str name, Str value, Err *err)
{
    static const char *const words[] = {"null", "not_null", "true", "false", "unknown"};
    for (size_t i = 0; i < 5; i++)
        if (str_ieq(value, str_c(words[i]))) k->word = str_c(words[i]);
    if (!k->word.n) return bad(err, name, "：is 后面写 null、not_null、true 或 false，不是", value);
    if ((str_is(k->word, "true") || str_is(k->word, "false")) && k->field->storage != STORE_BOOL)
        return bad(err, name, "不是是否字段，不能用 is.", value);
    return 0;
}

/* op(any).{a,b} / op(all).{a,b} / op(lang).x */
static int split_op(const QueryCtx *c, Str name, Str text, Cond *k, Str *ret_value, Err *err)
{
    if (str_starts(text, S("not."))) k->negate = true, text = str_from(text, 4);
    size_t end = 0;
    while (end < text.n && text.p[end] != '.' && text.p[end] != '(') end++;
    Str op = str_n(text.p, end), paren = STR_NONE;
    if (end < text.n && text.p[end] == '(') {
        ptrdiff_t close = str_find(str_from(text, end), ')');
        if (close < 0) return bad(err, name, "括号没有配对：", text);
        paren = str_n(text.p + end + 1, (size_t)close - 1);
        end += (size_t)close + 1;
    }
    (void)c;
    if (end >= text.n || text.p[end] != '.') {
        bad(err, name, "要写成 运算符.值，不是", text);
        return err_hint(err, "例如 " STR_FMT "=eq." STR_FMT, STR_ARG(name), STR_ARG(text_cut(text, 30)));
    }
    TRY(find_op(name, op, &k->cmp, err));
    if (k->cmp != CMP_FTS && paren.n) {
        if (!str_is(paren, "any") && !str_is(paren, "all"))
            return bad(err, name, "：括号里写 any 或 all，不是", paren);
        k->quantifier = str_is(paren, "any") ? '|' : '&';
    }
    *ret_value = str_from(text, end + 1);
    return 0;
}

static int leaf(const QueryCtx *c, Query *q, Str name, Str text, Cond **ret, Err *err)
{
    Cond *k = cond_new(c, COND_LEAF);
    Str value;
    StrList items = {0};
    size_t cap = 0;
    bool any_text = str_is(name, "_text"); /* every field that is searched */
    if (any_text)
        k->field = q->entity->label;
    else
        TRY(query_field(q->entity, name, NULL, &k->field, err));
    TRY(split_op(c, name, text, k, &value, err));
    TRY(any_text ? check_text(c, q, k, err) : check_use(c, q, k, name, err));
    if (!any_text && k->cmp == CMP_FTS)
        k->in = (FieldSet){ARENA_ARRAY(c->a, const Field *, 1), 1}, k->in.items[0] = k->field;
    *ret = k;
    bool list = k->cmp == CMP_IN,
         braces = k->cmp == CMP_CS || k->cmp == CMP_CD || k->cmp == CMP_OV || k->quantifier;
    if (k->cmp == CMP_IS) return is_value(k, name, value, err);
    if (k->cmp == CMP_FTS) return fts_words(c, k, value, name, err);
    if (!list && !braces) return add_val(c, k, &cap, value, name, err);
    TRY(list_items(c, name, value, list ? '(' : '{', list ? ')' : '}', &items, err));
    for (size_t i = 0; i < items.n; i++) TRY(add_val(c, k, &cap, items.items[i], name, err));
    if (!items.n && !list && k->quantifier) return bad(err, name, "的列表是空的", value);
    return 0;
}

int query_filter(const QueryCtx *c, Query *q, Str name, Str value, Err *err)
{
    Cond *k;
    TRY(leaf(c, q, name, value, &k, err));
    cond_add(c, q->where, k);
    return q->where->n > QUERY_COND_MAX ? bad(err, name, "：条件过多", S("")) : 0;
}

static int tree(const QueryCtx *c, Query *q, Cond *group, Str text, int depth, int *count, Err *err);

/* One item of a tree: and(…), or(…), not.and(…), or field.op.value. */
static int tree_item(const QueryCtx *c, Query *q, Cond *group, Str item, int depth, int *count, Err *err)
{
    bool negate = str_starts(item, S("not.and(")) || str_starts(item, S("not.or("));
    Str body = negate ? str_from(item, 4) : item;
    bool is_and = str_starts(body, S("and(")), is_or = str_starts(body, S("or("));
    if (++*count > QUERY_COND_MAX) return bad(err, S("or"), "：条件过多", S(""));
    if (is_and || is_or) {
        Cond *k = cond_new(c, is_and ? COND_AND : COND_OR);
        k->negate = negate;
        cond_add(c, group, k);
        return tree(c, q, k, str_from(body, is_and ? 3 : 2), depth + 1, count, err);
    }
    ptrdiff_t dot = str_find(item, '.');
    if (dot <= 0) return bad(err, S("or"), "里要写成 字段.运算符.值，不是", item);
    Str value = str_from(item, (size_t)dot + 1);
    if (value.n >= 2 && str_find(value, '"') >= 0) { /* eq."a,b" */
        ptrdiff_t at = str_find_str(value, S(".\""));
        if (at >= 0 && value.p[value.n - 1] == '"') {
            StrList one;
            Str quoted = str_fmt(c->a, "(" STR_FMT ")", STR_ARG(str_from(value, (size_t)at + 1)));
            TRY(list_items(c, S("or"), quoted, '(', ')', &one, err));
            if (one.n == 1)
                value = str_fmt(c->a, STR_FMT "." STR_FMT, (int)at, value.p, STR_ARG(one.items[0]));
        }
    }
    Cond *k;
    TRY(leaf(c, q, str_n(item.p, (size_t)dot), value, &k, err));
    cond_add(c, group, k);
    return 0;
}

static int tree(const QueryCtx *c, Query *q, Cond *group, Str text, int depth, int *count, Err *err)
{
    if (depth > QUERY_DEPTH_MAX) return bad(err, S("or"), "嵌套过深：", text);
    if (text.n < 2 || text.p[0] != '(' || text.p[text.n - 1] != ')')
        return bad(err, S("or"), "要写成 (条件,条件)，不是", text);
    Str rest = str_n(text.p + 1, text.n - 2), item;
    while (query_next_item(&rest, &item)) TRY(tree_item(c, q, group, str_trim(item), depth, count, err));
    return 0;
}

int query_tree(const QueryCtx *c, Query *q, CondKind kind, bool negate, Str text, Err *err)
{
    Cond *k = cond_new(c, kind);
    int count = 0;
    k->negate = negate;
    TRY(tree(c, q, k, text, 0, &count, err));
    cond_add(c, q->where, k);
    return 0;
}
