/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * PostgreSQL's errors as ours. Read from the SQLSTATE and the diagnostic fields; the detail of a broken key
 * is read by its shape, "… (col, col)=(…) …", so it does not matter in which language the server speaks.
 */
#include "store/store_pg.h"

static int state_of(const PGresult *res)
{
    const char *s = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    if (!s || strlen(s) != 5) return 0;
    int n = 0;
    for (int i = 0; i < 5; i++) n = n * 43 + s[i];
    return n;
}

static Str field(const PGresult *res, int code) { return str_c(PQresultErrorField(res, code)); }

/* "Key (a, "b")=(1, 2) already exists." → "a,b" */
static void key_columns(Str detail, Buf *out)
{
    ptrdiff_t open = str_find(detail, '('), close = str_find_str(detail, S(")=("));
    if (open < 0 || close < open) return;
    Str rest = str_n(detail.p + open + 1, (size_t)(close - open - 1)), part;
    bool first = true;
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.n > 1 && part.p[0] == '"') part = str_n(part.p + 1, part.n - 2);
        if (!first) buf_addc(out, ',');
        buf_add(out, part);
        first = false;
    }
}

static int unique(const PGresult *res, Err *err)
{
    _cleanup_buf_ Buf subject;
    buf_init(&subject, 200);
    buf_add(&subject, field(res, PG_DIAG_TABLE_NAME));
    buf_addc(&subject, '.');
    key_columns(field(res, PG_DIAG_MESSAGE_DETAIL), &subject);
    err_set(err, ERR_UNIQUE, "该值已被其他记录使用：" STR_FMT, STR_ARG(buf_str(&subject)));
    return err_subject(err, STR_FMT, STR_ARG(buf_str(&subject)));
}

/* The server names the referring table either way; whose statement it was tells which side broke. */
static int reference(const PGresult *res, const char *text, Err *err)
{
    _cleanup_buf_ Buf subject;
    buf_init(&subject, 200);
    Str child = field(res, PG_DIAG_TABLE_NAME), table = text ? store_sql_table(text) : STR_NONE;
    bool still_used = table.n && !str_eq(child, table);
    buf_add(&subject, still_used ? table : child);
    buf_addc(&subject, '.');
    key_columns(field(res, PG_DIAG_MESSAGE_DETAIL), &subject);
    if (still_used)
        err_set(err, ERR_REFERENCE, "该记录仍被 " STR_FMT " 引用", STR_ARG(child));
    else
        err_set(err, ERR_REFERENCE, "引用的记录不存在：" STR_FMT, STR_ARG(buf_str(&subject)));
    return err_subject(err, STR_FMT, STR_ARG(buf_str(&subject)));
}

static int not_valid(const PGresult *res, const char *what, Err *err)
{
    Str table = field(res, PG_DIAG_TABLE_NAME), column = field(res, PG_DIAG_COLUMN_NAME);
    err_set(err, ERR_VALIDATION, "%s：" STR_FMT "." STR_FMT, what, STR_ARG(table), STR_ARG(column));
    return err_subject(err, STR_FMT "%s" STR_FMT, STR_ARG(table), column.n ? "." : "", STR_ARG(column));
}

static int retry(Tx *tx, const char *why, Err *err)
{
    if (tx) tx->retry = true;
    return err_set(err, ERR_RETRY, "%s，请重试", why);
}

/* A standby, or a primary that has just ceased to be one: another connection may lead to the new one. */
static int standby(PgConn *c, Tx *tx, Err *err)
{
    c->standby = tx->retry = true;
    err_set(err, ERR_IO, "数据库现在只读：是备机，或正在切换");
    return err_hint(err, "请稍后重试；若一直如此，请检查数据库地址是否指向主库");
}

static int by_class(PgConn *c, Tx *tx, const char *state, const char *msg, Err *err)
{
    if (strncmp(state, "22", 2) == 0) return err_set(err, ERR_INPUT, "值不合格式：%s", msg);
    if (strcmp(state, "53100") == 0) return err_set(err, ERR_FULL, "数据库的磁盘已满：%s", msg);
    if (strncmp(state, "53", 2) == 0) return err_set(err, ERR_BUSY, "数据库资源不足：%s", msg);
    if (strncmp(state, "58", 2) == 0 || strncmp(state, "XX", 2) == 0)
        return err_set(err, ERR_IO, "数据库读写失败：%s", msg);
    if (strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 || pg_broken(c)) {
        if (tx) tx->retry = true;
        return err_set(err, ERR_IO, "与数据库的连接中断");
    }
    return err_set(err, ERR_INTERNAL, "语句有误（%s）：%s", state, msg);
}

int pg_error(PgConn *c, Tx *tx, const PGresult *res, const char *text, Err *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    if (!state) {
        if (pg_broken(c)) {
            if (tx) tx->retry = true;
            return err_set(err, ERR_IO, "与数据库的连接中断");
        }
        Str why = str_trim(str_c(res ? PQresultErrorMessage(res) : PQerrorMessage(c->pq)));
        return err_set(err, ERR_INTERNAL, "数据库出错：" STR_FMT, STR_ARG(why));
    }
    const char *msg = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    switch (state_of(res)) {
    case SQLSTATE('2', '3', '5', '0', '5'): return unique(res, err);
    case SQLSTATE('2', '3', '5', '0', '3'):
    case SQLSTATE('2', '3', '0', '0', '1'): return reference(res, text, err);
    case SQLSTATE('2', '3', '5', '0', '2'): return not_valid(res, "不能为空", err);
    case SQLSTATE('2', '3', '5', '1', '4'): return not_valid(res, "不符合约束", err);
    case SQLSTATE('4', '0', '0', '0', '1'):
    case SQLSTATE('4', '0', 'P', '0', '1'): return retry(tx, "并发冲突", err);
    case SQLSTATE('5', '7', '0', '1', '4'):
        return err_set(err, ERR_TIMEOUT, "查询超过时限，请缩小范围后重试");
    case SQLSTATE('0', 'A', '0', '0', '0'): /* a prepared `select *` after the table has changed */
        if (msg && (strstr(msg, "cached plan") || tx)) {
            if (strstr(msg, "cached plan")) c->stale = true;
            if (c->stale) return retry(tx, "表结构刚刚改变", err);
        }
        /* A standby knows no serializable transaction. */
        if (tx && tx->write && !tx->opened) return standby(c, tx, err);
        break;
    case SQLSTATE('2', '5', '0', '0', '6'):
        if (tx && tx->write) return standby(c, tx, err);
        break;
    default: break;
    }
    return by_class(c, tx, state, msg ? msg : "", err);
}
