/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Fields of sensitivity 4 at rest: SM4-CTR with an HMAC-SM3 over all (encrypt, then MAC), under data keys
 * that are themselves sealed under the city's root key. The initial value is a keyed digest of field and
 * value (a synthetic IV, as in RFC 5297), so the same value of a field seals to the same text: equality and
 * uniqueness work on the sealed column, nothing else does.
 *
 * Root key: DIR/keys/root.key, 32 hex digits, mode 0600; servers on one database share it. Data keys: table
 * model_key. A sealed text names its key, so old ones stay readable after a rotation.
 *
 *     s1.KEY.base64url( iv 16 | cipher | mac 32 )
 */
#include "model/model.h"

typedef struct Vault Vault;

/* Reads the keys; makes the root key and the first data key of a city that has none. ERR_IO, ERR_VERIFY when
   the root key is not the one that sealed the data keys (with what to do), ERR_NOT_FOUND when keys exist but
   the root key is not here. */
int vault_open(Store *s, const char *dir, Vault **ret, Err *err) CHECKED;
void vault_free(Vault *v);

/* A canonical value of the field (value.h) to its sealed text, and back. Fields that are not sealed and NULL
 * pass through. */
Val vault_in(Arena *a, const Field *f, Val v);
/* ERR_VERIFY when the text was changed, or sealed for another field. */
int vault_out(Arena *a, const Field *f, Val v, Val *ret, Err *err) CHECKED;
/* The sealed forms that a value can have: one for each data key, newest first; none while a pack is only read
   (its queries are checked before there are keys). */
size_t vault_forms(Arena *a, const Field *f, Val v, Val **ret);
/* A new data key becomes the current one; *ret_key its number. Values are sealed anew by plan_reseal. */
int vault_rotate(Vault *v, Store *s, int64_t *ret_key, Err *err) CHECKED;
