/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared by people_province.c, people_province_http.c and people_token.c: signing in through the province's
 * identity provider, this city being its client. */
#include "people/people_int.h"

enum { SUBJECT_MAX = SHORT_MAX, JWKS_MAX = 65536 };

/* DIR/keys/province.json */
typedef struct ProvinceSettings {
    Str issuer, client_id, client_secret, redirect_uri, subject_claim, title;
    StrList allow; /* as call_hosts: HOST, or private:HOST for one at an inner address */
} ProvinceSettings;

typedef struct Province Province; /* settings and what was fetched from the issuer */
/* *ret = NULL when there is no such file. ERR_INPUT, ERR_VERIFY (others may read it). */
int province_load(const City *c, Province **ret, Err *err) CHECKED;
void province_free(Province *p);
const ProvinceSettings *province_settings(const Province *p);
Province *people_province(const City *c); /* of the running room; NULL = not configured */

typedef struct ProvinceEnds {
    Str authorize, token, jwks; /* of the discovery document */
} ProvinceEnds;
/* Fetched once an hour. ERR_BUSY when the issuer does not answer, or too many are asking it. */
int province_ends(Province *p, Arena *a, ProvinceEnds *ret, Err *err) CHECKED;
/* The issuer's keys (RFC 7517), as kept; `again` fetches them anew. */
int province_keys(Province *p, Arena *a, bool again, json_t **ret, Err *err) CHECKED;
/* The answer of the token endpoint for an authorisation code: its id_token. */
int province_exchange(Province *p, Arena *a, Str code, Str verifier, Str *ret_token, Err *err) CHECKED;

/* --- people_subject.c --- */
/* The user may sign in this way: ERR_FORBIDDEN for an administrator. */
int subject_for(Tx *tx, Arena *a, const Model *m, Str user, Err *err) CHECKED;

/* --- people_token.c --- */
typedef struct TokenWant {
    Str issuer, client, nonce, subject_claim;
    int64_t now_s;
} TokenWant;
/* An id_token as OpenID Connect Core 1.0 §3.1.3.7 asks, RS256 only: who it is about. ERR_UNAUTHORIZED;
 *ret_unknown_key when `keys` has no key for it, the only fault that newer keys could mend. */
int token_check(Arena *a, Str token, const json_t *keys, const TokenWant *want, Str *ret_subject,
                bool *ret_unknown_key, Err *err) CHECKED;

/* A path of this site that a browser may be sent to: begins with one slash, without \ and control bytes. */
bool local_path(Str s);
