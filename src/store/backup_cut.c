/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * Where the database's stream is cut. SQLite's file changes in place, so fixed pieces of whole pages do. A
 * dump shifts with every row that comes or goes: there a cut lies behind a line whose own hash ends in zeros,
 * so the same lines are cut alike wherever they stand (the idea of content-defined chunking: Muthitacharoen,
 * Chen, Mazières, "A low-bandwidth network file system", 2001, §3.1, over lines instead of a rolling window).
 */
#include "store/backup_int.h"

enum {
    PAGES = 64 << 10,     /* a multiple of every page size of SQLite */
    LINES_MIN = 16 << 10, /* no smaller piece of a dump */
    LINES_MASK = 127,     /* then one line in 128 ends it */
};

size_t backup_cut(Dialect d, Str s, bool end, size_t *state)
{
    size_t at = *state;
    if (d == DIALECT_SQLITE) return s.n >= PAGES ? PAGES : end ? s.n : 0;
    while (at < s.n) {
        const char *newline = memchr(s.p + at, '\n', s.n - at);
        if (!newline) break;
        const size_t next = (size_t)(newline - s.p) + 1;
        if (next > BACKUP_CHUNK_MAX) break;
        const uint64_t h = str_hash(str_n(s.p + at, next - at));
        at = next;
        if (next >= LINES_MIN && !((h ^ h >> 32) & LINES_MASK)) {
            *state = 0;
            return next;
        }
    }
    if (s.n < BACKUP_CHUNK_MAX && !end) {
        *state = at; /* the beginning of the line that is not yet whole */
        return 0;
    }
    *state = 0;
    return at ? at : s.n < BACKUP_CHUNK_MAX ? s.n : BACKUP_CHUNK_MAX;
}
