/* SPDX-License-Identifier: MulanPSL-2.0 */
/* try: what the reactions of a file would do with one record, without doing it. */
#include "main/main.h"

#include "rule/rule.h"

typedef struct Try {
    const RuleSet *set;
    const City *city;
    Arena *a;
    Str entity, record;
    Buf out;
} Try;

static int try_tx(Tx *tx, void *p, Err *err)
{
    Try *t = p;
    buf_clear(&t->out);
    return rule_try(t->set, t->city, tx, t->a, S(""), t->entity, t->record, &t->out, err);
}

static void show(const json_t *o)
{
    const char *name;
    json_t *v;
    const char *why = json_string_value(json_object_get(o, "why"));
    const char *when = json_string_value(json_object_get(o, "when"));
    bool met = json_is_true(json_object_get(o, "met"));
    printf("%s %s（%s；%s）%s%s\n", met ? "会" : "不会", json_string_value(json_object_get(o, "id")),
           json_string_value(json_object_get(o, "title")), json_string_value(json_object_get(o, "on")),
           why ? "：" : "", why ? why : "");
    if (when) printf("    条件 %s\n", when);
    if (json_object_get(o, "at")) printf("    时刻 %s\n", json_string_value(json_object_get(o, "at")));
    json_object_foreach(json_object_get(o, "values"), name, v)
    {
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        printf("    %s = %s\n", name, text ? text : "?");
        free(text);
    }
}

static int evaluate(Options *o, OpenCity *c, const RuleSet *set, Err *err)
{
    json_t *list;
    Str what = str_c(o->record);
    ptrdiff_t slash = str_find(what, '/');
    if (slash <= 0) return err_set(err, ERR_USAGE, "--record 要写 实体/编号");
    Try t = {.set = set,
             .city = &c->city,
             .a = o->arena,
             .entity = str_n(what.p, (size_t)slash),
             .record = str_from(what, (size_t)slash + 1)};
    buf_init(&t.out, 8 << 20);
    int rc = store_read(c->store, "try", try_tx, &t, err);
    if (rc == 0) rc = json_parse(o->arena, buf_str(&t.out), &list, err);
    buf_done(&t.out);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) show(json_array_get(list, i));
    if (rc == 0 && !json_array_size(list)) printf("文件里没有关于 " STR_FMT " 的反应\n", STR_ARG(t.entity));
    return rc;
}

static int run(Options *o, OpenCity *c, RuleSet **set, Err *err)
{
    Faults f = {.arena = o->arena};
    if (!o->n_args || !o->record) return err_set(err, ERR_USAGE, "要写 RULES.yaml 和 --record 实体/编号");
    TRY(city_open(o, NULL, false, c, err));
    int rc = rule_load_file(c->model, o->args[0], &f, set, err);
    if (rc < 0) print_faults(&f);
    return rc < 0 ? rc : evaluate(o, c, *set, err);
}

int cmd_try(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_city_ OpenCity c = {0};
    RuleSet *set = NULL;
    int rc = run(o, &c, &set, &err);
    rule_set_free(set); /* before the model that it refers to */
    return rc < 0 ? complain(&err) : EXIT_DONE;
}
