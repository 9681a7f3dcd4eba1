/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Who asks: users, roles, sessions, sign-in. A password is kept as argon2id (RFC 9106), a session's token as
 * its SM3 digest; five wrong passwords lock an account for fifteen minutes, each wrong one answers later than
 * the last.
 */
#include "model/city.h"

/* Fills *ret from the session of the request (cookie or bearer token); nobody = an empty actor, 0. A stated
   purpose comes from the header X-Purpose (percent-encoded UTF-8). */
int people_authenticate(Request *rq, Actor *ret, Err *err) CHECKED;

/* Adds or changes the users of a users.yaml; new ones get `password`. ret_n may be NULL. */
int people_load_users(City *c, const char *path, Str password, size_t *ret_n, Err *err) CHECKED;
/* Makes the administrator `admin` with a random password when there is no user at all; *ret_password is empty
   when there already were users. */
int people_first_admin(City *c, Arena *a, Str *ret_password, Err *err) CHECKED;
/* ERR_NOT_FOUND. */
int people_set_password(City *c, Str user, Str password, Err *err) CHECKED;

extern const Actor people_system; /* the program itself */
extern const Engine people_engine;
