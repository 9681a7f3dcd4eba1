/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/*
 * Who asks: users, their grants, positions and delegations, sessions, sign-in, approvals by a second person.
 * A password is kept as argon2id (RFC 9106), a session's token as its SM3 digest; five wrong passwords lock
 * an account for fifteen minutes for where they came from, each wrong one answers later than the last.
 */
#include "model/city.h"

/* Fills *ret from the session of the request (cookie or bearer token); nobody = an empty actor, 0. A stated
   purpose comes from the header X-Purpose, the user on whose behalf from X-On-Behalf-Of (both percent-encoded
   UTF-8); ERR_FORBIDDEN without a delegation from that user. */
int people_authenticate(Request *rq, Actor *ret, Err *err) CHECKED;

/* Adds or changes the users of a users.yaml; new ones get `password`. ret_n may be NULL. */
int people_load_users(City *c, const char *path, Str password, size_t *ret_n, Err *err) CHECKED;
typedef struct FirstAdmin {
    Str user, title, password;
} FirstAdmin;
enum { FIRST_ADMINS = 3 };
/* Makes the system, security and audit administrators with random passwords when there is no user at all;
 *ret_n = 0 when there already were users. */
int people_first_admins(City *c, Arena *a, FirstAdmin ret[FIRST_ADMINS], size_t *ret_n, Err *err) CHECKED;
/* Takes a directly granted role away, as the operator of the machine. ERR_NOT_FOUND. */
int people_revoke(City *c, Str user, Str role, Err *err) CHECKED;
/* ERR_NOT_FOUND. */
int people_set_password(City *c, Str user, Str password, Err *err) CHECKED;

/* For City.people_of: login names of who has a role now, or belongs to an organisation. */
int people_of(Tx *tx, Arena *a, bool org, Str what, StrList *ret, Err *err) CHECKED;

/* For City.actor_of: a user with the rights of this moment, for work that goes on without a request. */
int actor_of(Tx *tx, Arena *a, const Model *m, Str user, Str behalf, Actor *ret, Err *err) CHECKED;

extern const Actor people_system; /* the program itself */
extern const Engine people_engine;
