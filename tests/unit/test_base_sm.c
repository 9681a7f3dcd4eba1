/* SPDX-License-Identifier: MulanPSL-2.0 */
/*
 * base/sm against the published vectors in $SHARED/data/sm-vectors (every one that OpenSSL 3.0 can do; how
 * many ran and how many were left out, and why, is printed), and against itself for what is random.
 */
#include "unit.h"
#include "base/json.h"
#include "base/sm.h"

#include <dirent.h>

enum { FILE_MAX = 16 << 20 };

/* Text of a vector file, or p == NULL. */
static Str slurp(Arena *a, const char *name)
{
    char path[600];
    const char *shared = getenv("SHARED");
    snprintf(path, sizeof path, "%s/data/sm-vectors/%s", shared ? shared : "../shared", name);
    FILE *f = fopen(path, "rb");
    if (!f) return STR_NONE;
    char *p = arena_alloc(a, FILE_MAX);
    size_t n = fread(p, 1, FILE_MAX, f);
    fclose(f);
    return str_n(p, n);
}

static bool absent(Str text, const char *name)
{
    if (!text.p) print_message("skipped: sm-vectors/%s is not there\n", name);
    return !text.p;
}

static Str unhex(Arena *a, Str hex)
{
    Str out;
    if (hex_decode(a, hex, &out, NULL) < 0) fail_msg("not hex: " STR_FMT, STR_ARG(hex));
    return out;
}

static Str member(Arena *a, const json_t *o, const char *key)
{
    return unhex(a, str_c(json_string_value(json_object_get(o, key))));
}

static void same(Arena *a, Str got, Str want, const char *what)
{
    if (!str_eq(got, want))
        fail_msg("%s: got " STR_FMT ", want " STR_FMT, what, STR_ARG(hex_encode(a, got)),
                 STR_ARG(hex_encode(a, want)));
}

static Str raw(const uint8_t *p, size_t n) { return str_n((const char *)p, n); }

/* ---- the worked examples of the standards ---- */

static json_t *tree(Arena *a, const char *name)
{
    json_t *v = NULL;
    Err err = ERR_INIT;
    Str text = slurp(a, name);
    if (absent(text, name)) skip();
    if (json_parse(a, text, &v, &err) < 0) fail_msg("%s: %s", name, err.msg);
    return v;
}

static void sm4_rounds(Arena *a, const json_t *t)
{
    Str key = member(a, t, "key"), x = member(a, t, "pt");
    char block[SM4_BLOCK];
    int64_t rounds = json_integer_value(json_object_get(t, "rounds"));
    memcpy(block, x.p, sizeof block);
    for (int64_t i = 0; i < rounds;) {
        _cleanup_arena_ Arena *b = arena_new();
        for (int k = 0; k < 1000 && i < rounds; k++, i++) {
            Str out;
            assert_int_equal(
                sm4_encrypt(b, SM4_ECB, key, STR_NONE, false, str_n(block, SM4_BLOCK), &out, NULL), 0);
            memcpy(block, out.p, sizeof block);
        }
    }
    same(a, str_n(block, SM4_BLOCK), member(a, t, "ct"), "SM4 rounds");
}

/* r and s as DER: INTEGERs with a zero byte before a set top bit. */
static Str der_signature(Arena *a, Str r, Str s)
{
    Buf b;
    buf_init(&b, 200);
    size_t rn = r.n + ((r.p[0] & 0x80) != 0), sn = s.n + ((s.p[0] & 0x80) != 0);
    buf_addc(&b, 0x30);
    buf_addc(&b, (char)(4 + rn + sn));
    for (int i = 0; i < 2; i++) {
        Str v = i ? s : r;
        size_t n = i ? sn : rn;
        buf_addc(&b, 2);
        buf_addc(&b, (char)n);
        if (n > v.n) buf_add(&b, str_n("", 1));
        buf_add(&b, v);
    }
    Str out = buf_dup(a, &b);
    buf_done(&b);
    return out;
}

static void standards__worked_examples(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v = tree(a, "standard-vectors.json"), *t;
    size_t i, ran = 0;
    Str out;
    uint8_t md[SM3_SIZE];
    json_array_foreach(json_object_get(v, "sm3"), i, t)
    {
        sm3(member(a, t, "msg"), md);
        same(a, raw(md, SM3_SIZE), member(a, t, "md"), "SM3");
        ran++;
    }
    json_array_foreach(json_object_get(v, "sm4_ecb"), i, t)
    {
        sm4_rounds(a, t);
        ran++;
    }
    json_array_foreach(json_object_get(v, "hmac_sm3"), i, t)
    {
        sm3_hmac(member(a, t, "key"), str_c(json_string_value(json_object_get(t, "msg_text"))), md);
        same(a, raw(md, SM3_SIZE), member(a, t, "mac"), "HMAC-SM3");
        ran++;
    }
    json_array_foreach(json_object_get(v, "sm2_sign"), i, t)
    {
        _cleanup_sm2_ Sm2Key *k = NULL, *pub = NULL;
        Str x = member(a, t, "px"), y = member(a, t, "py"),
            point = str_fmt(a, STR_FMT STR_FMT, STR_ARG(x), STR_ARG(y));
        char both[64];
        memcpy(both, x.p, 32);
        memcpy(both + 32, y.p, 32);
        point = str_n(both, 64);
        Str id = str_c(json_string_value(json_object_get(t, "id"))),
            msg = str_c(json_string_value(json_object_get(t, "msg")));
        Str sig = der_signature(a, member(a, t, "r"), member(a, t, "s"));
        assert_int_equal(sm2_from_raw(STR_NONE, member(a, t, "d"), &k, NULL), 0);
        assert_int_equal(sm2_from_raw(point, STR_NONE, &pub, NULL), 0);
        assert_int_equal(sm2_verify(k, id, msg, sig, NULL),
                         0); /* the public point worked out from d is the document's */
        assert_int_equal(sm2_verify(pub, id, msg, sig, NULL), 0);
        assert_int_equal(sm2_verify(pub, S("other"), msg, sig, NULL), -ERR_VALIDATION);
        assert_int_equal(sm2_verify(pub, id, S("message digesu"), sig, NULL), -ERR_VALIDATION);
        ran++;
    }
    json_array_foreach(json_object_get(v, "sm2_encrypt"), i, t)
    {
        _cleanup_sm2_ Sm2Key *k = NULL;
        assert_int_equal(sm2_from_raw(STR_NONE, member(a, t, "d"), &k, NULL), 0);
        assert_int_equal(sm2_decrypt(a, k, member(a, t, "ct_der"), &out, NULL), 0);
        assert_text(out, json_string_value(json_object_get(t, "msg")));
        ran++;
    }
    print_message("standard-vectors.json: %zu ran; left out: %zu GCM, %zu CCM (not in OpenSSL 3.0); curve "
                  "constants are OpenSSL's own\n",
                  ran, json_array_size(json_object_get(v, "sm4_gcm")),
                  json_array_size(json_object_get(v, "sm4_ccm")));
}

/* ---- OpenSSL's evp test files: stanzas of `Key = value` lines ---- */

typedef struct Stanza {
    Str keys[16], values[16];
    size_t n;
} Stanza;

static Str field(const Stanza *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_is(s->keys[i], key)) return s->values[i];
    return STR_NONE;
}

static bool next_stanza(Str *rest, Stanza *s)
{
    Str line;
    s->n = 0;
    while (str_split(rest, '\n', &line)) {
        line = str_trim(line);
        if (str_starts(line, S("#")) || str_starts(line, S("Title"))) continue;
        ptrdiff_t eq = str_find(line, '=');
        if (!line.n && s->n) return true;
        if (eq < 0 || s->n == 16) continue;
        s->keys[s->n] = str_trim(str_n(line.p, (size_t)eq));
        s->values[s->n++] = str_trim(str_from(line, (size_t)eq + 1));
    }
    return s->n > 0;
}

/* "text" or hex */
static Str value(Arena *a, Str v)
{
    if (v.n >= 2 && v.p[0] == '"') return str_n(v.p + 1, v.n - 2);
    return unhex(a, v);
}

static bool run_cipher(Arena *a, const Stanza *s)
{
    static const char *const names[SM4_MODE_N] = {"SM4-ECB", "SM4-CBC", "SM4-CFB", "SM4-OFB", "SM4-CTR"};
    for (Sm4Mode m = 0; m < SM4_MODE_N; m++) {
        if (!str_is(field(s, "Cipher"), names[m])) continue;
        Str key = value(a, field(s, "Key")), iv = m == SM4_ECB ? STR_NONE : value(a, field(s, "IV")), out;
        Str plain = value(a, field(s, "Plaintext")), cipher = value(a, field(s, "Ciphertext"));
        bool encrypt = !str_is(field(s, "Operation"), "DECRYPT"),
             decrypt = !str_is(field(s, "Operation"), "ENCRYPT");
        if (encrypt) {
            assert_int_equal(sm4_encrypt(a, m, key, iv, false, plain, &out, NULL), 0);
            same(a, out, cipher, names[m]);
        }
        if (decrypt) {
            assert_int_equal(sm4_decrypt(a, m, key, iv, false, cipher, &out, NULL), 0);
            same(a, out, plain, names[m]);
        }
        return true;
    }
    return false;
}

static bool run_stanza(Arena *a, const Stanza *s)
{
    uint8_t md[SM3_SIZE];
    if (field(s, "Cipher").p) return run_cipher(a, s);
    if (str_is(field(s, "MAC"), "HMAC") && str_is(field(s, "Algorithm"), "SM3")) {
        sm3_hmac(value(a, field(s, "Key")), value(a, field(s, "Input")), md);
    } else if (str_is(field(s, "Digest"), "SM3")) {
        sm3(value(a, field(s, "Input")), md);
        _cleanup_sm3_ Sm3 *h = sm3_new();
        Str in = value(a, field(s, "Input"));
        uint8_t again[SM3_SIZE];
        for (size_t i = 0; i < in.n; i += 7) sm3_add(h, str_n(in.p + i, in.n - i < 7 ? in.n - i : 7));
        sm3_end(h, again);
        same(a, raw(again, SM3_SIZE), raw(md, SM3_SIZE), "SM3 in pieces");
    } else
        return false;
    same(a, raw(md, SM3_SIZE), value(a, field(s, "Output")), "digest");
    return true;
}

static void openssl__evp_files(void **state)
{
    (void)state;
    static const char *const files[] = {"openssl-evp/evpciph_sm4.txt", "openssl-evp/evpmac_sm3.txt",
                                        "openssl-evp/evpmd_sm3.txt"};
    for (size_t i = 0; i < COUNT(files); i++) {
        _cleanup_arena_ Arena *a = arena_new();
        Str rest = slurp(a, files[i]);
        Stanza s;
        size_t ran = 0, left = 0;
        if (absent(rest, files[i])) skip();
        while (next_stanza(&rest, &s)) {
            if (run_stanza(a, &s))
                ran++;
            else
                left++;
        }
        print_message("%s: %zu ran, %zu left out%s\n", files[i], ran, left,
                      left ? " (SM4-GCM, CCM, XTS are not in OpenSSL 3.0; other digests are not ours)" : "");
        assert_true(ran > 0);
    }
}

/* ---- JSON test suites ---- */

static bool invalid(const json_t *t)
{
    const char *r = json_string_value(json_object_get(t, "result"));
    return r && (!strcmp(r, "invalid") || !strcmp(r, "TEST_RESULT_INVALID"));
}

static void wycheproof__hmac(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v = tree(a, "wycheproof/hmac_sm3_test.json"), *g, *t;
    size_t i, k, ran = 0;
    json_array_foreach(json_object_get(v, "testGroups"), i, g)
    {
        size_t bytes = (size_t)json_integer_value(json_object_get(g, "tagSize")) / 8;
        json_array_foreach(json_object_get(g, "tests"), k, t)
        {
            uint8_t mac[SM3_SIZE];
            sm3_hmac(member(a, t, "key"), member(a, t, "msg"), mac);
            bool equal = bytes_equal(raw(mac, bytes), member(a, t, "tag"));
            if (equal == invalid(t))
                fail_msg("tcId %lld", (long long)json_integer_value(json_object_get(t, "tcId")));
            ran++;
        }
    }
    print_message("wycheproof/hmac_sm3_test.json: %zu ran; sm4_gcm_test.json and sm4_ccm_test.json left out "
                  "(not in OpenSSL 3.0)\n",
                  ran);
}

static void hkdf__vectors(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v = tree(a, "hkdf_sm3.json"), *t;
    size_t i, ran = 0;
    json_array_foreach(json_object_get(v, "tests"), i, t)
    {
        uint8_t out[9000];
        size_t n = (size_t)json_integer_value(json_object_get(t, "size"));
        int rc = n > sizeof out ? -1
                                : sm3_hkdf(member(a, t, "ikm"), member(a, t, "salt"), member(a, t, "info"),
                                           out, n, NULL);
        if (invalid(t))
            assert_true(rc < 0 || !str_eq(raw(out, n), member(a, t, "okm")));
        else {
            assert_int_equal(rc, 0);
            same(a, raw(out, n), member(a, t, "okm"), "HKDF");
        }
        ran++;
    }
    print_message("hkdf_sm3.json: %zu ran\n", ran);
}

static void pbkdf2__vectors(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    json_t *v = tree(a, "pbkdf2_hmac_sm3.json"), *t;
    size_t i, ran = 0;
    json_array_foreach(json_object_get(v, "tests"), i, t)
    {
        uint8_t out[1024];
        size_t n = (size_t)json_integer_value(json_object_get(t, "dkLen"));
        int iterations = (int)json_integer_value(json_object_get(t, "iterations"));
        assert_true(n <= sizeof out);
        assert_int_equal(sm3_pbkdf2(member(a, t, "password"), member(a, t, "salt"), iterations, out, n, NULL),
                         0);
        same(a, raw(out, n), member(a, t, "dk"), "PBKDF2");
        ran++;
    }
    print_message("pbkdf2_hmac_sm3.json: %zu ran\n", ran);
    uint8_t one[1];
    assert_int_equal(sm3_pbkdf2(S("a"), S("b"), 0, one, 1, NULL), -ERR_INPUT);
}

static void certificates__give_keys(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    const char *shared = getenv("SHARED");
    char path[600], name[400];
    snprintf(path, sizeof path, "%s/data/sm-vectors/sm2-certs", shared ? shared : "../shared");
    DIR *dir = opendir(path);
    size_t sm2 = 0, other = 0;
    if (!dir) {
        print_message("skipped: sm-vectors/sm2-certs is not there\n");
        skip();
    }
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "sm2-certs/%s", e->d_name);
        _cleanup_sm2_ Sm2Key *k = NULL;
        Err err = ERR_INIT;
        Str pem;
        if (sm2_from_cert_pem(slurp(a, name), &k, &err) < 0) {
            print_message("left out: %s: %s\n", name, err.msg);
            other++;
            continue;
        }
        assert_false(sm2_is_private(k));
        assert_int_equal(sm2_public_pem(a, k, &pem, NULL), 0);
        sm2++;
    }
    closedir(dir);
    print_message("sm2-certs: %zu keys read, %zu left out; gmt0010: left out (OpenSSL 3.0 does not know the "
                  "GM/T 0010 message types)\n",
                  sm2, other);
    assert_true(sm2 > 0);
}

/* ---- against itself ---- */

static void sm2__sign_encrypt_pem(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    _cleanup_sm2_ Sm2Key *k = NULL, *back = NULL, *pub = NULL, *none = NULL;
    Str pem, pubpem, sig, box, out;
    assert_int_equal(sm2_generate(&k, NULL), 0);
    assert_int_equal(sm2_private_pem(a, k, &pem, NULL), 0);
    assert_int_equal(sm2_public_pem(a, k, &pubpem, NULL), 0);
    assert_int_equal(sm2_from_pem(pem, &back, NULL), 0);
    assert_int_equal(sm2_from_pem(pubpem, &pub, NULL), 0);
    assert_true(sm2_is_private(back) && !sm2_is_private(pub));
    assert_int_equal(sm2_sign(a, back, SM2_ID_DEFAULT, S("渭南"), &sig, NULL), 0);
    assert_int_equal(sm2_verify(pub, SM2_ID_DEFAULT, S("渭南"), sig, NULL), 0);
    for (size_t i = 0; i < sig.n; i++) { /* any changed byte is seen */
        char *bad = str_cdup(a, sig);
        bad[i] ^= 1;
        assert_int_equal(sm2_verify(pub, SM2_ID_DEFAULT, S("渭南"), str_n(bad, sig.n), NULL),
                         -ERR_VALIDATION);
    }
    assert_int_equal(sm2_verify(pub, SM2_ID_DEFAULT, S("渭南"), STR_NONE, NULL), -ERR_VALIDATION);
    assert_int_equal(sm2_sign(a, pub, SM2_ID_DEFAULT, S("x"), &sig, NULL), -ERR_INPUT);
    assert_int_equal(sm2_private_pem(a, pub, &pem, NULL), -ERR_INPUT);
    for (size_t n = 1; n < 300; n += 37) {
        char text[300];
        memset(text, 'x', n);
        assert_int_equal(sm2_encrypt(a, pub, str_n(text, n), &box, NULL), 0);
        assert_int_equal(sm2_decrypt(a, k, box, &out, NULL), 0);
        assert_true(str_eq(out, str_n(text, n)));
        char *bad = str_cdup(a, box);
        bad[box.n - 1] ^= 1;
        assert_int_equal(sm2_decrypt(a, k, str_n(bad, box.n), &out, NULL), -ERR_INPUT);
    }
    assert_int_equal(sm2_from_pem(S("-----BEGIN PRIVATE KEY-----\nx"), &none, NULL), -ERR_INPUT);
    assert_int_equal(sm2_from_raw(S("short"), STR_NONE, &none, NULL), -ERR_INPUT);
    char zeros[64] = {0};
    assert_int_equal(sm2_from_raw(str_n(zeros, 64), STR_NONE, &none, NULL), -ERR_INPUT);
    assert_int_equal(sm2_from_raw(STR_NONE, str_n(zeros, 32), &none, NULL), -ERR_INPUT);
}

static void sm4__padding_and_box(void **state)
{
    (void)state;
    _cleanup_arena_ Arena *a = arena_new();
    Str key = S("0123456789abcdef"), iv = S("fedcba9876543210"), c, p;
    for (size_t n = 0; n < 40; n++) {
        char text[40];
        memset(text, 'y', n);
        assert_int_equal(sm4_encrypt(a, SM4_CBC, key, iv, true, str_n(text, n), &c, NULL), 0);
        assert_int_equal(c.n, (n / 16 + 1) * 16);
        assert_int_equal(sm4_decrypt(a, SM4_CBC, key, iv, true, c, &p, NULL), 0);
        assert_true(str_eq(p, str_n(text, n)));
        assert_int_equal(sm4_seal(a, key, S("person.id"), str_n(text, n), &c, NULL), 0);
        assert_int_equal(sm4_open(a, key, S("person.id"), c, &p, NULL), 0);
        assert_true(str_eq(p, str_n(text, n)));
        assert_int_equal(sm4_open(a, key, S("person.name"), c, &p, NULL), -ERR_INPUT);
        for (size_t i = 0; i < c.n; i += 5) {
            char *bad = str_cdup(a, c);
            bad[i] ^= 4;
            assert_int_equal(sm4_open(a, key, S("person.id"), str_n(bad, c.n), &p, NULL), -ERR_INPUT);
        }
    }
    assert_int_equal(sm4_encrypt(a, SM4_CBC, S("short"), iv, true, S("x"), &c, NULL), -ERR_INPUT);
    assert_int_equal(sm4_encrypt(a, SM4_CBC, key, STR_NONE, true, S("x"), &c, NULL), -ERR_INPUT);
    assert_int_equal(sm4_encrypt(a, SM4_ECB, key, STR_NONE, false, S("x"), &c, NULL), -ERR_INPUT);
    assert_int_equal(sm4_decrypt(a, SM4_CBC, key, iv, true, S("0123456789abcdef"), &c, NULL), -ERR_INPUT);
}

static void text_forms__round_trip_and_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *b64, *url;
    } rows[] = {{"", "", ""},
                {"f", "Zg==", "Zg"},
                {"fo", "Zm8=", "Zm8"},
                {"foo", "Zm9v", "Zm9v"},
                {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                {"\xFB\xFF", "+/8=", "-_8"}};
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "Z!==", "Zh==", "Zm9=", "====", "Zg\n=="};
    _cleanup_arena_ Arena *a = arena_new();
    Str out;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_text(base64_encode(a, str_c(rows[i].plain)), rows[i].b64);
        assert_text(base64url_encode(a, str_c(rows[i].plain)), rows[i].url);
        assert_int_equal(base64_decode(a, str_c(rows[i].b64), &out, NULL), 0);
        assert_text(out, rows[i].plain);
        assert_int_equal(base64_decode(a, str_c(rows[i].url), &out, NULL), 0);
        assert_text(out, rows[i].plain);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (base64_decode(a, str_c(bad[i]), &out, NULL) != -ERR_INPUT) fail_msg("%s", bad[i]);
    Err err = ERR_INIT;
    assert_int_equal(hex_decode(a, S("0aFg"), &out, &err), -ERR_INPUT);
    assert_int_equal(err.at, 3);
    assert_int_equal(hex_decode(a, S("0aF"), &out, &err), -ERR_INPUT);
    assert_text(hex_encode(a, unhex(a, S("0aFf"))), "0aff");
    assert_true(bytes_equal(S("ab"), S("ab")) && !bytes_equal(S("ab"), S("ac")) &&
                !bytes_equal(S("a"), S("ab")));
    char hex[SM3_HEX_SIZE];
    sm3_hex(S("abc"), hex);
    assert_string_equal(hex, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
}

UNIT_MAIN(cmocka_unit_test(standards__worked_examples), cmocka_unit_test(openssl__evp_files),
          cmocka_unit_test(wycheproof__hmac), cmocka_unit_test(hkdf__vectors),
          cmocka_unit_test(pbkdf2__vectors), cmocka_unit_test(certificates__give_keys),
          cmocka_unit_test(sm2__sign_encrypt_pem), cmocka_unit_test(sm4__padding_and_box),
          cmocka_unit_test(text_forms__round_trip_and_refuse))
