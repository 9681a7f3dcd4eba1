/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model_load: the stages in order. Later stages run even when earlier ones found faults, as far as they can,
   so that an author sees as many as possible at once. */
#include "model/pack_int.h"

#include "base/sm.h"
#include "model/expr.h"

enum { DECLARED_MAX = 64 << 20 };

static void free_env(void *p) { expr_env_free(p); }

int model_load(const char *dir, Faults *f, Model **ret, Err *err)
{
    Arena *a = arena_new();
    Model *m = ARENA_NEW(a, Model);
    m->arena = a;
    m->exprs = expr_env_new();
    arena_defer(a, free_env, m->exprs);
    PackLoader l = {.a = a, .m = m, .f = f};
    buf_init(&l.declared, DECLARED_MAX);
    pack_read_all(&l, dir);
    pack_order_systems(&l);
    pack_build_entities(&l);
    pack_build_roles(&l);
    pack_build_policies(&l);
    pack_build_pages(&l);
    pack_check_users(&l);
    pack_build_loads(&l);
    pack_check_maps(&l);
    char digest[SM3_HEX_SIZE];
    sm3_hex(buf_str(&l.declared), digest);
    m->digest = str_dup(a, str_c(digest));
    buf_done(&l.declared);
    if (f->n) {
        size_t n = f->n;
        faults_sort(f);
        model_free(m);
        return err_set(err, ERR_PACK, "系统包有 %zu 处错误，整套未被采用", n);
    }
    *ret = m;
    return 0;
}
