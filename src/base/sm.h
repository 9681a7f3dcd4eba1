/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * The Chinese ciphers over OpenSSL's EVP: SM3 (GB/T 32905-2016), HMAC-SM3, PBKDF2 and HKDF with it, SM4
 * (GB/T 32907-2016), SM2 (GB/T 32918-2016), and small helpers. OpenSSL 3.0 has SM4 in ECB, CBC, CFB, OFB and
 * CTR; GCM, CCM and XTS came later and are left out: integrity is HMAC-SM3 over the cipher text (encrypt,
 * then MAC).
 */
#include "base/err.h"

enum { SM3_SIZE = 32, SM3_HEX_SIZE = 65, SM4_KEY_SIZE = 16, SM4_BLOCK = 16 };

typedef struct Sm3 Sm3;
Sm3 *sm3_new(void);
void sm3_free(Sm3 *h);
void sm3_freep(Sm3 **h);
#define _cleanup_sm3_ __attribute__((cleanup(sm3_freep)))
void sm3_add(Sm3 *h, Str s);
void sm3_end(Sm3 *h, uint8_t ret[SM3_SIZE]);      /* and ready for the next text */
void sm3_end_hex(Sm3 *h, char ret[SM3_HEX_SIZE]); /* the same, lower case */
void sm3(Str s, uint8_t ret[SM3_SIZE]);
void sm3_hex(Str s, char ret[SM3_HEX_SIZE]); /* lower case */

void sm3_hmac(Str key, Str s, uint8_t ret[SM3_SIZE]);
/* ERR_INPUT when iterations or length are out of range (1–10,000,000; 1–1,024). */
int sm3_pbkdf2(Str password, Str salt, int iterations, uint8_t *out, size_t out_n, Err *err) CHECKED;
int sm3_hkdf(Str key, Str salt, Str info, uint8_t *out, size_t out_n,
             Err *err) CHECKED; /* up to 255 × 32 bytes */

typedef enum Sm4Mode { SM4_ECB, SM4_CBC, SM4_CFB, SM4_OFB, SM4_CTR, SM4_MODE_N } Sm4Mode;
/* Key 16 bytes; iv 16 bytes (empty for ECB). `pad`: PKCS#7 for ECB and CBC; without it the length must be
   whole blocks. ERR_INPUT with a reason (also: the padding is wrong). */
int sm4_encrypt(Arena *a, Sm4Mode mode, Str key, Str iv, bool pad, Str plain, Str *ret, Err *err) CHECKED;
int sm4_decrypt(Arena *a, Sm4Mode mode, Str key, Str iv, bool pad, Str cipher, Str *ret, Err *err) CHECKED;
/* Sealed box for fields and secrets: random IV, CTR, HMAC-SM3 with a key of its own (both by HKDF from
   `key`), bound to `context` (table, column, row). Format: 1 | iv 16 | cipher | mac 32. Opening a box that
   was changed: ERR_INPUT. */
int sm4_seal(Arena *a, Str key, Str context, Str plain, Str *ret, Err *err) CHECKED;
int sm4_open(Arena *a, Str key, Str context, Str box, Str *ret, Err *err) CHECKED;

#define SM2_ID_DEFAULT S("1234567812345678")
typedef struct Sm2Key Sm2Key; /* public, or public and private */
int sm2_generate(Sm2Key **ret, Err *err) CHECKED;
int sm2_from_pem(Str pem, Sm2Key **ret, Err *err) CHECKED; /* PRIVATE KEY, EC PRIVATE KEY or PUBLIC KEY */
/* Public point as x‖y (64 bytes) or 04‖x‖y; private scalar (32 bytes) may be empty; the public point may be
   empty when the private one is given. */
int sm2_from_raw(Str public_point, Str private_scalar, Sm2Key **ret, Err *err) CHECKED;
int sm2_from_cert_pem(Str pem, Sm2Key **ret, Err *err) CHECKED; /* public key of an X.509 certificate */
void sm2_free(Sm2Key *k);
void sm2_freep(Sm2Key **k);
#define _cleanup_sm2_ __attribute__((cleanup(sm2_freep)))
bool sm2_is_private(const Sm2Key *k);
int sm2_private_pem(Arena *a, const Sm2Key *k, Str *ret, Err *err) CHECKED;
int sm2_public_pem(Arena *a, const Sm2Key *k, Str *ret, Err *err) CHECKED;
/* DER signature (GB/T 35276 §7.3) of SM3(Z ‖ message). id: SM2_ID_DEFAULT unless agreed otherwise. */
int sm2_sign(Arena *a, const Sm2Key *k, Str id, Str message, Str *ret, Err *err) CHECKED;
/* 0 = good; ERR_VALIDATION = not made by this key over this message and id. */
int sm2_verify(const Sm2Key *k, Str id, Str message, Str signature, Err *err) CHECKED;
/* DER cipher text (GB/T 35276 §7.2: C1 x, y; C3; C2). */
int sm2_encrypt(Arena *a, const Sm2Key *k, Str plain, Str *ret, Err *err) CHECKED;
int sm2_decrypt(Arena *a, const Sm2Key *k, Str cipher, Str *ret, Err *err) CHECKED;

void random_bytes(void *out, size_t n); /* cryptographic; ends the process when the system has none */
bool bytes_equal(Str a, Str b);         /* time depends on the length only */
Str hex_encode(Arena *a, Str bytes);    /* lower case */
int hex_decode(Arena *a, Str hex, Str *ret, Err *err) CHECKED; /* either case; ERR_INPUT with err->at */
Str base64_encode(Arena *a, Str bytes);
Str base64url_encode(Arena *a, Str bytes); /* URL alphabet, no padding */
/* Both alphabets, padding optional; white space refused. ERR_INPUT with err->at. */
int base64_decode(Arena *a, Str text, Str *ret, Err *err) CHECKED;
