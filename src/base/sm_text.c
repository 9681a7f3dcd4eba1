/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Bytes as text: hexadecimal and base64 (RFC 4648 §4, §5, §8). */
#include "base/sm.h"

static int at_byte(Err *err, size_t at, const char *what)
{
    int rc = err_set(err, ERR_INPUT, "第 %zu 个字符不是 %s", at + 1, what);
    if (err) err->at = (int64_t)at;
    return rc;
}

Str hex_encode(Arena *a, Str bytes)
{
    char *out = arena_alloc(a, bytes.n * 2 + 1);
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        out[2 * i] = "0123456789abcdef"[c >> 4];
        out[2 * i + 1] = "0123456789abcdef"[c & 15];
    }
    return str_n(out, bytes.n * 2);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(Arena *a, Str hex, Str *ret, Err *err)
{
    for (size_t i = 0; i < hex.n; i++)
        if (hex_value(hex.p[i]) < 0) return at_byte(err, i, "十六进制数字");
    if (hex.n % 2) return at_byte(err, hex.n, "十六进制数字（位数应是双数）");
    char *out = arena_alloc(a, hex.n / 2 + 1);
    for (size_t i = 0; i < hex.n; i += 2)
        out[i / 2] = (char)(hex_value(hex.p[i]) << 4 | hex_value(hex.p[i + 1]));
    *ret = str_n(out, hex.n / 2);
    return 0;
}

static Str encode(Arena *a, Str in, const char *alphabet, bool pad)
{
    char *out = arena_alloc(a, (in.n + 2) / 3 * 4 + 1);
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = 0;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t have = in.n - i < 3 ? in.n - i : 3;
        uint32_t v =
            (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (have > 2 ? p[i + 2] : 0u);
        for (size_t k = 0; k < 4; k++)
            if (k <= have)
                out[n++] = alphabet[v >> (18 - 6 * k) & 63];
            else if (pad)
                out[n++] = '=';
    }
    return str_n(out, n);
}

Str base64_encode(Arena *a, Str bytes)
{
    return encode(a, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

Str base64url_encode(Arena *a, Str bytes)
{
    return encode(a, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(Arena *a, Str text, Str *ret, Err *err)
{
    size_t body = text.n, n = 0;
    while (body && text.n - body < 2 && text.p[body - 1] == '=') body--;
    if (body % 4 == 1 || (body != text.n && text.n % 4)) return at_byte(err, text.n, "完整的 base64");
    char *out = arena_alloc(a, body / 4 * 3 + 3);
    uint32_t v = 0;
    for (size_t i = 0; i < body; i++) {
        int d = base64_value(text.p[i]);
        if (d < 0) return at_byte(err, i, "base64 字符");
        v = v << 6 | (uint32_t)d;
        if (i % 4 == 0) continue;
        out[n++] = (char)(v >> (6 - 2 * (i % 4)));
    }
    /* Bits beyond the last byte must be zero, else two texts would stand for the same bytes. */
    if ((body % 4 == 2 && (v & 15)) || (body % 4 == 3 && (v & 3)))
        return at_byte(err, body - 1, "规范的 base64 结尾");
    *ret = str_n(out, n);
    return 0;
}
