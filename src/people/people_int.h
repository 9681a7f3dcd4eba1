/* SPDX-License-Identifier: MulanPSL-2.0 */
#pragma once
/* Shared inside people/: passwords, the actor, deeds that change rights, what the routes are made of. */
#include "people/people.h"

enum {
    FAILURES_MAX = 5,
    PASSWORD_MAX = 200,
    PASSWORD_HASH_SIZE = 256,
    PASSWORD_DAYS = 90,
    LIST_MAX = 100,
    SHORT_MAX = 200
};
#define LOCK_US    ((int64_t)15 * 60 * 1000000)
#define SESSION_US ((int64_t)12 * 3600 * 1000000) /* in all */
#define IDLE_US    ((int64_t)30 * 60 * 1000000)   /* without use */
#define TOUCH_US   ((int64_t)60 * 1000000)        /* how exactly use is kept */
#define ROTATE_US  ((int64_t)3600 * 1000000)      /* a cookie's token */
#define OLD_US     ((int64_t)60 * 1000000)        /* its predecessor */
#define COOKIE     "chengshu"

/* --- people_password.c --- */
/* argon2id with a random salt. ERR_INPUT for an empty or overlong password. */
int password_hash(Str password, char ret[PASSWORD_HASH_SIZE], Err *err) CHECKED;
/* Takes the same time whether the user exists or not: hash NULL = verify against a fixed one and say no. */
bool password_right(const char *hash, Str password);
/* 96 random bits as text, for one use. */
Str password_once(Arena *a);

/* --- people_policy.c --- */
extern const char people_common_passwords[]; /* data/common-passwords.txt */
/* ERR_VALIDATION with the reason and what to do. */
int password_check(const City *c, Str user, Str password, Err *err) CHECKED;
/* The rule in words, for who chooses one. */
Str password_rule(const City *c, Arena *a);
bool password_expired(const City *c, int64_t since, int64_t now);

/* --- people_state.c: the running room, City.people --- */
typedef struct People People;
int people_start(City *c, Err *err);
void people_stop(City *c);
/* Under the server key, bound to `context`; hex. ERR_VERIFY when the key is another one's. */
int people_seal(const City *c, Arena *a, Str context, Str plain, Str *ret_hex, Err *err) CHECKED;
int people_unseal(const City *c, Arena *a, Str context, Str hex, Str *ret, Err *err) CHECKED;
Str people_successor(const City *c, Arena *a, Str token);
/* Runs fn(job) soon, on the room's worker; false = it is too busy, and job is still the caller's. */
bool people_later(const City *c, void (*fn)(void *), void *job);
void *people_rsa(const City *c); /* of jwt_load; NULL = not running */
/* ERR_TOO_MANY when too many wait already. */
int people_slow_down(City *c, int64_t failures, Err *err) CHECKED;

/* --- people_factor.c --- */
typedef struct Factor {
    bool there, confirmed;
    Str kind, secret;
} Factor;
int factor_read(Tx *tx, const City *c, Arena *a, Str user, Factor *ret, Err *err) CHECKED;
int totp_code(Str kind, Str secret, int64_t step);
/* The step whose code this is, now or one to either side; -1 = none. */
int64_t totp_match(Str kind, Str secret, int64_t now_us, Str code);

/* --- people_key.c: signed requests --- */
/* Fills *ret from `Authorization: CS-SM3 …`; ERR_UNAUTHORIZED. Sets rq->admit. */
int key_authenticate(Request *rq, Actor *ret, Err *err) CHECKED;
/* KeyId, Ts, Nonce, Sig of the header, and the digest as given; false = badly written. */
bool key_parse(Str header, Str digest, Str ret[5]);
/* The address is the one, or in the network, written; false also for what is neither. */
bool address_in(Str address, Str network);

/* --- people_actor.c --- */
typedef enum SessionWhich { SESSION_CURRENT, SESSION_NEXT, SESSION_OLD } SessionWhich;
typedef struct SessionRow {
    Str id;
    int64_t last_at, rotated_at;
    SessionWhich which; /* by which token it was found */
    bool has_next;
} SessionRow;
Str cookie_value(const Request *rq, const char *name);
/* A header's percent-encoded text, tidied and cut; empty when it is none. */
Str header_text(Request *rq, const char *name);
typedef struct Rights {
    Arena *a;
    const Model *m;
    Actor *actor;
    bool found, must_change;
    Str as_org, as_region; /* of the one on whose behalf; fill in for grants over "the holder's own" */
    StrList only;          /* with `delegated`: the roles that count */
    bool delegated;
    size_t cap_roles, cap_permissions, cap_grants;
    Grant *grants;
} Rights;
/* Reads what session_get or user_rights gives: the user, then a row a grant. */
int rights_read(Rights *r, Tx *tx, const Sql *sql, Str key, SessionRow *ret_session, Err *err) CHECKED;
/* The token of the request: bearer or cookie; p == NULL when there is none. */
Str session_token(const Request *rq);

/* --- people_separation.c --- */
/* Roles that exclude each other (GB/T 22239-2019 §8.1.5: system, security and audit administrators): a role
   marked `exclusive: separation` stands with no other marked one and with none that gives records.
   ERR_CONFLICT naming both. */
int separation_check(const Model *m, const StrList *roles, Err *err) CHECKED;
/* All roles that a user has or will have, in *list (which may hold some already). */
int separation_roles(Tx *tx, Arena *a, Str user, StrList *list, size_t *cap, Err *err) CHECKED;
/* Refuses to serve while any user breaks the rule. */
int separation_self_check(City *c, Err *err) CHECKED;

/* --- people_act.c: what changes rights --- */
typedef struct Deed {
    City *city;
    Arena *a;
    Tx *tx;
    const Actor *who;
    Str trace;
    int64_t now;
} Deed;

/* What an act found when it looked at its parameters. */
typedef struct Weight {
    Str subject;    /* user or position it is about */
    bool dangerous; /* needs a second person */
} Weight;

/* One kind of change: `weigh` checks everything against the database, `apply` does it and journals it. */
typedef struct Act {
    const char *name, *title;
    const JsonField *input;
    size_t size; /* of the struct that `input` fills */
    int (*weigh)(Deed *d, void *params, Weight *ret, Err *err);
    int (*apply)(Deed *d, const void *params, Str *ret_id, Err *err);
    const char *permission; /* of who asks; NULL = roles.manage */
} Act;

extern const Act act_certify, act_delegate, act_grant, act_hold, act_key, act_position, act_reset,
    act_subject;
/* The account reaches records through some role: who could sign in as its user would, too. */
int reaches_records(Deed *d, Str user, bool *ret, Err *err) CHECKED;
extern const JsonField grant_fields[], position_fields[], hold_fields[], delegate_fields[];
const Act *act_find(Str name);
/* Runs an act from a request: 201 with its id, or 202 with the approval that now waits. */
int act_run(Request *rq, const Act *act, Err *err) CHECKED;
/* The same without an answer: what was found and the id of the change or of the approval. */
int act_perform(Request *rq, const Act *act, const json_t *body, Weight *ret, Str *ret_id, Err *err) CHECKED;
/* Decodes, weighs; then applies (`force`) or, when dangerous, says so in ret->dangerous and does nothing. */
int act_do(Deed *d, const Act *act, const json_t *body, bool force, Weight *ret, Str *ret_id,
           Err *err) CHECKED;
int act_ask(Deed *d, const Act *act, const json_t *body, Str subject, Str *ret_id, Err *err) CHECKED;

/* Counts a code at sign-in: a step that was not used yet, or a recovery code. */
int factor_take(Deed *d, Str user, const Factor *f, Str code, bool *ret_right, Err *err) CHECKED;

/* --- people_session.c, people_sessions.c --- */
typedef struct NewSession {
    Str token, digest, id, address, agent;
} NewSession;
NewSession session_new(Request *rq);
int session_begin(Deed *d, Str user, const NewSession *n, Err *err) CHECKED;
void session_cookie(Request *rq, Str token);
/* Who was proved by another: a session as after a right password, its cookie set. ERR_UNAUTHORIZED when there
   is no such open account. */
int sign_in_as(Request *rq, Str user, Err *err) CHECKED;
/* For every place that asks for a password again: ERR_LOCKED from a locked source; a wrong one is counted. */
int sign_in_gate(Request *rq, Str user, Err *err) CHECKED;
int sign_in_failed(Request *rq, Str user, Err *err) CHECKED;
/* After a request was authenticated: use noted, token exchanged when due. */
void session_upkeep(Request *rq, const SessionRow *s, Str token, Str digest);

/* --- people_certificate.c --- */
/* Issued by the city's authority, in time, for signing; its subject. ERR_UNAUTHORIZED. */
int certificate_check(const City *c, Arena *a, Str pem, Str *ret_subject, Err *err) CHECKED;
/* The same, and the nonce is ours and recent, and signed with the certificate's key. */
int certificate_sign_in(Request *rq, Str pem, Str nonce, Str signature, Str *ret_subject, Err *err) CHECKED;
/* A nonce counts once. */
int challenge_take(Deed *d, Str nonce, bool *ret_fresh, Err *err) CHECKED;

/* --- people_jwt.c --- */
int jwt_load(const City *c, void **ret_key, Err *err) CHECKED; /* freed by jwt_free */
void jwt_free(void *key);
void jwt_keys(Arena *a, void *key, JsonWriter *w);
int jwt_sign(Arena *a, void *key, Str claims, Str *ret, Err *err) CHECKED;
Str pkce_challenge(Arena *a, Str verifier);

/* --- people_note.c: the journal and small things --- */
/* name, value pairs of one journal side; a table ends with name NULL. */
typedef struct Fact {
    const char *name;
    Str text;
} Fact;
/* An entry `people_…` with the facts before and after (either may be NULL). */
int note(Deed *d, const char *entity, Str id, const char *op, const Fact *before, const Fact *after,
         Err *err) CHECKED;
Str new_id(Arena *a);    /* 128 random bits, hex */
Str new_token(Arena *a); /* 256 random bits, base64url */
/* RFC 3339 or YYYY-MM-DD in China time; a date as an end is the end of that day; empty = 0. ERR_INPUT with
   the pointer. */
int moment(Str s, bool end, const char *name, int64_t *ret, Err *err) CHECKED;
Str moment_text(Arena *a, int64_t at); /* empty for 0 */
StrList comma_split(Arena *a, Str text);
Str comma_join(Arena *a, const StrList *list);
/* The user exists: ERR_NOT_FOUND with the pointer. */
int user_exists(Deed *d, Str user, const char *pointer, Err *err) CHECKED;
/* Rights are for others: ERR_FORBIDDEN when `user` is who asks. */
int not_oneself(const Deed *d, Str user, Err *err) CHECKED;
Deed deed_of(Request *rq, Tx *tx);
/* The body of a request, decoded by the route's own spec. */
int body_decode(Request *rq, const JsonField *spec, void *dst, json_t **ret_body, Err *err) CHECKED;
/* {"id": …} with a status. */
void answer_id(Request *rq, int status, Str id);

/* How a list answers: column by column of its statement. */
typedef enum ColKind { COL_TEXT, COL_TIME, COL_BOOL, COL_INT, COL_LIST, COL_JSON } ColKind;
int list_answer(Request *rq, const Sql *sql, const Val *args, size_t n, const ColKind *kinds,
                Err *err) CHECKED;

/* --- routes --- */
int session_post(Request *rq, Err *err);
int session_delete(Request *rq, Err *err);
int me_get(Request *rq, Err *err);
int roles_get(Request *rq, Err *err);
int grants_get(Request *rq, Err *err);
int grant_post(Request *rq, Err *err);
int grant_delete(Request *rq, Err *err);
int positions_get(Request *rq, Err *err);
int position_post(Request *rq, Err *err);
int position_delete(Request *rq, Err *err);
int holdings_get(Request *rq, Err *err);
int holding_post(Request *rq, Err *err);
int holding_delete(Request *rq, Err *err);
int delegations_get(Request *rq, Err *err);
int delegation_post(Request *rq, Err *err);
int delegation_delete(Request *rq, Err *err);
int approvals_get(Request *rq, Err *err);
int approval_approve(Request *rq, Err *err);
int approval_refuse(Request *rq, Err *err);
int users_get(Request *rq, Err *err);
int user_post(Request *rq, Err *err);
int user_disable_post(Request *rq, Err *err);
int user_enable_post(Request *rq, Err *err);
int user_reset_post(Request *rq, Err *err);
int me_password_post(Request *rq, Err *err);
int factor_post(Request *rq, Err *err);
int factor_confirm_post(Request *rq, Err *err);
int factor_disable_post(Request *rq, Err *err);
int sessions_get(Request *rq, Err *err);
int settings_get(Request *rq, Err *err);
int setting_put(Request *rq, Err *err);
int user_view(Request *rq, Err *err);
int session_end(Request *rq, Err *err);
int sessions_end(Request *rq, Err *err);
int user_sessions_end(Request *rq, Err *err);
int challenge_post(Request *rq, Err *err);
int user_certificate_post(Request *rq, Err *err);
int user_certificate_delete(Request *rq, Err *err);
extern const JsonField certificate_fields[];
/* Percent-encoded for a query or a form. */
Str url_encoded(Arena *a, Str s);
int session_ways(Request *rq, Err *err);
int province_start(Request *rq, Err *err);
int province_callback(Request *rq, Err *err);
int user_subject_put(Request *rq, Err *err);
int user_subject_delete(Request *rq, Err *err);
extern const JsonField subject_fields[];
int oidc_configuration(Request *rq, Err *err);
int oidc_jwks(Request *rq, Err *err);
int oidc_authorize(Request *rq, Err *err);
int oidc_token(Request *rq, Err *err);
int oidc_userinfo(Request *rq, Err *err);
int clients_get(Request *rq, Err *err);
int client_post(Request *rq, Err *err);
int client_delete(Request *rq, Err *err);
extern const JsonField client_fields[];
int keys_get(Request *rq, Err *err);
int key_post(Request *rq, Err *err);
int key_delete(Request *rq, Err *err);
extern const JsonField key_fields[];
extern const JsonField password_fields[], factor_fields[], factor_code_fields[], factor_off_fields[];
extern const JsonField people_credentials[], user_fields[], refuse_fields[];
