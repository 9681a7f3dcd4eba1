/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Results from PostgreSQL. A plain query is read row by row off the wire (single-row mode): flat memory and
 * one round trip. The protocol allows one command at a time, so before any other command on the connection
 * pg_idle takes the rest of the running query into memory; who cannot afford that asks for a cursor (DECLARE,
 * FETCH PG_FETCH).
 */
#include "store/store_pg.h"

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TIMESTAMPTZ = 1184,
    TIME_SIZE = 40
};

typedef struct Scratch { /* a column's value where it differs from libpq's text; kept from row to row */
    char *p;
    size_t cap;
} Scratch;

typedef struct PgRows {
    PgConn *conn;
    PGresult *res; /* current batch; rows 0 … of it */
    int row, batch;
    PGresult **parked; /* single rows taken in by pg_idle, in order */
    size_t n_parked, at_parked, cap_parked;
    bool first, end;
    char cursor[16]; /* its name; empty = none */
    int error;       /* met while parking; told when the rows before it are read */
    Err why;
    Scratch *scratch; /* per column */
} PgRows;

/* --- describing -------------------------------------------------------------------------------------- */

static void describe(Rows *r, PgRows *p, const PGresult *res)
{
    r->n = PQnfields(res);
    r->names = ARENA_ARRAY(r->arena, const char *, (size_t)r->n + 1);
    for (int i = 0; i < r->n; i++) r->names[i] = str_cdup(r->arena, str_c(PQfname(res, i)));
    p->scratch = xcalloc((size_t)r->n + 1, sizeof *p->scratch);
}

/* --- streaming --------------------------------------------------------------------------------------- */

static void park(PgRows *p, PGresult *res)
{
    if (p->n_parked == p->cap_parked) {
        p->cap_parked = p->cap_parked ? p->cap_parked * 2 : 64;
        p->parked = xrealloc(p->parked, p->cap_parked * sizeof *p->parked);
    }
    p->parked[p->n_parked++] = res;
}

void pg_idle(PgConn *c)
{
    Rows *r = c->streaming;
    if (!r) return;
    c->streaming = NULL;
    PgRows *p = r->impl;
    PGresult *res;
    while ((res = pg_result(c))) {
        ExecStatusType st = PQresultStatus(res);
        if (st == PGRES_SINGLE_TUPLE) {
            park(p, res);
            continue;
        }
        if (st != PGRES_TUPLES_OK && !p->error) p->error = pg_error(c, r->tx, res, NULL, &p->why);
        PQclear(res);
    }
    Err late = ERR_INIT;
    int e = pg_land(c, r->tx, p->error ? &late : &p->why);
    if (!p->error) p->error = e;
}

/* The next row of a query that is still on the wire. */
static int stream_next(Rows *r, Err *err)
{
    PgRows *p = r->impl;
    PgConn *c = p->conn;
    PQclear(p->res);
    p->row = 0;
    p->res = pg_result(c);
    if (PQresultStatus(p->res) == PGRES_SINGLE_TUPLE) return 1;
    Err late = ERR_INIT;
    int e = PQresultStatus(p->res) == PGRES_TUPLES_OK ? 0 : pg_error(c, r->tx, p->res, NULL, err);
    int after = pg_land(c, r->tx, &late);
    if (!e && after < 0) *err = late, e = after;
    c->streaming = NULL;
    p->end = true;
    return e;
}

static int stream_start(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, Err *err)
{
    PgConn *c = tx->conn;
    PgRows *p = r->impl;
    const PgText t = {sql->name, sql->text[DIALECT_POSTGRES]};
    TRY(pg_ask(c, tx, &t, args, n, true, &p->res, err));
    if (PQresultStatus(p->res) == PGRES_SINGLE_TUPLE) {
        p->first = true;
        c->streaming = r;
        return 0;
    }
    p->end = true;
    return pg_land(c, tx, err);
}

/* --- cursors ----------------------------------------------------------------------------------------- */

static int cursor_fetch(Rows *r, Err *err)
{
    PgRows *p = r->impl;
    PgConn *c = p->conn;
    char text[64];
    snprintf(text, sizeof text, "fetch forward %d from %s", PG_FETCH, p->cursor);
    TRY(pg_settle(c, r->tx, err));
    PQclear(p->res);
    p->res = pg_exec_text(c, text);
    p->row = 0;
    p->batch = 0;
    if (PQresultStatus(p->res) != PGRES_TUPLES_OK) return pg_error(c, r->tx, p->res, NULL, err);
    p->batch = PQntuples(p->res);
    if (p->batch == 0) p->end = true;
    return p->batch > 0;
}

static PGresult *declare(PgConn *c, const char *text, const PgArgs *a)
{
    PG_WAITS(&c->line);
    return PQexecParams(c->pq, text, a->n, NULL, a->values, a->lengths, a->formats, 0);
}

static int cursor_start(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, Err *err)
{
    PgConn *c = tx->conn;
    PgArgs a;
    PgRows *p = r->impl;
    _cleanup_buf_ Buf text;
    buf_init(&text, 1 << 20);
    snprintf(p->cursor, sizeof p->cursor, "c%u", ++c->names);
    buf_addf(&text, "declare %s no scroll cursor for %s", p->cursor, sql->text[DIALECT_POSTGRES]);
    if (text.over) return err_set(err, ERR_TOO_LARGE, "语句 %s 过长", sql->name);
    TRY(pg_settle(c, tx, err));
    TRY(pg_args(c, args, n, &a, err));
    PGresult *res = declare(c, text.p, &a);
    int e =
        PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : pg_error(c, tx, res, sql->text[DIALECT_POSTGRES], err);
    PQclear(res);
    if (e < 0) return e;
    e = cursor_fetch(r, err);
    p->first = e == 1;
    return e < 0 ? e : 0;
}

/* --- the driver's part ------------------------------------------------------------------------------- */

static void free_impl(PgRows *p, int n)
{
    PQclear(p->res);
    for (size_t i = p->at_parked; i < p->n_parked; i++) PQclear(p->parked[i]);
    free(p->parked);
    for (int i = 0; p->scratch && i < n; i++) free(p->scratch[i].p);
    free(p->scratch);
    free(p);
}

/* Left to itself PostgreSQL compares the estimates of a plan for these values and of one for any, and where a
   few values are much more frequent than the rest it plans anew every time, to the same plan. */
static int keep_plan(Tx *tx, bool steady, Err *err)
{
    static const PgText one = {"plan", "set local plan_cache_mode=force_generic_plan"},
                        any = {"plan", "set local plan_cache_mode=auto"};
    if (tx->steady == steady) return 0;
    tx->steady = steady;
    return pg_post(tx->conn, tx, steady ? &one : &any, NULL, 0, err);
}

int pg_query(Tx *tx, Rows *r, const Sql *sql, const Val *args, size_t n, bool cursor, Err *err)
{
    TRY(pg_begin(tx, err));
    TRY(keep_plan(tx, sql->steady && !tx->write, err));
    PgRows *p = xcalloc(1, sizeof *p);
    p->conn = tx->conn;
    r->impl = p;
    int e = cursor ? cursor_start(tx, r, sql, args, n, err) : stream_start(tx, r, sql, args, n, err);
    if (e < 0) {
        free_impl(p, 0);
        r->impl = NULL;
        return e;
    }
    tx->asks += cursor ? 2 : 1;
    describe(r, p, p->res);
    return 0;
}

int pg_next(Rows *r, Err *err)
{
    PgRows *p = r->impl;
    if (p->first) {
        p->first = false;
        return 1;
    }
    if (p->cursor[0]) {
        if (p->end) return 0;
        return ++p->row < p->batch ? 1 : cursor_fetch(r, err);
    }
    if (p->at_parked < p->n_parked) {
        PQclear(p->res);
        p->res = p->parked[p->at_parked++];
        return 1;
    }
    if (p->error) {
        *err = p->why;
        return p->error;
    }
    return p->conn->streaming == r ? stream_next(r, err) : 0;
}

void pg_done(Rows *r)
{
    PgRows *p = r->impl;
    PgConn *c = p->conn;
    if (c->streaming == r) {
        Err late = ERR_INIT; /* the server has computed it all anyway; limit is the caller's business */
        c->streaming = NULL;
        if (pg_land(c, r->tx, &late) < 0 && !r->tx->failed) r->tx->failed = true, r->tx->first = late;
    }
    if (p->cursor[0] && !pg_broken(c) && PQtransactionStatus(c->pq) == PQTRANS_INTRANS) {
        char text[32];
        Err lost = ERR_INIT; /* the end of the transaction closes it, too */
        snprintf(text, sizeof text, "close %s", p->cursor);
        if (pg_settle(c, NULL, &lost) == 0) PQclear(PQexec(c->pq, text));
    }
    free_impl(p, r->n);
    r->impl = NULL;
}

/* --- values ------------------------------------------------------------------------------------------ */

static char *room(Scratch *s, size_t need)
{
    if (need > s->cap) {
        s->cap = need;
        s->p = xrealloc(s->p, need);
    }
    return s->p;
}

static int hex(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

/* "\x0aff" */
static Val blob(Scratch *s, Str t)
{
    size_t n = t.n < 2 ? 0 : (t.n - 2) / 2;
    char *out = room(s, n + 1);
    for (size_t i = 0; i < n; i++) out[i] = (char)(hex(t.p[2 + 2 * i]) << 4 | hex(t.p[3 + 2 * i]));
    return V_BLOB(str_n(out, n));
}

/* "2025-01-02 03:04:05.5+00" → "2025-01-02T03:04:05.500000Z"; infinity and years before Christ stay as they
 * are. */
static Val moment(Scratch *s, Str t)
{
    static const char tail[] = "+00";
    if (t.n < 22 || t.p[10] != ' ' || !str_ends(t, str_c(tail))) return V_TEXT(t);
    char *out = room(s, TIME_SIZE);
    memcpy(out, t.p, 19);
    out[10] = 'T';
    memcpy(out + 19, ".000000Z", 9);
    Str part = str_n(t.p + 19, t.n - 22);
    if (part.n > 7) return V_TEXT(t);
    memcpy(out + 19, part.p, part.n);
    return V_TEXT(str_n(out, 27));
}

Val pg_val(const Rows *r, int col)
{
    const PgRows *p = r->impl;
    if (PQgetisnull(p->res, p->row, col)) return V_NULL;
    Str t = str_n(PQgetvalue(p->res, p->row, col), (size_t)PQgetlength(p->res, p->row, col));
    int64_t i = 0;
    switch (PQftype(p->res, col)) {
    case OID_BOOL: return V_INT(t.p[0] == 't');
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID: return str_int(t, &i) ? V_INT(i) : V_TEXT(t);
    case OID_FLOAT4:
    case OID_FLOAT8: return V_REAL(strtod(t.p, NULL));
    case OID_BYTEA: return blob(&p->scratch[col], t);
    case OID_TIMESTAMPTZ: return moment(&p->scratch[col], t);
    default: return V_TEXT(t);
    }
}
