/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Conditions to SQL. Where the databases differ, the difference stands in one place: rows of `forms`. */
#include "model/search.h"

#include "base/text.h"

static const char *const comparison[CMP_N] = {[CMP_EQ] = " = ",   [CMP_NEQ] = " <> ", [CMP_GT] = " > ",
                                              [CMP_GTE] = " >= ", [CMP_LT] = " < ",   [CMP_LTE] = " <= "};

/* Around column and argument: before, between, after. */
static const struct {
    const char *text[DIALECT_N][3];
    bool arg_first;
} forms[CMP_N] = {
    [CMP_LIKE] = {{{"", " like ", " escape '\\'"}, {"", " like ", ""}}},
    [CMP_ILIKE] = {{{"ilike(", ", ", ")"}, {"", " ilike ", ""}}},
    [CMP_MATCH] = {{{"regexp(", ", ", ")"}, {"", " ~ ", ""}}, true},
    [CMP_IMATCH] = {{{"regexp(lower(", "), lower(", "))"}, {"", " ~* ", ""}}, true},
    [CMP_DISTINCT] = {{{"", " is not ", ""}, {"", " is distinct from ", ""}}},
};

/* The column, beyond the reach of any index when it is only to be tested. A unary + takes the affinity away,
   so only where column and argument have the same type anyway. */
static void tested_column(Build *b, const char *alias, const Field *f)
{
    if (b->tested && (f->storage == STORE_TEXT || f->storage == STORE_INT)) build_add(b, "+");
    build_column(b, alias, f);
}

static void one(Build *b, const char *alias, const Field *f, Cmp cmp, Val v)
{
    if (comparison[cmp]) {
        tested_column(b, alias, f);
        build_add(b, comparison[cmp]);
        build_arg(b, v);
        return;
    }
    const char *const *form = forms[cmp].text[b->d];
    bool swap = forms[cmp].arg_first && b->d == DIALECT_SQLITE;
    build_add(b, form[0]);
    if (swap)
        build_arg(b, v);
    else
        build_column(b, alias, f);
    build_add(b, form[1]);
    if (swap)
        build_column(b, alias, f);
    else
        build_arg(b, v);
    build_add(b, form[2]);
}

static void is_word(Build *b, const char *alias, const Field *f, Str word)
{
    tested_column(b, alias, f);
    bool truth = str_is(word, "true") || str_is(word, "false");
    if (str_is(word, "null") || str_is(word, "unknown"))
        build_add(b, " is null");
    else if (str_is(word, "not_null"))
        build_add(b, " is not null");
    else if (truth && b->d == DIALECT_SQLITE)
        build_add(b, str_is(word, "true") ? " is 1" : " is 0");
    else
        build_add(b, str_is(word, "true") ? " is true" : " is false");
}

static void in_list(Build *b, const char *alias, const Cond *c)
{
    if (!c->n_vals) return build_add(b, "1 = 0");
    tested_column(b, alias, c->field);
    build_add(b, " in (");
    for (size_t i = 0; i < c->n_vals; i++) {
        if (i) build_add(b, ", ");
        build_arg(b, c->vals[i]);
    }
    build_add(b, ")");
}

/* "exists (link row of this record whose target …" */
static void link_exists(Build *b, const char *alias, const Field *f)
{
    build_add(b, "exists (select 1 from ");
    build_name(b, f->link);
    build_add(b, " l where l.\"owner\" = ");
    build_column(b, alias, entity_id(f->owner));
}

static void link_in(Build *b, const Cond *c, const char *in)
{
    build_addf(b, " and l.\"target\" %s (", in);
    for (size_t i = 0; i < c->n_vals; i++) {
        if (i) build_add(b, ", ");
        build_arg(b, c->vals[i]);
    }
    if (!c->n_vals) build_add(b, "null");
    build_add(b, "))");
}

/* Conditions on a list of references: holds one (eq, ov, in), holds all (cs), holds no other (cd), is empty
 * (is null). */
static void link_cond(Build *b, const char *alias, const Cond *c)
{
    if (c->cmp == CMP_IS) {
        build_add(b, str_is(c->word, "null") ? "not " : "");
        link_exists(b, alias, c->field);
        build_add(b, ")");
    } else if (c->cmp == CMP_CS) {
        build_add(b, "(1 = 1");
        for (size_t i = 0; i < c->n_vals; i++) {
            build_add(b, " and ");
            link_exists(b, alias, c->field);
            build_add(b, " and l.\"target\" = ");
            build_arg(b, c->vals[i]);
            build_add(b, ")");
        }
        build_add(b, ")");
    } else if (c->cmp == CMP_CD) {
        build_add(b, "not ");
        link_exists(b, alias, c->field);
        link_in(b, c, "not in");
    } else {
        if (c->cmp == CMP_NEQ) build_add(b, "not ");
        link_exists(b, alias, c->field);
        link_in(b, c, "in");
    }
}

/* Of long texts only what the search looks at. */
static void occurs(Build *b, const char *alias, const Field *f, Val pattern)
{
    bool cut = f->type == F_LONGTEXT, lite = b->d == DIALECT_SQLITE;
    build_add(b, lite ? "ilike(" : "");
    build_add(b, cut ? "substr(" : "");
    build_column(b, alias, f);
    if (cut) build_addf(b, ", 1, %d)", SEARCH_FIELD_MAX);
    build_add(b, lite ? ", " : " ilike ");
    build_arg(b, pattern);
    build_add(b, lite ? ")" : "");
}

/* Every word occurs in one of the fields. */
static void words(Build *b, const char *alias, const Cond *c)
{
    build_add(b, "(");
    if (c->match.n) {
        search_cond(b, alias, c->field->owner, c);
        build_add(b, " and ");
    }
    for (size_t i = 0; i < c->n_vals; i++) {
        build_add(b, i ? " and (" : "(");
        for (size_t k = 0; k < c->in.n; k++) {
            if (k) build_add(b, " or ");
            occurs(b, alias, c->in.items[k], c->vals[i]);
        }
        build_add(b, ")");
    }
    build_add(b, ")");
}

static void leaf(Build *b, const char *alias, const Cond *c)
{
    if (c->field->storage == STORE_LINK) return link_cond(b, alias, c);
    if (c->cmp == CMP_IS) return is_word(b, alias, c->field, c->word);
    if (c->cmp == CMP_IN) return in_list(b, alias, c);
    if (c->cmp == CMP_FTS) return words(b, alias, c);
    if (c->n_vals == 1) return one(b, alias, c->field, c->cmp, c->vals[0]);
    build_add(b, "(");
    for (size_t i = 0; i < c->n_vals; i++) {
        if (i) build_add(b, c->quantifier == '&' ? " and " : " or ");
        one(b, alias, c->field, c->cmp, c->vals[i]);
    }
    build_add(b, ")");
}

static void cond(Build *b, const char *alias, const Cond *c)
{
    if (c->negate) build_add(b, "not (");
    if (c->kind == COND_LEAF)
        leaf(b, alias, c);
    else {
        build_add(b, "(");
        for (size_t i = 0; i < c->n; i++) {
            if (i) build_add(b, c->kind == COND_OR ? " or " : " and ");
            cond(b, alias, c->kids[i]);
        }
        if (!c->n) build_add(b, c->kind == COND_OR ? "1 = 0" : "1 = 1");
        build_add(b, ")");
    }
    if (c->negate) build_add(b, ")");
}

/* !inner: only records for which the embedded query has a row. */
static void inner_embed(const QueryCtx *ctx, Build *b, const char *alias, const Embed *m, int depth)
{
    const char *name = str_fmt(b->a, "e%d", depth).p;
    const Entity *to = m->query->entity;
    const Field *via = m->via;
    build_add(b, " and exists (select 1 from ");
    build_name(b, to->name);
    build_addf(b, " %s", name);
    if (m->kind == EMBED_LINK || m->kind == EMBED_BACK) {
        build_add(b, " join ");
        build_name(b, via->link);
        build_addf(b, " k%d on k%d.\"%s\" = ", depth, depth, m->kind == EMBED_LINK ? "target" : "owner");
        build_column(b, name, entity_id(to));
    }
    query_where(ctx, b, name, m->query);
    build_add(b, " and ");
    if (m->kind == EMBED_ONE) {
        build_column(b, name, entity_id(to));
        build_add(b, " = ");
        build_column(b, alias, via);
    } else if (m->kind == EMBED_MANY) {
        build_column(b, name, via);
        build_add(b, " = ");
        build_column(b, alias, entity_id(via->to));
    } else {
        build_addf(b, "k%d.\"%s\" = ", depth, m->kind == EMBED_LINK ? "owner" : "target");
        build_column(b, alias, entity_id(m->kind == EMBED_LINK ? via->owner : via->to));
    }
    build_add(b, ")");
}

static void valid_at(Build *b, const char *alias, const Query *q)
{
    static const char *const names[] = {"valid_from", "valid_to"}, *const ops[] = {" <= ", " > "};
    for (size_t i = 0; i < 2; i++) {
        const Field *f = entity_field(q->entity, str_c(names[i]));
        build_add(b, " and (");
        build_column(b, alias, f);
        build_add(b, " is null or ");
        build_column(b, alias, f);
        build_add(b, ops[i]);
        build_arg(b, V_TEXT(q->at));
        build_add(b, ")");
    }
}

void query_where(const QueryCtx *c, Build *b, const char *alias, const Query *q)
{
    bool tested = b->tested;
    b->tested = b->d == DIALECT_SQLITE && (q->tested || q->by_ids);
    build_add(b, " where ");
    cond(b, alias, q->where);
    b->tested = tested;
    access_where(b, alias, c->who, q->entity, &q->access);
    if (q->unmask.scopes) access_where(b, alias, c->who, q->entity, &q->unmask);
    if (q->at.n) valid_at(b, alias, q);
    for (size_t i = 0; i < q->n_picks; i++)
        if (q->picks[i].embed && q->picks[i].embed->inner)
            inner_embed(c, b, alias, q->picks[i].embed, alias[0] == 'e' ? alias[1] - '0' + 1 : 1);
}
