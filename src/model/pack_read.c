/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Finds the pack files in a folder and decodes each by its spec. A folder is a pack when it holds
 * system.yaml. */
#include "model/pack_int.h"

#include "base/text.h"
#include "model/builtin.h"
#include "model/import.h"
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 2000 };

typedef struct Names {
    Str *items;
    size_t n, cap;
} Names;

static int by_name(const void *a, const void *b) { return str_cmp(*(const Str *)a, *(const Str *)b); }

/* Sorted names in a folder that end with `suffix`; hidden ones left out. False when the folder cannot be
 * read. */
static bool list_dir(Arena *a, const char *dir, const char *suffix, Names *ret)
{
    DIR *d = opendir(dir);
    if (!d) return false;
    struct dirent *e;
    while ((e = readdir(d)) && ret->n < FILES_MAX)
        if (e->d_name[0] != '.' && str_ends(str_c(e->d_name), str_c(suffix)))
            *ARENA_PUSH(a, ret->items, ret->n, ret->cap) = str_dup(a, str_c(e->d_name));
    closedir(d);
    if (ret->n) qsort(ret->items, ret->n, sizeof *ret->items, by_name);
    return true;
}

static Str join(Arena *a, const char *dir, Str name) { return str_fmt(a, "%s/" STR_FMT, dir, STR_ARG(name)); }

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static Yaml *read_file(PackLoader *l, const char *path)
{
    Yaml *y = yaml_read(l->a, path, path, l->f);
    if (!y) return NULL;
    FILE *fp = fopen(path, "rbe");
    if (fp) { /* for the digest of what was declared */
        char chunk[8192];
        size_t n;
        buf_adds(&l->declared, strrchr(path, '/'));
        while ((n = fread(chunk, 1, sizeof chunk, fp)) > 0) buf_add(&l->declared, str_n(chunk, n));
        fclose(fp);
    }
    return y;
}

static void read_fields(PackLoader *l, EntityDraft *d)
{
    const Yaml *map = d->y.fields;
    for (size_t i = 0; i < map->n; i++) {
        FieldDraft *fd = ARENA_PUSH(l->a, d->fields, d->n, d->cap);
        fd->name = map->pairs[i].key;
        if (!pack_decode(map->pairs[i].value, field_keys, &fd->y, l->f)) d->n--;
    }
}

static void read_entity(PackLoader *l, System *system, const Yaml *root)
{
    EntityDraft d = {.system = system};
    if (!pack_decode(root, entity_keys, &d.y, l->f) || !d.y.entity) return;
    Str name = d.y.entity->text;
    const Entity *other = model_entity(l->m, name);
    if (other) {
        fault_add(l->f, d.y.entity->at,
                  str_fmt(l->a, "换一个名字（已在 %s:%d 声明）", other->at.file, other->at.line),
                  "实体 “" STR_FMT "” 重复声明", STR_ARG(name));
        return;
    }
    Entity *e = ARENA_NEW(l->a, Entity);
    e->name = name;
    e->title = pack_text(d.y.title);
    e->system = system;
    e->model = l->m;
    e->at = d.y.entity->at;
    *ARENA_PUSH(l->a, l->m->entities, l->m->n_entities, l->m->cap_entities) = e;
    d.entity = e;
    if (d.y.fields) read_fields(l, &d);
    *ARENA_PUSH(l->a, l->entities, l->n_entities, l->cap_entities) = d;
}

static void read_folder(PackLoader *l, const char *dir, const char *sub, System *system,
                        void (*fn)(PackLoader *, System *, const Yaml *))
{
    Names names = {0};
    Str folder = join(l->a, dir, str_c(sub));
    if (!list_dir(l->a, folder.p, ".yaml", &names)) return;
    for (size_t i = 0; i < names.n; i++) {
        Yaml *y = read_file(l, join(l->a, folder.p, names.items[i]).p);
        if (y) fn(l, system, y);
    }
}

static void read_codes(PackLoader *l, System *system, const Yaml *root)
{
    (void)system;
    pack_build_codes(l, root);
}

static System *read_system(PackLoader *l, const Yaml *root, const char *dir)
{
    SystemFile y = {0};
    if (!pack_decode(root, system_keys, &y, l->f) || !y.system) return NULL;
    for (size_t i = 0; i < l->m->n_systems; i++)
        if (str_eq(l->m->systems[i].name, y.system->text)) {
            fault_add(l->f, y.system->at,
                      str_fmt(l->a, "换一个短名（已在 %s:%d 声明）", l->m->systems[i].at.file,
                              l->m->systems[i].at.line),
                      "系统 “" STR_FMT "” 重复声明", STR_ARG(y.system->text));
            return NULL;
        }
    System *s = &l->m->systems[l->m->n_systems];
    *s = (System){.name = y.system->text,
                  .title = pack_text(y.title),
                  .group = pack_text(y.group),
                  .about = pack_text(y.about),
                  .no = pack_int(y.no, 0),
                  .at = y.system->at,
                  .dir = str_dup(l->a, str_c(dir))};
    __typeof__(l->systems) draft = ARENA_PUSH(l->a, l->systems, l->n_systems, l->cap_systems);
    draft->y = y;
    draft->i = l->m->n_systems++;
    return s;
}

static void read_pack(PackLoader *l, const char *dir)
{
    Str path = join(l->a, dir, S("system.yaml"));
    Yaml *root = read_file(l, path.p);
    if (!root) return;
    System *s = read_system(l, root, dir);
    if (!s) return;
    read_folder(l, dir, "codes", s, read_codes);
    read_folder(l, dir, "entities", s, read_entity);
    Str roles = join(l->a, dir, S("roles.yaml"));
    if (access(roles.p, F_OK) == 0) {
        Yaml *y = read_file(l, roles.p);
        if (y) {
            __typeof__(l->roles) r = ARENA_PUSH(l->a, l->roles, l->n_roles, l->cap_roles);
            r->y = y;
            r->system = s;
        }
    }
    Str pages = join(l->a, dir, S("pages.yaml"));
    if (access(pages.p, F_OK) == 0) {
        Yaml *y = read_file(l, pages.p);
        if (y) {
            __typeof__(l->pages) p = ARENA_PUSH(l->a, l->pages, l->n_pages, l->cap_pages);
            p->y = y;
            p->system = s;
        }
    }
    Str users = join(l->a, dir, S("demo/users.yaml"));
    if (access(users.p, F_OK) == 0) {
        Yaml *y = read_file(l, users.p);
        s->users_file = users;
        if (y) *ARENA_PUSH(l->a, l->users, l->n_users, l->cap_users) = y;
    }
}

static void read_builtin(PackLoader *l)
{
    Yaml *root = yaml_parse(l->a, str_c(builtin_system), "(built-in)", l->f);
    System *s = root ? read_system(l, root, "") : NULL;
    Yaml *file = yaml_parse(l->a, str_c(builtin_file), "(built-in)", l->f);
    if (s && file) read_entity(l, s, file);
    buf_adds(&l->declared, builtin_file);
}

void pack_read_all(PackLoader *l, const char *dir)
{
    Names names = {0};
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    const char *base = str_cdup(l->a, str_n(dir, n));
    if (!list_dir(l->a, base, "", &names)) {
        fault_add(l->f, (Place){base, 0, 0}, S("给出系统包所在的文件夹"), "打不开文件夹：%s",
                  strerror(errno));
        return;
    }
    l->m->systems = ARENA_ARRAY(l->a, System, names.n + 1);
    read_builtin(l);
    for (size_t i = 0; i < names.n; i++) {
        Str path = join(l->a, base, names.items[i]);
        if (!is_dir(path.p)) continue;
        if (access(join(l->a, path.p, S("system.yaml")).p, F_OK) == 0)
            read_pack(l, path.p);
        else
            fault_add(l->f, (Place){path.p, 0, 0}, S("每个系统包要有 system.yaml；不是系统包的文件夹请移走"),
                      "缺少 system.yaml");
    }
}

/* Field names are judged only where all entities are sound: a field that was left out as faulty is no second
 * fault. */
void pack_check_maps(PackLoader *l)
{
    bool names = !l->f->n;
    for (size_t i = 0; i < l->m->n_systems; i++) {
        const System *s = &l->m->systems[i];
        Names files = {0};
        if (!s->dir.n) continue;
        Str folder = join(l->a, s->dir.p, S("maps"));
        if (!list_dir(l->a, folder.p, ".yaml", &files)) continue;
        for (size_t k = 0; k < files.n; k++)
            if (import_map_check(l->m, join(l->a, folder.p, files.items[k]).p, names, l->f) < 0)
                continue; /* told in f */
    }
}
