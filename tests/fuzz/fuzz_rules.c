/* SPDX-License-Identifier: MulanPSL-2.0 */
/* rule: any text is a cron line or an error with its reason; any rules.yaml against the pack of the tests
   gives a set of reactions, or faults with their places; any settings.json is read or refused. The first byte
   chooses: c, s, else a pack file. No database. */
#include "rule/engine_int.h"

#include "fuzz_dir.h"
#include "fuzz_pack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Model *pack(void)
{
    static Model *m; /* loaded once for all inputs */
    if (!m) m = fuzz_pack("reactions");
    return m;
}

static void line(Str text)
{
    Cron c;
    Offset o = {0};
    Err err = ERR_INIT;
    if (cron_parse(text, &c, &err) == 0)
        assert(cron_next(&c, 0) > 0);
    else
        assert(err.code == ERR_PACK && err.msg[0]);
    if (offset_parse(text, &o, &err) < 0) assert(err.msg[0]);
}

static void file(Str text)
{
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_ruleset_ RuleSet *s = NULL;
    Faults f = {.arena = a};
    Err err = ERR_INIT;
    int rc = rule_load_text(pack(), "rules.yaml", text, &f, &s, &err);
    assert(rc == 0 ? !f.n : f.n > 0);
    for (size_t i = 0; i < f.n; i++) assert(f.items[i].what.n && fault_text(a, &f.items[i]).n);
}

static void settings(Str text)
{
    Settings s;
    Err err = ERR_INIT;
    if (!fuzz_dir_put("settings.json", text)) return;
    if (settings_read(fuzz_dir, &s, &err) < 0)
        assert(err.msg[0]);
    else
        arena_free(s.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    Str text = str_n((const char *)data + 1, size - 1);
    data[0] == 'c' ? line(text) : data[0] == 's' ? settings(text) : file(text);
    return 0;
}
