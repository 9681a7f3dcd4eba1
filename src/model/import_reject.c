/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * The file of rejected rows: what came, with row, field and reason, in a form that can be corrected and
 * imported again with the same map. Made when the first row is rejected.
 */
#include "model/import_int.h"

#include "base/clock.h"
#include "base/csv.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 20 };

struct Reject {
    const char *dir;
    Str entity;
    const NameList *columns; /* NULL: JSON */
    bool marks;
    size_t n_data; /* columns without the marks */
    char path[4096];
    FILE *out;
    Buf line;
};

static void reject_close(void *p)
{
    Reject *r = p;
    if (r->out) fclose(r->out);
    r->out = NULL;
    buf_done(&r->line);
}

Reject *reject_new(Arena *a, const char *dir, Str entity, const NameList *columns, bool marks)
{
    Reject *r = ARENA_NEW(a, Reject);
    *r = (Reject){.dir = dir, .entity = entity, .columns = columns, .marks = marks};
    if (columns) r->n_data = columns->n - (marks ? 3 : 0);
    buf_init(&r->line, LINE_MAX_BYTES);
    arena_defer(a, reject_close, r);
    return r;
}

static int failed(const Reject *r, Err *err)
{
    return err_io(err, errno, "写不了退回文件 “%s”", r->path[0] ? r->path : r->dir);
}

static void header(Reject *r)
{
    buf_adds(&r->line, "\xEF\xBB\xBF");
    for (size_t i = 0; i < r->n_data; i++) csv_write_cell(&r->line, r->columns->items[i], i == 0);
    for (size_t k = 0; k < 3; k++) csv_write_cell(&r->line, str_c(import_marks[k]), false);
    csv_write_end(&r->line);
}

/* DIR/ENTITY-YYYYMMDD-HHMMSS.csv in China time, with -2, -3 … when there is one already. */
static int begin(Reject *r, Err *err)
{
    _cleanup_arena_ Arena *a = arena_new();
    char when[32];
    time_t now = (time_t)((clock_now_us() + CHINA_OFFSET_US) / US_PER_SEC);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm);
    if (mkdir(r->dir, 0700) < 0 && errno != EEXIST) return failed(r, err);
    for (int i = 1; i < 1000; i++) {
        Str more = i > 1 ? str_fmt(a, "-%d", i) : S("");
        snprintf(r->path, sizeof r->path, "%s/" STR_FMT "-%s" STR_FMT ".%s", r->dir, STR_ARG(r->entity), when,
                 STR_ARG(more), r->columns ? "csv" : "ndjson");
        int fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST) continue;
        r->out = fd < 0 ? NULL : fdopen(fd, "w");
        if (!r->out && fd >= 0) close(fd);
        break;
    }
    if (!r->out) return failed(r, err);
    buf_clear(&r->line);
    if (r->columns) header(r);
    return 0;
}

static void csv_line(Reject *r, const SourceRow *row, Str field, Str reason)
{
    Str number[1];
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)row->number);
    number[0] = str_c(text);
    for (size_t i = 0; i < r->n_data; i++)
        csv_write_cell(&r->line, i < row->n ? row->cells[i] : S(""), i == 0);
    csv_write_cell(&r->line, number[0], r->n_data == 0);
    csv_write_cell(&r->line, field, false);
    csv_write_cell(&r->line, reason, false);
    /* What the columns have no place for; in a file that was rejected before, its old marks are left out. */
    size_t extra = r->n_data + (r->marks ? 3 : 0);
    for (size_t i = extra; i < row->n; i++) csv_write_cell(&r->line, row->cells[i], false);
    if (row->raw.n) csv_write_cell(&r->line, row->raw, false);
    csv_write_end(&r->line);
}

static bool json_members(JsonWriter *w, const json_t *object, const char **prefix)
{
    const char *key;
    json_t *value;
    bool again = json_object_get(object, "row") && json_object_get(object, "field") &&
                 json_object_get(object, "reason");
    for (size_t k = 0; k < 3 && !again; k++)
        if (json_object_get(object, import_marks[k])) *prefix = "import_";
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool mark = strncmp(key, "import_", 7) == 0;
        const char *bare = mark ? key + 7 : key;
        for (size_t k = 0; k < 3 && (mark || again); k++)
            if (!strcmp(bare, import_marks[k])) goto next;
        jw_key(w, str_c(key));
        jw_json(w, value);
    next:;
    }
    return true;
}

static void json_line(Reject *r, const SourceRow *row, Str field, Str reason)
{
    _cleanup_arena_ Arena *a = arena_new();
    JsonWriter w;
    json_t *tree = NULL;
    Err ignore;
    const char *prefix = "";
    jw_init(&w, &r->line);
    jw_object(&w);
    if (json_parse(a, row->raw, &tree, &ignore) == 0 && json_is_object(tree))
        json_members(&w, tree, &prefix);
    else
        jw_kstr(&w, "raw", row->raw);
    const Str values[] = {str_fmt(a, "%lld", (long long)row->number), field, reason};
    for (size_t k = 0; k < 3; k++) {
        jw_key(&w, str_fmt(a, "%s%s", prefix, import_marks[k]));
        if (k == 0)
            jw_int(&w, row->number);
        else
            jw_str(&w, values[k]);
    }
    jw_object_end(&w);
    buf_addc(&r->line, '\n');
}

int reject_row(Reject *r, const SourceRow *row, Str field, Str reason, Err *err)
{
    if (!r->dir) return 0;
    buf_clear(&r->line);
    if (!r->out) TRY(begin(r, err));
    if (r->columns)
        csv_line(r, row, field, reason);
    else
        json_line(r, row, field, reason);
    if (r->line.over)
        return err_set(err, ERR_TOO_LARGE, "第 %lld 行过长，写不进退回文件", (long long)row->number);
    if (fwrite(r->line.p, 1, r->line.n, r->out) != r->line.n) return failed(r, err);
    return 0;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

int reject_finish(Reject *r, char *ret, size_t size, Err *err)
{
    ret[0] = 0;
    if (!r->out) return 0;
    bool ok = fflush(r->out) == 0 && fsync(fileno(r->out)) == 0;
    ok = fclose(TAKE(r->out)) == 0 && ok && sync_folder(r->dir) == 0;
    if (!ok) return failed(r, err);
    snprintf(ret, size, "%s", r->path);
    return 0;
}

void reject_restart(Reject *r)
{
    if (!r->out) return;
    fclose(TAKE(r->out));
    unlink(r->path);
    r->path[0] = 0;
}
