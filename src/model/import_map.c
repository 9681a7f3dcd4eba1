/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Map files: which column of a foreign file becomes which field, and how. */
#include "model/import_int.h"

#include "base/text.h"
#include "model/pack_spec.h"

typedef struct MapReader {
    Arena *a;
    const Model *m;
    const Entity *entity; /* NULL: unknown, fields are not judged */
    ImportMap *map;
    bool names;
    Faults *f;
} MapReader;

size_t name_find(const NameList *list, Str name)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->items[i], name)) return i;
    return list->n;
}

static void name_add(Arena *a, NameList *list, Str name)
{
    if (name.n && list->n < 2000 && name_find(list, name) == list->n)
        *ARENA_PUSH(a, list->items, list->n, list->cap) = str_dup(a, name);
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80);
}

/* The text between quotes that starts at `at`; doubled quotes stand for one. Moves *at behind it. */
static Str quoted(Arena *a, Str s, size_t *at)
{
    char q = s.p[*at];
    Buf b;
    buf_init(&b, EXPR_TEXT_MAX);
    size_t i = *at + 1;
    for (; i < s.n; i++) {
        if (s.p[i] != q)
            buf_addc(&b, s.p[i]);
        else if (i + 1 < s.n && s.p[i + 1] == q)
            buf_addc(&b, s.p[i++]);
        else
            break;
    }
    *at = i + 1;
    Str out = buf_dup(a, &b);
    buf_done(&b);
    return out;
}

/* Key words of SQL come along; as column names they harm nothing. */
void expr_words(Arena *a, Str s, NameList *list)
{
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] == '\'')
            quoted(a, s, &i);
        else if (s.p[i] == '"' || s.p[i] == '`')
            name_add(a, list, quoted(a, s, &i));
        else if (word_char(s.p[i])) {
            size_t from = i;
            while (i < s.n && word_char(s.p[i])) i++;
            if (s.p[from] < '0' || s.p[from] > '9') name_add(a, list, str_n(s.p + from, i - from));
        } else
            i++;
    }
}

/* --- one column -------------------------------------------------------------------------------- */

static const Field *find_field(MapReader *r, Str name, Place at)
{
    if (!r->entity) return NULL;
    const Field *f = entity_field(r->entity, name);
    if (f && f->system && f->i != SYS_ID) {
        fault_add(r->f, at, S("去掉这一列"), "“" STR_FMT "” 由系统给出，不能导入", STR_ARG(name));
        return NULL;
    }
    if (f && f->expr.n) {
        fault_add(r->f, at, S("去掉这一列"), "“" STR_FMT "” 是计算字段，不能导入", STR_ARG(name));
        return NULL;
    }
    if (f || !r->names) return f;
    Str near = entity_nearest(r->entity, name);
    fault_add(r->f, at,
              near.n ? str_fmt(r->f->arena, "是不是 “" STR_FMT "”", STR_ARG(near)) : S("改成实体里有的字段"),
              "实体 “" STR_FMT "” 没有字段 “" STR_FMT "”", STR_ARG(r->entity->name),
              STR_ARG(text_cut(name, 48)));
    return NULL;
}

static void check_expr(MapReader *r, Str expr, Place at)
{
    NameList words = {0};
    Err err = ERR_INIT;
    Expr *x;
    expr_words(r->a, expr, &words);
    ExprEnv *env = expr_env_new();
    if (expr_compile(env, expr, words.items, words.n, &x, &err) < 0)
        fault_add(r->f, at, str_dup(r->f->arena, str_c(err.hint)), "%s", err.msg);
    expr_env_free(env);
}

static void add_column(MapReader *r, Str source, const Yaml *to, Str expr, Place at)
{
    const Field *f = find_field(r, to->text, to->at);
    if (!f) return;
    for (size_t i = 0; i < r->map->n; i++)
        if (r->map->columns[i].field == f) {
            fault_add(r->f, to->at, S("一个字段只留一个来源"),
                      "字段 “" STR_FMT "” 有两个来源（另一个在第 %d 行）", STR_ARG(f->name),
                      r->map->columns[i].at.line);
            return;
        }
    *ARENA_PUSH(r->a, r->map->columns, r->map->n, r->map->cap) = (MapColumn){source, f, expr, at};
}

typedef struct ColumnFile {
    const Yaml *to, *expr;
} ColumnFile;
static const PackKey column_keys[] = {
    {"to", PACK_NAME, offsetof(ColumnFile, to), .required = true, .title = "字段"},
    {"expr", PACK_TEXT, offsetof(ColumnFile, expr), .title = "SQL 表达式，源列名写在双引号里"},
    {0}};

static void read_column(MapReader *r, const YamlPair *pair)
{
    ColumnFile y = {0};
    if (!str_trim(pair->key->text).n) {
        fault_add(r->f, pair->key->at, S("写源列的名字；表头里是空的就先在文件里给它起名"),
                  "columns 里有一列没有名字");
        return;
    }
    if (pair->value->kind == YAML_SCALAR) {
        if (yaml_is_null(pair->value))
            fault_add(r->f, pair->value->at, S("写成 源列: 字段"), "源列 “" STR_FMT "” 没有写到哪个字段",
                      STR_ARG(pair->key->text));
        else
            add_column(r, pair->key->text, pair->value, S(""), pair->key->at);
        return;
    }
    if (!pack_decode(pair->value, column_keys, &y, r->f) || !y.to) return;
    Str expr = pack_text(y.expr);
    if (expr.n) check_expr(r, expr, y.expr->at);
    add_column(r, pair->key->text, y.to, expr, y.expr ? y.expr->at : pair->key->at);
}

static void read_set(MapReader *r, const YamlPair *pair)
{
    if (pair->value->kind != YAML_SCALAR || !str_trim(pair->value->text).n) {
        fault_add(r->f, pair->value->at, S("写成 字段: \"表达式\""),
                  "set 里的 “" STR_FMT "” 要一个 SQL 表达式", STR_ARG(pair->key->text));
        return;
    }
    check_expr(r, pair->value->text, pair->value->at);
    add_column(r, S(""), pair->key, pair->value->text, pair->value->at);
}

static void read_skip_lines(MapReader *r, const Yaml *y)
{
    size_t n = y->kind == YAML_LIST ? y->n : 1;
    r->map->skip_lines = ARENA_ARRAY(r->a, int64_t, n);
    for (size_t i = 0; i < n; i++) {
        const Yaml *item = y->kind == YAML_LIST ? y->items[i] : y;
        int64_t line = 0;
        if (item->kind != YAML_SCALAR || !str_int(item->text, &line) || line < 1)
            fault_add(r->f, item->at, S("写记录号，如 2"), "skip_lines 的每一项要是正整数");
        else
            r->map->skip_lines[r->map->n_skip++] = line;
    }
}

static void read_entity(MapReader *r, const Yaml *y, const Entity *given)
{
    if (!y) return;
    const Entity *e = model_entity(r->m, y->text);
    r->map->entity = r->entity = e;
    if (!e && r->names) {
        Str near = model_nearest(r->m, y->text);
        fault_add(r->f, y->at,
                  near.n ? str_fmt(r->f->arena, "是不是 “" STR_FMT "”", STR_ARG(near))
                         : S("改成已声明的实体"),
                  "没有实体 “" STR_FMT "”", STR_ARG(text_cut(y->text, 48)));
    } else if (e && given && e != given) {
        fault_add(r->f, y->at, S("换一个映射文件，或导入到它写明的实体"),
                  "这个映射文件是给 “" STR_FMT "” 的，不是给 “" STR_FMT "” 的", STR_ARG(e->name),
                  STR_ARG(given->name));
        r->entity = NULL;
    }
}

ImportMap *import_map_read(Arena *a, const Model *m, const Entity *e, const char *path, bool names, Faults *f)
{
    Yaml *root = yaml_read(a, path, path, f);
    MapFile y = {0};
    if (!root || !pack_decode(root, map_keys, &y, f)) return NULL;
    ImportMap *map = ARENA_NEW(a, ImportMap);
    MapReader r = {a, m, e, map, names, f};
    read_entity(&r, y.entity, e);
    map->header = pack_int(y.header, 1);
    if (map->header < 1 || map->header > 1000) {
        fault_add(f, y.header->at, S("写 1 到 1000 的记录号"), "header 不是一个记录号");
        map->header = 1;
    }
    if (y.skip_lines) read_skip_lines(&r, y.skip_lines);
    for (size_t i = 0; y.columns && i < y.columns->n; i++) read_column(&r, &y.columns->pairs[i]);
    for (size_t i = 0; y.set && i < y.set->n; i++) read_set(&r, &y.set->pairs[i]);
    if (y.skip) {
        check_expr(&r, y.skip->text, y.skip->at);
        map->skip = y.skip->text;
        map->skip_at = y.skip->at;
    }
    return map;
}

int import_map_check(const Model *m, const char *path, bool names, Faults *f)
{
    _cleanup_arena_ Arena *a = arena_new();
    size_t before = f->n;
    /* Places point to the file's name: it must live as long as the faults. */
    import_map_read(a, m, NULL, str_cdup(f->arena, str_c(path)), names, f);
    return f->n > before ? err_set(NULL, ERR_PACK, "映射文件有误") : 0;
}
