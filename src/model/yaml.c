/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Builds the tree from libfyaml's events, which carry a mark for every node. */
#include "model/yaml.h"

#include "base/text.h"
#include <libfyaml.h>

static void free_parser(void *p) { fy_parser_destroy(p); }
static void free_diag(void *p) { fy_diag_destroy(p); }

typedef struct Reader {
    Arena *a;
    Faults *f;
    const char *file;
    struct fy_parser *parser;
    bool failed; /* a fault that makes the rest meaningless */
} Reader;

static Place mark(const Reader *r, struct fy_token *token)
{
    const struct fy_mark *m = token ? fy_token_start_mark(token) : NULL;
    return (Place){r->file, m ? m->line + 1 : 0, m ? m->column + 1 : 0};
}

static Yaml *node(Reader *r, YamlKind kind, struct fy_token *token)
{
    Yaml *y = ARENA_NEW(r->a, Yaml);
    y->kind = kind;
    y->at = mark(r, token);
    return y;
}

static Yaml *read_node(Reader *r, struct fy_event *e, int depth);

/* Next event, or NULL at the end or after an error. */
static struct fy_event *next(Reader *r) { return r->failed ? NULL : fy_parser_parse(r->parser); }

static void add_pair(Reader *r, Yaml *map, Yaml *key, Yaml *value)
{
    if (key->kind != YAML_SCALAR) {
        fault_add(r->f, key->at, S("键要写成普通文字"), "映射的键不是文字");
        return;
    }
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->pairs[i].key->text, key->text)) {
            fault_add(r->f, key->at,
                      str_fmt(r->a, "只保留一处（第一次在第 %d 行）", map->pairs[i].key->at.line),
                      "键 “" STR_FMT "” 重复", STR_ARG(key->text));
            return;
        }
    *ARENA_PUSH(r->a, map->pairs, map->n, map->cap) = (YamlPair){key, value};
}

static Yaml *read_map(Reader *r, Yaml *map, int depth)
{
    for (;;) {
        struct fy_event *e = next(r);
        if (!e) return r->failed = true, map;
        if (e->type == FYET_MAPPING_END) return fy_parser_event_free(r->parser, e), map;
        Yaml *key = read_node(r, e, depth);
        struct fy_event *v = next(r);
        if (!v) return r->failed = true, map;
        Yaml *value = read_node(r, v, depth);
        if (key && value) add_pair(r, map, key, value);
        if (value && value->at.line == 0 && key) value->at = key->at;
    }
}

static Yaml *read_list(Reader *r, Yaml *list, int depth)
{
    for (;;) {
        struct fy_event *e = next(r);
        if (!e) return r->failed = true, list;
        if (e->type == FYET_SEQUENCE_END) return fy_parser_event_free(r->parser, e), list;
        Yaml *item = read_node(r, e, depth);
        if (!item) continue;
        if (item->at.line == 0) item->at = list->at;
        *ARENA_PUSH(r->a, list->items, list->n, list->cap) = item;
    }
}

static void refuse_tag(Reader *r, struct fy_token *tag)
{
    if (tag) fault_add(r->f, mark(r, tag), S("删去它，只写内容"), "系统包里不能用 YAML 标记（!名）");
}

/* Consumes the event. NULL when the node is of a kind that packs do not use. */
static Yaml *read_node(Reader *r, struct fy_event *e, int depth)
{
    Yaml *y = NULL;
    if (depth > YAML_DEPTH_MAX) {
        fault_add(r->f, (Place){r->file, 0, 0}, S("减少嵌套"), "嵌套超过 %d 层", YAML_DEPTH_MAX);
        r->failed = true;
        fy_parser_event_free(r->parser, e);
        return NULL;
    }
    switch (e->type) {
    case FYET_SCALAR: {
        y = node(r, YAML_SCALAR, e->scalar.value);
        refuse_tag(r, e->scalar.tag);
        size_t n = 0;
        const char *p = e->scalar.value ? fy_token_get_text(e->scalar.value, &n) : NULL;
        y->text = str_dup(r->a, str_n(p, n));
        y->quoted = e->scalar.value && fy_token_scalar_style(e->scalar.value) != FYSS_PLAIN;
        y->block = e->scalar.value && (fy_token_scalar_style(e->scalar.value) == FYSS_LITERAL ||
                                       fy_token_scalar_style(e->scalar.value) == FYSS_FOLDED);
        fy_parser_event_free(r->parser, e);
        return y;
    }
    case FYET_MAPPING_START:
        y = node(r, YAML_MAP, e->mapping_start.mapping_start);
        refuse_tag(r, e->mapping_start.tag);
        fy_parser_event_free(r->parser, e);
        return read_map(r, y, depth + 1);
    case FYET_SEQUENCE_START:
        y = node(r, YAML_LIST, e->sequence_start.sequence_start);
        refuse_tag(r, e->sequence_start.tag);
        fy_parser_event_free(r->parser, e);
        return read_list(r, y, depth + 1);
    case FYET_ALIAS:
        fault_add(r->f, mark(r, e->alias.anchor), S("把内容写全"), "系统包里不能用 YAML 别名（*名）");
        break;
    default: break;
    }
    fy_parser_event_free(r->parser, e);
    return NULL;
}

static void syntax_faults(Reader *r, struct fy_diag *diag)
{
    void *at = NULL;
    struct fy_diag_error *e;
    bool any = false;
    while ((e = fy_diag_errors_iterate(diag, &at))) {
        bool tab = strstr(e->msg, "tab") || strstr(e->msg, "TAB");
        fault_add(r->f, (Place){r->file, e->line, e->column},
                  tab ? S("缩进用空格，不能用制表符") : S("检查这一行的缩进、冒号后的空格和引号"),
                  "YAML 语法错误：%s", e->msg);
        any = true;
        break; /* the first one is the cause; the others follow from it */
    }
    if (!any) fault_add(r->f, (Place){r->file, 1, 1}, S("检查缩进、冒号后的空格和引号"), "YAML 语法错误");
}

static Yaml *parse_all(Reader *r)
{
    Yaml *root = NULL;
    int documents = 0;
    struct fy_event *e;
    while ((e = next(r))) {
        if (e->type == FYET_DOCUMENT_START) {
            if (++documents == 2)
                fault_add(r->f, mark(r, e->document_start.document_start), S("另建一个文件"),
                          "一个文件里有多个 YAML 文档（---）");
            fy_parser_event_free(r->parser, e);
        } else if (e->type == FYET_SCALAR || e->type == FYET_MAPPING_START ||
                   e->type == FYET_SEQUENCE_START || e->type == FYET_ALIAS) {
            Yaml *y = read_node(r, e, 0);
            if (!root) root = y;
        } else {
            fy_parser_event_free(r->parser, e);
        }
    }
    return root;
}

/* A line that begins with % would be a directive; packs need none, and libfyaml 0.7 does not end on some of
 * them. */
static bool refuse_directives(Faults *f, const char *file, Str text)
{
    int line = 1;
    bool found = false;
    for (size_t i = 0; i < text.n; i++) {
        bool starts = i == 0 || text.p[i - 1] == '\n' || text.p[i - 1] == '\r' ||
                      (i == 3 && str_starts(text, S("\xEF\xBB\xBF")));
        if (text.p[i] == '%' && starts) {
            fault_add(f, (Place){file, line, 1}, S("删去这一行，或给文字加引号"),
                      "系统包里不能用 YAML 指令（行首的 %%）");
            found = true;
        }
        line += text.p[i] == '\n';
    }
    return found;
}

Yaml *yaml_parse(Arena *a, Str text, const char *shown, Faults *f)
{
    Reader r = {a, f, str_cdup(f->arena, str_c(shown)), NULL, false};
    struct fy_diag_cfg dc;
    fy_diag_cfg_default(&dc);
    dc.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&dc);
    if (!diag) return NULL;
    arena_defer(a, free_diag, diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg pc = {.flags = FYPCF_DEFAULT_PARSE, .diag = diag};
    r.parser = fy_parser_create(&pc);
    if (!r.parser) return NULL;
    arena_defer(a, free_parser, r.parser);
    text = str_dup(a, text);
    if (refuse_directives(f, r.file, text)) return NULL;
    if (!text.n || fy_parser_set_string(r.parser, text.p, text.n) != 0) {
        fault_add(f, (Place){r.file, 1, 1}, S("写上内容或删去文件"), "文件是空的");
        return NULL;
    }
    Yaml *root = parse_all(&r);
    if (fy_diag_got_error(diag) || fy_parser_get_stream_error(r.parser)) {
        syntax_faults(&r, diag);
        return NULL;
    }
    if (!root) fault_add(f, (Place){r.file, 1, 1}, S("写上内容或删去文件"), "文件是空的");
    return r.failed ? NULL : root;
}

Yaml *yaml_read(Arena *a, const char *path, const char *shown, Faults *f)
{
    const char *file = str_cdup(f->arena, str_c(shown));
    FILE *fp = fopen(path, "rbe");
    if (!fp) {
        fault_add(f, (Place){file, 0, 0}, S("检查文件是否存在、是否可读"), "打不开文件");
        return NULL;
    }
    Buf b;
    buf_init(&b, YAML_FILE_MAX);
    char chunk[16384];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, fp)) > 0) buf_add(&b, str_n(chunk, n));
    fclose(fp);
    Yaml *y = NULL;
    if (b.over)
        fault_add(f, (Place){file, 0, 0}, S("拆成几个文件"), "文件超过 8 MiB");
    else
        y = yaml_parse(a, buf_str(&b), file, f);
    buf_done(&b);
    return y;
}

Yaml *yaml_get(const Yaml *map, const char *key)
{
    if (!map || map->kind != YAML_MAP) return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (str_is(map->pairs[i].key->text, key)) return map->pairs[i].value;
    return NULL;
}

bool yaml_is_null(const Yaml *y)
{
    return !y || (y->kind == YAML_SCALAR && !y->quoted &&
                  (y->text.n == 0 || str_is(y->text, "~") || str_is(y->text, "null")));
}

const char *yaml_kind_title(YamlKind k)
{
    return k == YAML_MAP ? "映射（键: 值）" : k == YAML_LIST ? "列表" : "单个值";
}

Place yaml_place(const Yaml *y, int64_t at)
{
    Place p = y->at;
    bool inside = y->kind == YAML_SCALAR && at >= 0 && (size_t)at <= y->text.n;
    if (!inside || y->block || str_find(y->text, '\n') >= 0) return p;
    p.col += (int)text_chars(str_n(y->text.p, (size_t)at));
    return p;
}
