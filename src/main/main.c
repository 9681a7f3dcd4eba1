/* SPDX-License-Identifier: MulanPSL-2.0 */
/* 城枢 Chengshu: finds the command, parses its options, runs it. */
#include "main/main.h"

#include <locale.h>
#include <sqlite3.h>
#include <stddef.h>

static const Command commands[] = {
    {"backup", "backup --data DIR FILE [--base FILE] [--check] [--keep-going]",
     "备份整座城市（密钥除外）到一个文件，服务照常；--base 只存新的，--check 试着恢复并核对", cmd_backup},
    {"check", "check [SYSTEMS-DIR]", "检查系统包，一次报出全部错误", cmd_check},
    {"checkpoint", "checkpoint --data DIR [SIZE]", "印出日志最新的签名检查点，可以保存在别处",
     cmd_checkpoint},
    {"collect", "collect --data DIR [--dry-run]", "清除不再有记录引用的文件和没写完的文件（一天以上的）",
     cmd_collect},
    {"export", "export --data DIR ENTITY [--format csv|ndjson|geojson] [--where 条件]",
     "导出一个实体的全部记录", cmd_export},
    {"import", "import --data DIR ENTITY FILE [--map FILE] [--mode insert|upsert] [--dry-run]",
     "导入文件，不合格的行另存并写明原因", cmd_import},
    {"init", "init --data DIR [--db URL] [--systems DIR] [--demo] [--allow-data-loss NAME]",
     "建立或升级一座城市：先列出变更，再执行", cmd_init},
    {"journal", "journal --data DIR [--from SEQ]", "逐条印出日志（JSON 一行一条），供独立核对", cmd_journal},
    {"password", "password --data DIR --user NAME", "重设口令（从标准输入读一行）", cmd_password},
    {"prove", "prove --data DIR SEQ [--to SIZE] | --from SIZE [--to SIZE]",
     "证明一条日志在检查点之下，或一个检查点是另一个的开头", cmd_prove},
    {"restore", "restore FILE --data DIR [--db URL]", "从备份恢复到新的数据文件夹（和空的数据库）",
     cmd_restore},
    {"revoke", "revoke --data DIR --user NAME ROLE", "收回直接授予一个用户的角色", cmd_revoke},
    {"rotate-keys", "rotate-keys --data DIR", "换数据密钥：敏感级别 4 的字段全部重新加密", cmd_rotate_keys},
    {"rotate-seal-key", "rotate-seal-key --data DIR [--lost]",
     "换封存密钥：新密钥由旧密钥认可；旧私钥遗失时用 --lost，新密钥只有自己的认可", cmd_rotate_seal_key},
    {"schema", "schema KIND", "系统包文件的 JSON Schema（codes entity map roles rules system users）",
     cmd_schema},
    {"serve", "serve --data DIR [--db URL] [--listen 127.0.0.1:8080] [--public-url https://…]",
     "提供服务；端口 0 = 任意空闲端口", cmd_serve},
    {"synth", "synth --data DIR --scale 0.0001..1",
     "在城市上生成合成数据；1 是整座城市的大小，同样的大小得到同样的数据", cmd_synth},
    {"try", "try RULES.yaml --data DIR --record ENTITY/ID",
     "对一条记录试算反应：哪些会发生、哪些不会、为什么；什么也不做", cmd_try},
    {"verify", "verify --data DIR [--checkpoint FILE]",
     "核对日志与封存、文件、引用，报出第一处损坏；FILE 是保存在别处的检查点", cmd_verify},
};

typedef struct OptionRow {
    const char *name;
    size_t offset;
    bool flag;
} OptionRow;

static const OptionRow option_rows[] = {
    {"--allow-data-loss", offsetof(Options, allow_data_loss), false},
    {"--base", offsetof(Options, base), false},
    {"--check", offsetof(Options, check), true},
    {"--checkpoint", offsetof(Options, checkpoint), false},
    {"--data", offsetof(Options, data), false},
    {"--db", offsetof(Options, db), false},
    {"--demo", offsetof(Options, demo), true},
    {"--dry-run", offsetof(Options, dry_run), true},
    {"--format", offsetof(Options, format), false},
    {"--from", offsetof(Options, from), false},
    {"--keep-going", offsetof(Options, keep_going), true},
    {"--listen", offsetof(Options, listen), false},
    {"--public-url", offsetof(Options, public_url), false},
    {"--lost", offsetof(Options, lost), true},
    {"--map", offsetof(Options, map), false},
    {"--mode", offsetof(Options, mode), false},
    {"--record", offsetof(Options, record), false},
    {"--scale", offsetof(Options, scale), false},
    {"--systems", offsetof(Options, systems), false},
    {"--to", offsetof(Options, to), false},
    {"--user", offsetof(Options, user), false},
    {"--where", offsetof(Options, where), false},
};

static int usage(const char *what)
{
    if (what) fprintf(stderr, "chengshu: %s\n", what);
    fprintf(stderr, "用法：\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stderr, "  chengshu %s\n      %s\n", commands[i].usage, commands[i].title);
    return EXIT_USAGE;
}

static bool set_option(Options *o, const OptionRow *row, const char *value)
{
    char *at = (char *)o + row->offset;
    if (row->flag)
        *(bool *)at = true;
    else if (row->offset == offsetof(Options, allow_data_loss))
        *ARENA_PUSH(o->arena, o->allow_data_loss.items, o->allow_data_loss.n, o->cap_allow) = str_c(value);
    else
        memcpy(at, &value, sizeof value);
    return true;
}

/* 0, or the word that is wrong. */
static const char *parse(Options *o, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const OptionRow *row = NULL;
        if (strncmp(argv[i], "--", 2) != 0) {
            if (o->n_args == 8) return argv[i];
            o->args[o->n_args++] = argv[i];
            continue;
        }
        for (size_t j = 0; j < sizeof option_rows / sizeof *option_rows; j++)
            if (!strcmp(argv[i], option_rows[j].name)) row = &option_rows[j];
        if (!row || (!row->flag && i + 1 == argc)) return argv[i];
        set_option(o, row, row->flag ? NULL : argv[++i]);
    }
    return NULL;
}

int complain(const Err *err)
{
    fprintf(stderr, "chengshu: ");
    if (err->file[0]) fprintf(stderr, "%s:%d:%d: ", err->file, err->line, err->col);
    fprintf(stderr, "%s%s%s\n", err->msg, err->hint[0] ? "；" : "", err->hint);
    return err->code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* regular expressions count characters, not bytes */
    /* SQLite would count its memory under one lock, which all readers meet at every allocation. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
        return usage(NULL) - (argc > 1 ? EXIT_USAGE : 0);
    _cleanup_arena_ Arena *a = arena_new();
    Options o = {.arena = a};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        const char *wrong = parse(&o, argc, argv);
        if (wrong) {
            fprintf(stderr, "chengshu: 不认识 “%s”，或它缺少值\n用法：chengshu %s\n", wrong,
                    commands[i].usage);
            return EXIT_USAGE;
        }
        if (!o.db || !*o.db) o.db = getenv("CHENGSHU_DB");
        return commands[i].run(&o);
    }
    return usage(str_fmt(a, "没有命令 “%s”", argv[1]).p);
}
