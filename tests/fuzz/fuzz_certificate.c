/* SPDX-License-Identifier: MulanPSL-2.0 */
/* people/certificate and base/sm2: any text is a certificate with a subject, a key, or is refused in words;
   any bytes are a signature or are not. First line: a signature in base64; the rest: PEM. */
#include "people/people_int.h"

#include "base/sm.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Sm2Key *own_key(void)
{
    static Sm2Key *key; /* made once for all inputs */
    Err err = ERR_INIT;
    if (!key && sm2_generate(&key, &err) < 0) abort();
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_arena_ Arena *a = arena_new();
    const char *source = getenv("SOURCE");
    City city = {.dir = str_fmt(a, "%s/tests/fuzz/city", source ? source : ".").p};
    Str all = str_n((const char *)data, size), line = S(""), subject, der;
    Err err = ERR_INIT;
    _cleanup_sm2_ Sm2Key *of_cert = NULL, *of_pem = NULL;
    if (!str_split(&all, '\n', &line)) return 0;
    if (certificate_check(&city, a, all, &subject, &err) < 0)
        assert(err.code == ERR_UNAUTHORIZED && err.msg[0] && !subject.n);
    else
        assert(subject.n && subject.n < 1000);
    if (sm2_from_cert_pem(all, &of_cert, &err) < 0) assert(!of_cert);
    if (sm2_from_pem(all, &of_pem, &err) < 0) assert(!of_pem);
    const Sm2Key *key = of_cert ? of_cert : of_pem;
    if (!key || base64_decode(a, line, &der, &err) < 0) return 0;
    if (sm2_verify(key, SM2_ID_DEFAULT, S("message"), der, &err) < 0) assert(err.msg[0]);
    if (sm2_decrypt(a, own_key(), der, &subject, &err) < 0) assert(err.msg[0]);
    return 0;
}
