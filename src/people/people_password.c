/* SPDX-License-Identifier: MulanPSL-2.0 */
/* Passwords: argon2id with 19 MiB, two passes, one lane (OWASP's recommendation), about 25 ms a check. */
#include "people/people_int.h"

#include "base/sm.h"
#include <argon2.h>

enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, SALT = 16, HASH = 32 };

int password_hash(Str password, char ret[PASSWORD_HASH_SIZE], Err *err)
{
    uint8_t salt[SALT];
    if (!password.n || password.n > PASSWORD_MAX)
        return err_set(err, ERR_INPUT, "口令要有 1 到 %d 个字节", PASSWORD_MAX);
    random_bytes(salt, sizeof salt);
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.p, password.n, salt, SALT, HASH, ret,
                                   PASSWORD_HASH_SIZE);
    return rc == ARGON2_OK ? 0 : err_set(err, ERR_INTERNAL, "口令摘要失败：%s", argon2_error_message(rc));
}

bool password_right(const char *hash, Str password)
{
    /* of no password that anyone has: only its cost counts */
    static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if (password.n > PASSWORD_MAX) return false;
    bool right = argon2id_verify(hash ? hash : nobody, password.p ? password.p : "", password.n) == ARGON2_OK;
    return hash && right;
}

Str password_once(Arena *a)
{
    uint8_t bytes[12];
    random_bytes(bytes, sizeof bytes);
    return base64url_encode(a, str_n((char *)bytes, sizeof bytes));
}
