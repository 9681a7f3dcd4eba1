/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/import: any bytes are a map file or faults; any bytes are rows of NDJSON or GeoJSON or reasons. The
 * first byte chooses: m a map file, else a file of rows. */
#include "model/import_int.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_map(const char *path)
{
    _cleanup_arena_ Arena *a = arena_new();
    Faults f = {.arena = a};
    Model m = {0};
    int rc = import_map_check(&m, path, false, &f);
    assert((rc < 0) == (f.n > 0));
}

static void try_rows(const char *path)
{
    _cleanup_arena_ Arena *a = arena_new();
    Source *s;
    SourceRow row;
    Err err = ERR_INIT;
    Str names[] = {S("code"), S("title"), S("geometry"), S("id")};
    NameList columns = {names, 4, 4}, header = {0};
    int rc = source_open(a, path, NULL, &s, &err);
    int64_t n = 0;
    bool marks;
    if (rc == 0 && source_is_json(s))
        source_columns(s, &columns, true);
    else if (rc == 0)
        rc = source_header(s, a, NULL, &header, &marks, &err);
    while (rc == 0) {
        _cleanup_arena_ Arena *b = arena_new();
        rc = source_next(s, b, &row, &err);
        if (rc <= 0) break;
        assert(row.number > n);
        n = row.number;
        for (size_t i = 0; i < row.n && !row.fault.n; i++) assert(!row.cells[i].n || row.cells[i].p);
        rc = 0;
    }
    assert(rc == 0 || err.code == (ErrCode)-rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || !size || write(fd, data + 1, size - 1) != (ssize_t)size - 1) return close(fd), 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (data[0] == 'm')
        try_map(path);
    else
        try_rows(path);
    close(fd);
    return 0;
}
