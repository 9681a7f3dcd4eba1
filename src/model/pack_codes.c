/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Code tables: from decoded files to the model, with the checks that need the whole table or the model.
 */
#include "model/pack_int.h"

static void check_code_tree(PackLoader *l, const Codes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const Code *code = &c->items[i];
        if (code->from.n && code->to.n && str_cmp(code->from, code->to) > 0)
            fault_add(l->f, code->at, S("启用日期要早于停用日期"), "代码 “" STR_FMT "” 的 from 晚于 to",
                      STR_ARG(code->code));
        if (code->parent.n && !codes_find(c, code->parent))
            fault_add(l->f, code->at, S("写本代码表里有的代码"),
                      "代码 “" STR_FMT "” 的上级 “" STR_FMT "” 不存在", STR_ARG(code->code),
                      STR_ARG(code->parent));
    }
}

static void add_code(PackLoader *l, Codes *c, const Yaml *y)
{
    CodeFile cf = {0};
    if (!pack_decode(y, code_keys, &cf, l->f) || !cf.code) return;
    const Code *other = codes_find(c, cf.code->text);
    if (other) {
        fault_add(l->f, cf.code->at, str_fmt(l->a, "删去一处（第一次在第 %d 行）", other->at.line),
                  "代码 “" STR_FMT "” 重复", STR_ARG(cf.code->text));
        return;
    }
    *ARENA_PUSH(l->a, c->items, c->n, c->cap) =
        (Code){cf.code->text,      pack_text(cf.title), pack_text(cf.parent),
               pack_text(cf.from), pack_text(cf.to),    y->at};
}

void pack_build_codes(PackLoader *l, const Yaml *root)
{
    CodesFile y = {0};
    if (!pack_decode(root, codes_keys, &y, l->f) || !y.codes) return;
    const Codes *other = model_codes(l->m, y.codes->text);
    if (other) {
        fault_add(l->f, y.codes->at,
                  str_fmt(l->a, "换一个名字（已在 %s:%d 声明）", other->at.file, other->at.line),
                  "代码表 “" STR_FMT "” 重复声明", STR_ARG(y.codes->text));
        return;
    }
    Codes *c = ARENA_NEW(l->a, Codes);
    c->name = y.codes->text, c->title = pack_text(y.title), c->standard = pack_text(y.standard);
    c->version = pack_text(y.version), c->at = y.codes->at;
    for (size_t i = 0; y.values && i < y.values->n; i++) add_code(l, c, y.values->items[i]);
    check_code_tree(l, c);
    *ARENA_PUSH(l->a, l->m->codes, l->m->n_codes, l->m->cap_codes) = c;
}
