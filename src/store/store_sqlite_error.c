/* SPDX-License-Identifier: MulanPSL-2.0 */
/* SQLite's errors as ours. It names the columns of a broken key only in its message, "UNIQUE constraint
   failed: t.a, t.b", whose form has been stable since 3.8; for a foreign key it names nothing, so the
   statement's table stands in. */
#include "store/store_sqlite.h"

/* "UNIQUE constraint failed: t.a, t.b" → "t.a,b"; an index over expressions → "index 'name'" kept as it is.
 */
static void subject_of(const char *msg, char *ret, size_t cap)
{
    const char *colon = strstr(msg, "failed: ");
    Str rest = str_c(colon ? colon + 8 : ""), part;
    size_t n = 0;
    ret[0] = 0;
    while (n < cap && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        ptrdiff_t dot = str_find(part, '.');
        if (n && dot >= 0) part = str_from(part, (size_t)dot + 1);
        int w = snprintf(ret + n, cap - n, "%s" STR_FMT, n ? "," : "", STR_ARG(part));
        if (w < 0) return;
        n += (size_t)w;
    }
}

static int constraint(int rc, const char *msg, const char *text, Err *err)
{
    char subject[256];
    subject_of(msg, subject, sizeof subject);
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        err_set(err, ERR_UNIQUE, "该值已被其他记录使用：%s", subject);
        return err_subject(err, "%s", subject);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: {
        Str table = text ? store_sql_table(text) : STR_NONE;
        err_set(err, ERR_REFERENCE, "引用的记录不存在，或该记录仍被引用：" STR_FMT, STR_ARG(table));
        return err_subject(err, STR_FMT, STR_ARG(table));
    }
    case SQLITE_CONSTRAINT_NOTNULL: err_set(err, ERR_VALIDATION, "不能为空：%s", subject); break;
    default: err_set(err, ERR_VALIDATION, "不符合约束：%s", subject); break;
    }
    return err_subject(err, "%s", subject);
}

int lite_error(LiteConn *c, int rc, const char *text, Err *err)
{
    int full = sqlite3_extended_errcode(c->db);
    const char *msg = sqlite3_errmsg(c->db);
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT: return constraint(full, msg, text, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return err_set(err, ERR_BUSY, "数据库忙，请稍后重试");
    case SQLITE_INTERRUPT: return err_set(err, ERR_TIMEOUT, "查询超过时限，请缩小范围后重试");
    case SQLITE_FULL: return err_set(err, ERR_FULL, "磁盘已满"), err_hint(err, "腾出磁盘空间");
    case SQLITE_NOMEM: return err_set(err, ERR_BUSY, "内存不足，请稍后重试");
    case SQLITE_IOERR:
        if (full == SQLITE_IOERR_NOMEM) return err_set(err, ERR_BUSY, "内存不足，请稍后重试");
        __attribute__((fallthrough));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return err_set(err, ERR_IO, "数据库读写失败：%s（%d）", msg, full);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return err_set(err, ERR_IO, "数据库文件已损坏，请从备份恢复：%s", msg);
    case SQLITE_TOOBIG: return err_set(err, ERR_TOO_LARGE, "内容超过数据库的上限");
    case SQLITE_MISMATCH: return err_set(err, ERR_INPUT, "值的类型不符：%s", msg);
    default: break;
    }
    if (strstr(msg, "integer overflow")) return err_set(err, ERR_INPUT, "整数超出范围");
    return err_set(err, ERR_INTERNAL, "语句有误：%s", msg);
}
