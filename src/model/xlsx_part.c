/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * One part of a workbook's archive as XML nodes. What it may cost is settled before: the archive's directory,
 * the unpacked bytes of each part and their ratio to the packed ones (a packed bomb is 1,000 to 1, a sheet 5
 * to 50). libxml2 reads without network, external files and entity expansion, and a document type ends the
 * reading.
 */
#include "model/xlsx_int.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL = 66 << 10
}; /* where the archive's last record stands (APPNOTE 4.3.16: 22 bytes and a comment) */

static int no_book(Err *err, const char *what)
{
    err_set(err, ERR_INPUT, "这不是能读的 .xlsx 表格：%s", what);
    return err_hint(err, "用表格软件打开，另存为 .xlsx 再导入");
}

static uint64_t little(const unsigned char *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* Every end record in the tail (there may be false ones in a comment) must stay under the caps. */
static int check_directory(int fd, int64_t size, Err *err)
{
    size_t n = size < TAIL ? (size_t)size : TAIL;
    unsigned char *tail = xmalloc(n + 64);
    ssize_t got = pread(fd, tail, n, size - (int64_t)n);
    bool found = false, large = false;
    memset(tail + n, 0, 64);
    for (size_t i = 0; got == (ssize_t)n && i + 22 <= n; i++) {
        if (!memcmp(tail + i, "PK\5\6", 4)) {
            found = true;
            large |= little(tail + i + 10, 2) > ARCHIVE_PARTS && little(tail + i + 10, 2) != 0xFFFF;
            large |= little(tail + i + 12, 4) > ARCHIVE_DIR && little(tail + i + 12, 4) != 0xFFFFFFFF;
        } else if (!memcmp(tail + i, "PK\6\6", 4) && i + 56 <= n)
            large |= little(tail + i + 32, 8) > ARCHIVE_PARTS || little(tail + i + 40, 8) > ARCHIVE_DIR;
        else if (!memcmp(tail + i, "PK\6\7", 4)) /* its record must be in sight, too */
            large |= little(tail + i + 8, 8) + n < (uint64_t)size;
    }
    free(tail);
    if (got != (ssize_t)n) return err_io(err, errno, "读文件失败");
    if (!found) return no_book(err, "文件不完整");
    return large ? no_book(err, "压缩包的目录过大") : 0;
}

static void discard(void *z) { zip_discard(z); }

int archive_open(Arena *a, int fd, zip_t **ret, Err *err)
{
    struct stat st;
    unsigned char head[8] = {0};
    if (fstat(fd, &st) != 0 || pread(fd, head, sizeof head, 0) < 0) return err_io(err, errno, "读文件失败");
    if (!memcmp(head, "\xD0\xCF\x11\xE0", 4)) return no_book(err, "是老格式 .xls，或者加了密码");
    if (!xlsx_looks_like(str_n((const char *)head, sizeof head))) return no_book(err, "文件的开头不对");
    TRY(check_directory(fd, st.st_size, err));
    int own = dup(fd), code = 0;
    if (own < 0 || lseek(own, 0, SEEK_SET) < 0) {
        if (own >= 0) close(own);
        return err_io(err, errno, "读文件失败");
    }
    zip_t *z = zip_fdopen(own, 0, &code);
    if (!z) return close(own), no_book(err, "压缩包已损坏");
    arena_defer(a, discard, z);
    if (zip_get_num_entries(z, 0) > ARCHIVE_PARTS) return no_book(err, "压缩包里的文件过多");
    *ret = z;
    return 0;
}

/* xmlInputReadCallback: bytes, 0 the end, -1 stop. */
static int feed(void *ctx, char *buf, int len)
{
    XmlPart *p = ctx;
    zip_int64_t n = zip_fread(p->file, buf, (zip_uint64_t)len);
    if (n < 0) {
        snprintf(p->why, sizeof p->why, "压缩内容已损坏");
        return -1;
    }
    p->read += n;
    bool bomb = p->read > PART_SMALL && p->read / PART_RATIO > p->packed;
    if (p->read > p->max || bomb) {
        snprintf(p->why, sizeof p->why, bomb ? "压缩比例不正常，拒绝展开" : "展开以后过大");
        return -1;
    }
    return (int)n;
}

static int feed_end(void *ctx)
{
    (void)ctx;
    return 0;
}

int part_open(zip_t *z, Str name, int64_t max, XmlPart *ret, Err *err)
{
    char path[512];
    zip_stat_t st;
    *ret = (XmlPart){.max = max};
    snprintf(path, sizeof path, STR_FMT, STR_ARG(name));
    if (zip_stat(z, path, ZIP_FL_NOCASE, &st) != 0)
        return err_set(err, ERR_NOT_FOUND, "表格里没有 “%s”", path);
    ret->size = (int64_t)st.size;
    ret->packed = (int64_t)st.comp_size;
    if (ret->size > max || ret->size < 0) return no_book(err, "展开以后过大");
    ret->file = zip_fopen_index(z, st.index, 0);
    if (!ret->file) return no_book(err, "打不开其中的内容（可能加了密码）");
    xmlInitParser();
    ret->xml = xmlReaderForIO(feed, feed_end, ret, NULL, NULL,
                              XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
    if (!ret->xml) return part_close(ret), err_set(err, ERR_INTERNAL, "不能读 XML");
    return 0;
}

void part_close(XmlPart *p)
{
    if (p->xml) xmlFreeTextReader(TAKE(p->xml));
    if (p->file) zip_fclose(TAKE(p->file));
}

int part_next(XmlPart *p, Err *err)
{
    int rc = xmlTextReaderRead(p->xml);
    if (p->why[0]) return no_book(err, p->why);
    if (rc < 0) return no_book(err, "XML 已损坏");
    if (rc == 0) return 0;
    int type = xmlTextReaderNodeType(p->xml);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE ||
        type == XML_READER_TYPE_ENTITY)
        return no_book(err, "含有文档类型或实体声明");
    return 1;
}

static bool is_named(const XmlPart *p, int type, const char *name)
{
    return xmlTextReaderNodeType(p->xml) == type &&
           !strcmp((const char *)xmlTextReaderConstLocalName(p->xml), name);
}

bool part_begins(const XmlPart *p, const char *name) { return is_named(p, XML_READER_TYPE_ELEMENT, name); }
bool part_ends(const XmlPart *p, const char *name) { return is_named(p, XML_READER_TYPE_END_ELEMENT, name); }
bool part_is_empty(const XmlPart *p) { return xmlTextReaderIsEmptyElement(p->xml) == 1; }

bool part_is_text(const XmlPart *p)
{
    int type = xmlTextReaderNodeType(p->xml);
    return type == XML_READER_TYPE_TEXT || type == XML_READER_TYPE_CDATA ||
           type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE || type == XML_READER_TYPE_WHITESPACE;
}

Str part_text(const XmlPart *p) { return str_c((const char *)xmlTextReaderConstValue(p->xml)); }

Str part_attr(const XmlPart *p, Arena *a, const char *name)
{
    Str found = S("");
    while (xmlTextReaderMoveToNextAttribute(p->xml) == 1)
        if (!strcmp((const char *)xmlTextReaderConstLocalName(p->xml), name))
            found = str_dup(a, str_c((const char *)xmlTextReaderConstValue(p->xml)));
    xmlTextReaderMoveToElement(p->xml);
    return found;
}
