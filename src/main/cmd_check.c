/* SPDX-License-Identifier: MulanPSL-2.0 */
/* check: what a pack author runs. schema: what an author's editor reads. */
#include "main/main.h"

int cmd_check(Options *o)
{
    Err err = ERR_INIT;
    Faults f = {.arena = o->arena};
    _cleanup_model_ Model *m = NULL;
    const char *dir = o->n_args ? o->args[0] : o->systems ? o->systems : "systems";
    if (model_load(dir, &f, &m, &err) < 0) {
        print_faults(&f);
        fprintf(stderr, "chengshu: %s\n", err.msg);
        return EXIT_FAILED;
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
