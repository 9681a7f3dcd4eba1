/* SPDX-License-Identifier: MulanPSL-2.0 */
/* base/csv: any bytes are records or an error; a good record, written, reads back the same. */
#include "base/csv.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const CsvRecord *rec)
{
    _cleanup_buf_ Buf out;
    _cleanup_csv_ CsvReader *r = NULL;
    CsvRecord again;
    CsvOptions utf8 = {.charset_given = true, .charset = CHARSET_UTF8};
    buf_init(&out, 64 << 20);
    csv_write_record(&out, rec->cells, rec->n);
    Err err = ERR_INIT;
    if (buf_str(&out).n > 2 && !memcmp(out.p, "\x1F\x8B", 2)) return; /* a first cell that looks like gzip */
    if (str_starts(buf_str(&out), S("\xEF\xBB\xBF"))) return;         /* … or begins with a BOM */
    assert(csv_open_mem(buf_str(&out), &utf8, &r, &err) == 0 && csv_next(r, &again, &err) == 1);
    assert(again.fault == CSV_OK && again.n == rec->n);
    for (size_t i = 0; i < rec->n; i++) assert(str_eq(again.cells[i], rec->cells[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const CsvOptions options[] = {{0},
                                         {.charset_given = true, .charset = CHARSET_GB18030},
                                         {.sep = ';'},
                                         {.find_sep = true},
                                         {.charset_given = true, .charset = CHARSET_UTF16LE},
                                         {.charset_given = true, .charset = CHARSET_UTF16BE}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        _cleanup_csv_ CsvReader *r = NULL;
        CsvRecord rec;
        Err err = ERR_INIT;
        int rc = csv_open_mem(str_n((const char *)data, size), &options[i], &r, &err);
        int64_t line = 0;
        while (rc == 0 && (rc = csv_next(r, &rec, &err)) == 1) {
            assert(rec.line > line && text_valid(rec.raw));
            line = rec.line;
            for (size_t k = 0; k < rec.n; k++) assert(text_valid(rec.cells[k]));
            if (rec.fault == CSV_OK) read_back(&rec);
            rc = 0;
        }
        assert(rc == 0 || err.code == (ErrCode)-rc);
    }
    return 0;
}
