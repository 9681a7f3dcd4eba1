/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Roles, load steps and the order of systems. */
#include "model/pack_int.h"

#include "base/text.h"
#include <unistd.h>

static Role *role_of(PackLoader *l, Str name, Place at)
{
    for (size_t i = 0; i < l->m->n_roles; i++)
        if (str_eq(l->m->roles[i].name, name)) return &l->m->roles[i];
    Role *r = ARENA_PUSH(l->a, l->m->roles, l->m->n_roles, l->m->cap_roles);
    r->name = name;
    r->title = name;
    r->at = at;
    return r;
}

unsigned pack_verbs(const Yaml *y)
{
    static const struct {
        const char *name;
        unsigned ops;
    } rows[] = {{"read", OP_READ},     {"create", OP_CREATE}, {"update", OP_UPDATE},
                {"delete", OP_DELETE}, {"unmask", OP_UNMASK}, {"write", OP_CREATE | OP_UPDATE | OP_DELETE}};
    unsigned ops = 0;
    size_t n = y->kind == YAML_LIST ? y->n : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            if (str_is((y->kind == YAML_LIST ? y->items[i] : y)->text, rows[j].name)) ops |= rows[j].ops;
    return ops;
}

static Scope scope_of(Str s)
{
    return str_is(s, "all")      ? SCOPE_ALL
           : str_is(s, "region") ? SCOPE_REGION
           : str_is(s, "org")    ? SCOPE_ORG
           : str_is(s, "own")    ? SCOPE_OWN
                                 : SCOPE_NONE;
}

static void add_grant(PackLoader *l, Role *r, const Yaml *name, const RecordFile *y)
{
    if (!str_is(name->text, "*") && !model_entity(l->m, name->text)) {
        fault_add(l->f, name->at, pack_near_entity(l, name->text), "角色里的实体 “" STR_FMT "” 不存在",
                  STR_ARG(name->text));
        return;
    }
    *ARENA_PUSH(l->a, r->grants, r->n_grants, r->cap_grants) =
        (Grant){name->text, pack_verbs(y->ops), scope_of(y->scope->text)};
}

static void add_records(PackLoader *l, Role *r, const Yaml *list)
{
    for (size_t i = 0; i < list->n; i++) {
        RecordFile y = {0};
        if (!pack_decode(list->items[i], record_keys, &y, l->f) || !y.entities || !y.ops || !y.scope)
            continue;
        if (y.entities->kind == YAML_SCALAR) add_grant(l, r, y.entities, &y);
        for (size_t j = 0; y.entities->kind == YAML_LIST && j < y.entities->n; j++)
            add_grant(l, r, y.entities->items[j], &y);
    }
}

static void build_role(PackLoader *l, const Yaml *name, const Yaml *value)
{
    RoleFile y = {0};
    if (!pack_is_name(name->text))
        fault_add(l->f, name->at, S("以小写字母开头，只用小写字母、数字和下划线"),
                  "角色的名字 “" STR_FMT "” 不合规范", STR_ARG(name->text));
    if (!pack_decode(value, role_keys, &y, l->f)) return;
    Role *r = role_of(l, name->text, name->at);
    if (y.title) r->title = y.title->text;
    StrList permissions = pack_texts(l->a, y.permissions);
    for (size_t i = 0; i < permissions.n; i++)
        *ARENA_PUSH(l->a, r->permissions.items, r->permissions.n, r->cap_permissions) = permissions.items[i];
    if (y.records) add_records(l, r, y.records);
    if (y.exclusive) r->separation = true;
}

void pack_build_roles(PackLoader *l)
{
    for (size_t i = 0; i < l->n_roles; i++) {
        const Yaml *roles = NULL;
        if (!pack_decode(l->roles[i].y, roles_keys, &roles, l->f) || !roles) continue;
        for (size_t j = 0; j < roles->n; j++) build_role(l, roles->pairs[j].key, roles->pairs[j].value);
    }
    for (size_t i = 0; i < l->m->n_roles; i++) {
        const Role *r = &l->m->roles[i];
        if (r->separation && r->n_grants)
            fault_add(l->f, r->at, S("去掉 records，数据权限给业务角色"),
                      "管理员角色 “" STR_FMT "” 不能有数据权限", STR_ARG(r->name));
    }
}

Str pack_near_role(PackLoader *l, Str name)
{
    Str names[256];
    size_t n = 0;
    for (; n < l->m->n_roles && n < 256; n++) names[n] = l->m->roles[n].name;
    ptrdiff_t near = text_nearest(name, names, n);
    return near >= 0 ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(names[near]))
                     : S("写 roles.yaml 里有的角色");
}

static void check_user_role(PackLoader *l, const Yaml *y)
{
    if (!model_role(l->m, y->text))
        fault_add(l->f, y->at, pack_near_role(l, y->text), "没有角色 “" STR_FMT "”", STR_ARG(y->text));
}

/* Demo users are made by a room above; here only what can be wrong in the file. */
void pack_check_users(PackLoader *l)
{
    const Yaml **seen = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < l->n_users; i++) {
        const Yaml *list = NULL;
        if (!pack_decode(l->users[i], users_keys, &list, l->f) || !list) continue;
        for (size_t j = 0; j < list->n; j++) {
            UserFile y = {0};
            if (!pack_decode(list->items[j], user_keys, &y, l->f)) continue;
            for (size_t k = 0; y.user && k < n; k++)
                if (str_eq(seen[k]->text, y.user->text))
                    fault_add(
                        l->f, y.user->at,
                        str_fmt(l->a, "换一个登录名（已在 %s:%d 声明）", seen[k]->at.file, seen[k]->at.line),
                        "用户 “" STR_FMT "” 重复声明", STR_ARG(y.user->text));
            if (y.user) *ARENA_PUSH(l->a, seen, n, cap) = y.user;
            if (y.roles && y.roles->kind == YAML_SCALAR) check_user_role(l, y.roles);
            for (size_t k = 0; y.roles && y.roles->kind == YAML_LIST && k < y.roles->n; k++)
                check_user_role(l, y.roles->items[k]);
        }
    }
}

/* The header of a CSV must name fields; the rows are checked when they are loaded. */
static void check_header(PackLoader *l, const Load *load)
{
    FILE *fp = fopen(load->file.p, "rbe");
    if (!fp || !load->entity) {
        if (fp) fclose(fp);
        return;
    }
    char line[8192];
    Str head = fgets(line, sizeof line, fp) ? str_trim(str_c(line)) : STR_NONE, cell;
    fclose(fp);
    if (str_starts(head, S("\xEF\xBB\xBF"))) head = str_from(head, 3);
    int col = 1;
    while (str_split(&head, ',', &cell)) {
        Str name = str_trim(cell);
        if (name.n >= 2 && name.p[0] == '"') name = str_n(name.p + 1, name.n - 2);
        const Field *f = entity_field(load->entity, name);
        for (size_t i = 0; !f && i < load->entity->n; i++)
            if (str_eq(load->entity->fields[i].title, name)) f = &load->entity->fields[i];
        if (!f) {
            Str near = entity_nearest(load->entity, name);
            fault_add(l->f, (Place){load->file.p, 1, col},
                      near.n ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(near)) : S("表头要写字段名"),
                      "实体 " STR_FMT " 没有字段 “" STR_FMT "”", STR_ARG(load->entity->name), STR_ARG(name));
        }
        col += (int)cell.n + 1;
    }
}

static void build_load(PackLoader *l, System *s, const Yaml *y)
{
    LoadFile lf = {0};
    if (!pack_decode(y, load_keys, &lf, l->f) || !lf.entity || !lf.file) return;
    Load *load = ARENA_PUSH(l->a, s->loads, s->n_loads, s->cap_loads);
    load->at = y->at;
    load->demo = pack_bool(lf.demo);
    load->file = str_fmt(l->a, STR_FMT "/" STR_FMT, STR_ARG(s->dir), STR_ARG(lf.file->text));
    load->entity = model_entity(l->m, lf.entity->text);
    if (!load->entity)
        fault_add(l->f, lf.entity->at, pack_near_entity(l, lf.entity->text),
                  "要装载的实体 “" STR_FMT "” 不存在", STR_ARG(lf.entity->text));
    if (str_find_str(lf.file->text, S("..")) >= 0)
        fault_add(l->f, lf.file->at, S("写系统包内的路径"), "文件路径不能含 ..");
    else if (access(load->file.p, R_OK) != 0)
        fault_add(l->f, lf.file->at, S("检查文件名，路径从系统包的文件夹算起"),
                  "要装载的文件 “" STR_FMT "” 不存在", STR_ARG(lf.file->text));
    else
        check_header(l, load);
}

void pack_build_loads(PackLoader *l)
{
    for (size_t i = 0; i < l->n_systems; i++) {
        const Yaml *list = l->systems[i].y.load;
        for (size_t j = 0; list && j < list->n; j++)
            build_load(l, &l->m->systems[l->systems[i].i], list->items[j]);
    }
}

static System *system_by_name(Model *m, Str name)
{
    for (size_t i = 0; i < m->n_systems; i++)
        if (str_eq(m->systems[i].name, name)) return &m->systems[i];
    return NULL;
}

static void check_depends(PackLoader *l, System *s, const Yaml *y)
{
    size_t n = !y ? 0 : y->kind == YAML_LIST ? y->n : 1;
    for (size_t i = 0; i < n; i++) {
        const Yaml *d = y->kind == YAML_LIST ? y->items[i] : y;
        if (yaml_is_null(d) || system_by_name(l->m, d->text)) continue;
        Str names[128];
        size_t k = 0;
        for (; k < l->m->n_systems && k < 128; k++) names[k] = l->m->systems[k].name;
        ptrdiff_t near = text_nearest(d->text, names, k);
        fault_add(l->f, d->at,
                  near >= 0 ? str_fmt(l->a, "是不是 “" STR_FMT "”", STR_ARG(names[near]))
                            : S("写已有系统的短名"),
                  "依赖的系统 “" STR_FMT "” 不存在", STR_ARG(d->text));
    }
    s->depends = pack_texts(l->a, y);
}

enum { UNSEEN, OPEN, DONE };

/* Depth first; an edge into an open node is a ring. */
static void visit(PackLoader *l, size_t i, int *state, size_t *order, size_t *n)
{
    System *s = &l->m->systems[i];
    state[i] = OPEN;
    for (size_t j = 0; j < s->depends.n; j++) {
        System *d = system_by_name(l->m, s->depends.items[j]);
        if (!d) continue;
        size_t k = (size_t)(d - l->m->systems);
        if (state[k] == UNSEEN)
            visit(l, k, state, order, n);
        else if (state[k] == OPEN)
            fault_add(l->f, s->at, S("去掉其中一个 depends"), "系统 “" STR_FMT "” 与 “" STR_FMT "” 循环依赖",
                      STR_ARG(s->name), STR_ARG(d->name));
    }
    state[i] = DONE;
    order[(*n)++] = i;
}

/* Order in which the data is loaded. The array is permuted as pointers are held by entities: kept as `rank`.
 */
void pack_order_systems(PackLoader *l)
{
    size_t n = l->m->n_systems, found = 0;
    for (size_t i = 0; i < l->n_systems; i++) {
        System *s = &l->m->systems[l->systems[i].i];
        check_depends(l, s, l->systems[i].y.depends);
        s->lead = pack_texts(l->a, l->systems[i].y.lead);
    }
    int *state = ARENA_ARRAY(l->a, int, n + 1);
    size_t *order = ARENA_ARRAY(l->a, size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        if (state[i] == UNSEEN) visit(l, i, state, order, &found);
    for (size_t i = 0; i < found; i++)
        *ARENA_PUSH(l->a, l->m->order, l->m->n_order, l->m->cap_order) = &l->m->systems[order[i]];
}

static bool reaches(const PackLoader *l, const System *from, const System *to, bool *seen)
{
    seen[from - l->m->systems] = true;
    if (from == to) return true;
    for (size_t i = 0; i < from->depends.n; i++) {
        const System *d = system_by_name(l->m, from->depends.items[i]);
        if (d && !seen[d - l->m->systems] && reaches(l, d, to, seen)) return true;
    }
    return false;
}

bool pack_sees(const PackLoader *l, const System *s, const Entity *to)
{
    if (to->system == s || to->system == &l->m->systems[0] || s == &l->m->systems[0]) return true;
    return reaches(l, s, to->system, ARENA_ARRAY(l->a, bool, l->m->n_systems + 1));
}
