/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Routes of the security administrator: roles, grants, positions, holdings, delegations: lists and endings;
   what gives a right is an act (people_rights.c). Taking a right away needs no second person. */
#include "people/people_int.h"

#include "people_sql.h"

int grant_post(Request *rq, Err *err) { return act_run(rq, &act_grant, err); }
int position_post(Request *rq, Err *err) { return act_run(rq, &act_position, err); }
int holding_post(Request *rq, Err *err) { return act_run(rq, &act_hold, err); }
int delegation_post(Request *rq, Err *err) { return act_run(rq, &act_delegate, err); }

int roles_get(Request *rq, Err *err)
{
    const Model *m = rq->city->model;
    JsonWriter w;
    (void)err;
    jw_init(&w, &rq->out);
    jw_array(&w);
    for (size_t i = 0; i < m->n_roles; i++) {
        const Role *r = &m->roles[i];
        bool unmask = false;
        for (size_t j = 0; j < r->n_grants; j++) unmask |= (r->grants[j].ops & OP_UNMASK) != 0;
        jw_object(&w);
        jw_kstr(&w, "role", r->name);
        jw_kstr(&w, "title", r->title);
        jw_kbool(&w, "separation", r->separation);
        jw_kbool(&w, "unmask", unmask);
        jw_key(&w, S("permissions"));
        jw_array(&w);
        for (size_t j = 0; j < r->permissions.n; j++) jw_str(&w, r->permissions.items[j]);
        jw_array_end(&w);
        jw_kint(&w, "records", (int64_t)r->n_grants);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return 0;
}

static int list_of(Request *rq, const Sql *sql, const ColKind *kinds, Err *err)
{
    return list_answer(rq, sql, VALS(V_TEXT(request_param(rq, "user")), V_TEXT(request_param(rq, "after"))),
                       kinds, err);
}

int grants_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_TEXT, COL_TEXT,
                                    COL_TEXT, COL_TIME, COL_TEXT, COL_TIME};
    return list_of(rq, &sql_people_grant_list, kinds, err);
}

int holdings_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_BOOL,
                                    COL_TIME, COL_TIME, COL_TEXT, COL_TIME};
    return list_of(rq, &sql_people_holding_list, kinds, err);
}

int delegations_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_LIST, COL_TEXT,
                                    COL_TIME, COL_TIME, COL_TEXT, COL_TIME};
    return list_of(rq, &sql_people_delegation_list, kinds, err);
}

int positions_get(Request *rq, Err *err)
{
    static const ColKind kinds[] = {COL_TEXT, COL_TEXT, COL_TEXT, COL_TEXT, COL_TEXT, COL_TIME};
    return list_answer(rq, &sql_people_position_list, VALS(V_TEXT(request_param(rq, "after"))), kinds, err);
}

/* --- endings --- */

/* What is ended: its row tells in up to two columns whose it is; nobody ends one's own. */
typedef struct Ending {
    const char *entity;
    const Sql *get, *drop;
} Ending;

typedef struct End {
    Request *rq;
    const Ending *what;
} End;

static int end_tx(Tx *tx, void *p, Err *err)
{
    End *e = p;
    Deed d = deed_of(e->rq, tx);
    Str id = e->rq->params[0];
    Rows *rows;
    Fact before[12] = {0};
    TRY(tx_query(tx, d.a, e->what->get, VALS(V_TEXT(id)), &rows, err));
    int rc = rows_next(rows, err);
    for (int i = 0; rc > 0 && i < rows_count(rows) && i < 11; i++)
        before[i] = (Fact){str_cdup(d.a, str_c(rows_name(rows, i))), rows_text(rows, d.a, i)};
    rows_done(rows);
    if (rc < 0) return rc;
    if (!rc) return err_set(err, ERR_NOT_FOUND, "没有这一项：" STR_FMT, STR_ARG(id));
    for (int i = 0; before[i].name; i++)
        if (strstr(before[i].name, "user")) {
            TRY(not_oneself(&d, before[i].text, err));
            TRY(tx_exec(tx, &sql_people_session_age, VALS(V_TEXT(before[i].text)), NULL, err));
        }
    TRY(tx_exec(tx, e->what->drop, VALS(V_TEXT(id)), NULL, err));
    return note(&d, e->what->entity, id, "delete", before, NULL, err);
}

static int end(Request *rq, const Ending *what, Err *err)
{
    End e = {rq, what};
    TRY(store_tx(rq->city->store, what->entity, end_tx, &e, err));
    rq->status = 204;
    return 0;
}

int grant_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_grant", &sql_people_grant_get, &sql_people_grant_drop};
    return end(rq, &what, err);
}

int key_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_key", &sql_people_key_facts, &sql_people_key_drop};
    return end(rq, &what, err);
}

int client_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_client", &sql_people_client_facts, &sql_people_client_drop};
    return end(rq, &what, err);
}

int position_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_position", &sql_people_position_get, &sql_people_position_drop};
    return end(rq, &what, err);
}

int holding_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_holding", &sql_people_holding_get, &sql_people_holding_drop};
    return end(rq, &what, err);
}

int delegation_delete(Request *rq, Err *err)
{
    static const Ending what = {"people_delegation", &sql_people_delegation_get, &sql_people_delegation_drop};
    return end(rq, &what, err);
}
