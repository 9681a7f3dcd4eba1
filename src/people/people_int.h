/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
#include "people/people.h"

enum { FAILURES_MAX = 5, PASSWORD_MAX = 200, PASSWORD_HASH_SIZE = 256 };
#define LOCK_US    ((int64_t)15 * 60 * 1000000)
#define SESSION_US ((int64_t)12 * 3600 * 1000000)
#define COOKIE     "chengshu"

/* argon2id with a random salt. ERR_INPUT for an empty or overlong password. */
int password_hash(Str password, char ret[PASSWORD_HASH_SIZE], Err *err) CHECKED;
/* Takes the same time whether the user exists or not: hash NULL = verify against a fixed one and say no. */
bool password_right(const char *hash, Str password);
/* Roles (names separated by commas) to permissions and grants of the actor. */
void actor_fill(Arena *a, const Model *m, Str roles, Actor *ret);
int session_post(Request *rq, Err *err);
int session_delete(Request *rq, Err *err);
int me_get(Request *rq, Err *err);
