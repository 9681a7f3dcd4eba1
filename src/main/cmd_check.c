/* SPDX-License-Identifier: MulanPSL-2.0 */
/* check: what a pack author runs. schema: what an author's editor reads. */
#include "main/main.h"

#include "insight/insight.h"
#include "rule/rule.h"

int cmd_check(Options *o)
{
    Err err = ERR_INIT;
    Faults f = {.arena = o->arena};
    _cleanup_model_ Model *m = NULL;
    const char *dir = o->n_args ? o->args[0] : o->systems ? o->systems : "systems";
    bool bad =
        model_load(dir, &f, &m, &err) < 0; /* what stands on the model is judged with it, all at once */
    if (!bad) {
        bad = rule_check(m, &f, &err) < 0;
        if (insight_check(m, &f, &err) < 0) bad = true;
    }
    if (bad) {
        print_faults(&f);
        fprintf(stderr, "chengshu: %s\n", err.msg);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < m->n_entities; i++)
        for (size_t k = 0; k < m->entities[i]->n_policies; k++) {
            Place at = m->entities[i]->policies[k].at;
            printf("%s:%d:%d: 策略通用，可写进 SQLite 和 PostgreSQL 的查询\n", at.file, at.line, at.col);
        }
    printf("ok：%zu 个系统、%zu 个实体、%zu 张代码表、%zu 个角色\n", m->n_systems, m->n_entities, m->n_codes,
           m->n_roles);
    return EXIT_DONE;
}

int cmd_schema(Options *o)
{
    Err err = ERR_INIT;
    Buf b;
    buf_init(&b, 1 << 20);
    int rc = pack_schema(str_c(o->n_args ? o->args[0] : ""), &b, &err);
    if (rc == 0) printf(STR_FMT "\n", STR_ARG(buf_str(&b)));
    buf_done(&b);
    return rc < 0 ? complain(&err) : EXIT_DONE;
}
