/* SPDX-License-Identifier: MulanPSL-2.0 */
/* The journal's seal at the command line. checkpoint, prove and journal only read, so they also work beside a
   running server. */
#include "main/main.h"

#include "model/seal_http.h"

typedef struct Ask {
    Arena *arena;
    int64_t seq, from, to;
    Buf out;
} Ask;

/* --- checkpoint
 * -------------------------------------------------------------------------------------------- */

static int checkpoint_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    Checkpoint c;
    TRY(seal_checkpoint(tx, ask->arena, ask->to, &c, err));
    buf_clear(&ask->out);
    buf_add(&ask->out, c.note);
    return 0;
}

/* --- prove
 * ------------------------------------------------------------------------------------------------- */

static int prove_entry(Tx *tx, Ask *ask, Err *err)
{
    Inclusion in;
    JournalEntry *e;
    size_t n;
    const JournalFilter f = {.after = ask->seq - 1, .limit = 1};
    TRY(journal_read(tx, ask->arena, &f, &e, &n, err));
    TRY(seal_inclusion(tx, ask->arena, ask->seq, ask->to, &in, err));
    buf_clear(&ask->out);
    inclusion_json(&ask->out, ask->arena, &in, n ? e->digest : S(""));
    return 0;
}

static int prove_tx(Tx *tx, void *p, Err *err)
{
    Ask *ask = p;
    Growth g;
    if (ask->seq) return prove_entry(tx, ask, err);
    TRY(seal_growth(tx, ask->arena, ask->from, ask->to, &g, err));
    buf_clear(&ask->out);
    growth_json(&ask->out, ask->arena, &g);
    return 0;
}

/* --- journal
 * ----------------------------------------------------------------------------------------------- */

static void entry_line(Buf *out, const JournalEntry *e)
{
    const struct {
        const char *name;
        Str value;
    } texts[] = {{"actor", e->actor},   {"behalf", e->behalf}, {"purpose", e->purpose}, {"trace", e->trace},
                 {"entity", e->entity}, {"record", e->record}, {"op", e->op},           {"before", e->before},
                 {"after", e->after},   {"digest", e->digest}};
    JsonWriter w;
    buf_clear(out);
    jw_init(&w, out);
    jw_object(&w);
    jw_kint(&w, "seq", e->seq);
    jw_kint(&w, "at_us", e->at_us);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) jw_kstr(&w, texts[i].name, texts[i].value);
    jw_object_end(&w);
    buf_addc(out, '\n');
}

typedef struct Dump {
    int64_t after;
    size_t n;
    Buf *out;
} Dump;

static int dump_tx(Tx *tx, void *p, Err *err)
{
    Dump *d = p;
    JournalEntry *e;
    _cleanup_arena_ Arena *a = arena_new();
    const JournalFilter f = {.after = d->after, .limit = JOURNAL_PAGE_MAX};
    TRY(journal_read(tx, a, &f, &e, &d->n, err));
    for (size_t i = 0; i < d->n; i++) {
        entry_line(d->out, &e[i]);
        if (d->out->over || fwrite(d->out->p, 1, d->out->n, stdout) != d->out->n)
            return err_set(err, ERR_IO, "写不出去");
        d->after = e[i].seq;
    }
    return 0;
}

static int dump(Store *s, int64_t after, Err *err)
{
    _cleanup_buf_ Buf out;
    buf_init(&out, 64 << 20);
    Dump d = {.after = after, .out = &out};
    do TRY(store_read(s, "journal", dump_tx, &d, err));
    while (d.n);
    return fflush(stdout) == 0 ? 0 : err_set(err, ERR_IO, "写不出去");
}

/* --- commands
 * ---------------------------------------------------------------------------------------------- */

static int number(const char *text, const char *what, int64_t *ret, Err *err)
{
    if (!text) return 0;
    return str_int(str_c(text), ret) && *ret > 0 ? 0 : err_set(err, ERR_USAGE, "%s 要是正整数", what);
}

static int ask(const Options *o, Ask *a, TxFn fn, Err *err)
{
    _cleanup_store_ Store *s = NULL;
    a->arena = o->arena;
    buf_init(&a->out, 1 << 20);
    int r = city_store(o, false, NULL, &s, err);
    if (r == 0) r = store_read(s, "seal", fn, a, err);
    if (r == 0) fwrite(a->out.p, 1, a->out.n, stdout);
    buf_done(&a->out);
    return r;
}

int cmd_checkpoint(Options *o)
{
    Err err = ERR_INIT;
    Ask a = {0};
    int r = number(o->n_args ? o->args[0] : NULL, "条数", &a.to, &err);
    if (r == 0) r = ask(o, &a, checkpoint_tx, &err);
    return r < 0 ? complain(&err) : EXIT_DONE;
}

static int prove(const Options *o, Ask *a, Err *err)
{
    TRY(number(o->n_args ? o->args[0] : NULL, "日志号", &a->seq, err));
    TRY(number(o->from, "--from", &a->from, err));
    TRY(number(o->to, "--to", &a->to, err));
    if (!a->seq == !a->from) return err_set(err, ERR_USAGE, "要写一个日志号，或 --from 早先那个检查点的条数");
    TRY(ask(o, a, prove_tx, err));
    putchar('\n');
    return 0;
}

int cmd_prove(Options *o)
{
    Err err = ERR_INIT;
    Ask a = {0};
    return prove(o, &a, &err) < 0 ? complain(&err) : EXIT_DONE;
}

int cmd_journal(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_store_ Store *s = NULL;
    int64_t after = 0;
    int r = number(o->from, "--from", &after, &err);
    if (r == 0) r = city_store(o, false, NULL, &s, &err);
    if (r == 0) r = dump(s, after ? after - 1 : INT64_MIN + 1, &err);
    return r < 0 ? complain(&err) : EXIT_DONE;
}

int cmd_rotate_seal_key(Options *o)
{
    Err err = ERR_INIT;
    _cleanup_store_ Store *s = NULL;
    int id;
    int r = city_store(o, true, NULL, &s, &err);
    if (r == 0) r = o->lost ? seal_replace_lost(s, &id, &err) : seal_rotate(s, &id, &err);
    if (r < 0) return complain(&err);
    if (o->lost)
        printf("%d 号封存密钥已启用，只有自己的认可；请把 keys/seal-%d.pub 公布出去，并备份 keys/\n", id, id);
    else
        printf("%d 号封存密钥已启用，由前一把认可；前一把的私钥已删去\n", id);
    return EXIT_DONE;
}
