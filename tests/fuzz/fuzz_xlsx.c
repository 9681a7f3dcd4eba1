/* SPDX-License-Identifier: MulanPSL-2.0 */
/* model/xlsx: any bytes are a workbook or a reason. The first byte chooses: z the bytes are the archive; w,
 * t, y, s they are its workbook, shared strings, styles or sheet, the rest of it being well formed. */
#include "model/xlsx_int.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml",
                                    "xl/styles.xml", "xl/worksheets/s.xml"};
static const char letters[] = "wrtys";
static const char *const texts[] = {
    "<workbook><workbookPr/><sheets><sheet name=\"a\" id=\"a\"/></sheets></workbook>",
    "<r><Relationship Id=\"a\" Type=\"/worksheet\" Target=\"worksheets/s.xml\"/><Relationship Id=\"t\" "
    "Type=\"/sharedStrings\" "
    "Target=\"sharedStrings.xml\"/><Relationship Id=\"y\" Type=\"/styles\" Target=\"styles.xml\"/></r>",
    "<sst><si><t>x</t></si></sst>",
    "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\"/></numFmts><cellXfs><xf "
    "numFmtId=\"164\"/></cellXfs></styleSheet>",
    "<worksheet><sheetData><row><c t=\"s\"><v>0</v></c><c "
    "s=\"0\"><v>1</v></c></row></sheetData></worksheet>"};

static void read_all(int fd)
{
    _cleanup_arena_ Arena *a = arena_new();
    XlsxReader *r;
    Err err = ERR_INIT;
    int64_t last = 0;
    int rc = xlsx_open(a, fd, &r, &err);
    if (rc == 0) rc = xlsx_sheet(r, S(""), &err);
    while (rc == 0) {
        _cleanup_arena_ Arena *own = arena_new();
        XlsxRow row;
        rc = xlsx_next(r, own, &row, &err);
        if (rc <= 0) break;
        assert(row.number > last && row.n > 0);
        last = row.number;
        rc = 0;
    }
    assert(rc >= 0 || err.code == (ErrCode)-rc);
}

/* An archive in memory with one part given. */
static int archive(char which, const uint8_t *data, size_t size)
{
    zip_error_t why;
    zip_source_t *all = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_source_keep(all);
    zip_t *z = zip_open_from_source(all, ZIP_TRUNCATE, &why);
    for (size_t i = 0; z && i < sizeof names / sizeof *names; i++) {
        bool given = letters[i] == which;
        zip_source_t *s =
            zip_source_buffer(z, given ? (const void *)data : texts[i], given ? size : strlen(texts[i]), 0);
        zip_int64_t at = zip_file_add(z, names[i], s, 0);
        zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0);
    }
    int fd = -1;
    if (z && zip_close(z) == 0 && zip_source_open(all) == 0) {
        char piece[4096];
        zip_int64_t n;
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        while ((n = zip_source_read(all, piece, sizeof piece)) > 0)
            if (write(fd, piece, (size_t)n) != n) break;
        zip_source_close(all);
    }
    zip_source_free(all);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    int fd = -1;
    if (data[0] == 'z') {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        if (fd >= 0 && write(fd, data + 1, size - 1) != (ssize_t)size - 1) return close(fd), 0;
    } else
        fd = archive((char)data[0], data + 1, size - 1);
    if (fd < 0) return 0;
    lseek(fd, 0, SEEK_SET);
    read_all(fd);
    close(fd);
    return 0;
}
