/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Signed notes: written, taken apart, checked. The form is in seal.h. */
#include "store/seal_int.h"

#include "base/clock.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a space begin a signature line */

enum { NOTE_MAX = 16384, SIGNATURE_MAX = 80 };

Str hash_hex(Arena *a, const MerkleHash *h) { return hex_encode(a, str_n((const char *)h->b, SM3_SIZE)); }

Str seal_origin(Arena *a, Str first_public_pem)
{
    char hex[SM3_HEX_SIZE];
    sm3_hex(first_public_pem, hex);
    return str_fmt(a, "chengshu/%.16s", hex);
}

static void key_hash(Arena *a, Str name, Str public_pem, uint8_t ret[4])
{
    uint8_t sum[SM3_SIZE];
    sm3(str_fmt(a, STR_FMT "\n" STR_FMT, STR_ARG(name), STR_ARG(public_pem)), sum);
    memcpy(ret, sum, 4);
}

static Str key_name(Arena *a, Str origin, int id) { return str_fmt(a, STR_FMT "/%d", STR_ARG(origin), id); }

int note_sign(Arena *a, Sm2Key *key, Str public_pem, Str origin, int id, Str body, Str *ret, Err *err)
{
    Str der, name = key_name(a, origin, id);
    TRY(sm2_sign(a, key, SM2_ID_DEFAULT, body, &der, err));
    char *raw = arena_alloc(a, 4 + der.n);
    key_hash(a, name, public_pem, (uint8_t *)raw);
    memcpy(raw + 4, der.p, der.n);
    *ret = str_fmt(a, STR_FMT "\n" DASH STR_FMT " " STR_FMT "\n", STR_ARG(body), STR_ARG(name),
                   STR_ARG(base64_encode(a, str_n(raw, 4 + der.n))));
    return 0;
}

static int wrong(Err *err, size_t at, const char *what)
{
    err_set(err, ERR_INPUT, "检查点的文字不对：%s（第 %zu 个字节）", what, at);
    err->at = (int64_t)at;
    return -(int)ERR_INPUT;
}

/* A decimal number without sign or leading zeros. */
static bool plain_number(Str s, int64_t max, int64_t *ret)
{
    return s.n && s.n < 20 && (s.n == 1 || s.p[0] != '0') && s.p[0] >= '0' && s.p[0] <= '9' &&
           str_int(s, ret) && *ret <= max;
}

int note_split(Arena *a, Str text, Note *ret, Err *err)
{
    int64_t id;
    Str raw, line, name;
    Err inner = ERR_INIT;
    if (text.n > NOTE_MAX) return wrong(err, NOTE_MAX, "太长");
    ptrdiff_t gap = str_find_str(text, S("\n\n"));
    if (gap < 0) return wrong(err, text.n, "没有签名");
    size_t at = (size_t)gap + 2;
    ret->body = str_n(text.p, (size_t)gap + 1);
    line = str_from(text, at);
    if (!str_starts(line, S(DASH))) return wrong(err, at, "签名行应以“— ”开头");
    if (str_find(line, '\n') != (ptrdiff_t)line.n - 1) return wrong(err, text.n, "应正好有一行签名");
    line = str_n(line.p + sizeof DASH - 1, line.n - sizeof DASH);
    if (!str_split(&line, ' ', &name) || !line.p) return wrong(err, at, "签名行里没有签名");
    ptrdiff_t slash = -1;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/') slash = (ptrdiff_t)i;
    if (slash < 1 || !plain_number(str_from(name, (size_t)slash + 1), SEAL_KEYS_MAX, &id) || id < 1)
        return wrong(err, at, "不认识的密钥名");
    ret->origin = str_n(name.p, (size_t)slash);
    ret->key = (int)id;
    if (base64_decode(a, line, &raw, &inner) < 0 || raw.n < 12 || raw.n > 4 + SIGNATURE_MAX ||
        !str_eq(base64_encode(a, raw), line))
        return wrong(err, at, "签名不是 base64");
    memcpy(ret->key_hash, raw.p, 4);
    ret->signature = str_from(raw, 4);
    return 0;
}

int note_check(Arena *a, const Note *n, Str public_pem, Err *err)
{
    uint8_t hash[4];
    Err inner = ERR_INIT;
    _cleanup_sm2_ Sm2Key *key = NULL;
    key_hash(a, key_name(a, n->origin, n->key), public_pem, hash);
    if (memcmp(hash, n->key_hash, sizeof hash) != 0)
        return err_set(err, ERR_VERIFY, "不是用 %d 号封存密钥签的", n->key);
    if (sm2_from_pem(public_pem, &key, &inner) < 0 ||
        sm2_verify(key, SM2_ID_DEFAULT, n->body, n->signature, &inner) < 0)
        return err_set(err, ERR_VERIFY, "签名不对：%s", inner.msg);
    return 0;
}

/* --- checkpoints
 * -------------------------------------------------------------------------------------------- */

Str checkpoint_body(Arena *a, const Checkpoint *c)
{
    return str_fmt(a, STR_FMT "\n%lld\n" STR_FMT "\nseq %lld\nafter %lld\ntime " STR_FMT "\n",
                   STR_ARG(c->origin), (long long)c->size,
                   STR_ARG(base64_encode(a, str_n((const char *)c->root.b, SM3_SIZE))), (long long)c->seq,
                   (long long)c->after, STR_ARG(clock_str_utc(a, c->at_us)));
}

static bool after_word(Str line, Str word, Str *ret)
{
    *ret = str_from(line, word.n);
    return str_starts(line, word);
}

int checkpoint_parse(Arena *a, Str note, Checkpoint *ret, Err *err)
{
    Note n;
    Str lines[6], rest, value, root;
    Err inner = ERR_INIT;
    if (note.n > CHECKPOINT_TEXT_MAX) return wrong(err, CHECKPOINT_TEXT_MAX, "太长");
    TRY(note_split(a, note, &n, err));
    rest = n.body;
    for (size_t i = 0; i < 6; i++)
        if (!str_split(&rest, '\n', &lines[i])) return wrong(err, n.body.n, "行数不够");
    *ret = (Checkpoint){
        .origin = n.origin, .key = n.key, .note = note, .body = n.body, .signature = n.signature};
    memcpy(ret->key_hash, n.key_hash, sizeof n.key_hash);
#define OFFSET(s) (size_t)((s).p - note.p)
    if (!str_eq(lines[0], n.origin)) return wrong(err, 0, "第一行与密钥名不符");
    if (!plain_number(lines[1], INT64_MAX, &ret->size) || !ret->size)
        return wrong(err, OFFSET(lines[1]), "条数");
    if (base64_decode(a, lines[2], &root, &inner) < 0 || root.n != SM3_SIZE)
        return wrong(err, OFFSET(lines[2]), "树根应是 32 字节的 base64");
    memcpy(ret->root.b, root.p, SM3_SIZE);
    if (!after_word(lines[3], S("seq "), &value) || !plain_number(value, INT64_MAX, &ret->seq))
        return wrong(err, OFFSET(lines[3]), "应是 seq 和日志号");
    if (!after_word(lines[4], S("after "), &value) || !plain_number(value, ret->size - 1, &ret->after))
        return wrong(err, OFFSET(lines[4]), "应是 after 和前一个检查点的条数");
    if (!after_word(lines[5], S("time "), &value) || clock_parse(value, &ret->at_us, &inner) < 0)
        return wrong(err, OFFSET(lines[5]), "应是 time 和时刻");
    /* One text for one content: what is written anew is what stood there. */
    if (!str_eq(checkpoint_body(a, ret), n.body)) return wrong(err, 0, "不是规范的写法");
    return 0;
}
