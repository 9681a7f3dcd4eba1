/* SPDX-License-Identifier: MulanPSL-2.0 */
/* store/backup: any bytes are a manifest, or lines of contents.txt, or are refused; what is read is written
   the same; no path leaves the folder. A stream is cut into whole pieces of bounded size, whatever its bytes.
 */
#include "store/backup_int.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void lines(Str all)
{
    Str line;
    while (str_split(&all, '\n', &line)) {
        BackupItem item;
        Err err = ERR_INIT;
        if (item_parse(line, &item, &err) < 0) continue;
        _cleanup_buf_ Buf again;
        buf_init(&again, 4096);
        item_write(&again, &item);
        assert(item.size >= 0 && item.path[0] != '/' && item.path[0] != '.' && !strstr(item.path, "/."));
        BackupItem twice;
        Str text = buf_str(&again);
        text.n--;
        assert(item_parse(text, &twice, &err) == 0 && twice.kind == item.kind && twice.size == item.size &&
               !strcmp(twice.sum, item.sum) && !strcmp(twice.path, item.path));
    }
}

static void cuts(Dialect d, Str rest)
{
    size_t state = 0, n;
    while (rest.n) {
        n = backup_cut(d, rest, true, &state);
        assert(n > 0 && n <= rest.n && n <= BACKUP_CHUNK_MAX);
        rest = str_from(rest, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    Str all = str_n((const char *)data, size);
    BackupManifest m, again;
    Err err = ERR_INIT;
    if (manifest_parse(a, all, &m, &err) == 0) {
        _cleanup_buf_ Buf text;
        buf_init(&text, 1 << 20);
        manifest_write(&text, &m);
        assert(manifest_parse(a, buf_str(&text), &again, &err) == 0 && again.head == m.head &&
               str_eq(again.base, m.base));
        assert(str_find(m.base, '/') < 0);
    }
    lines(all);
    cuts(DIALECT_SQLITE, all);
    cuts(DIALECT_POSTGRES, all);
    return 0;
}
