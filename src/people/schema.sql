-- Who may sign in. Passwords are argon2id hashes, tokens are kept as SM3 digests only.

-- migration: 1 users and sessions
create table people_user (
    name text not null primary key,   -- login name
    title text not null,              -- display name
    password text not null,           -- argon2id, PHC string
    org text not null,                -- organisation code, may be empty
    region text not null,             -- region code, may be empty
    person text not null,             -- id of the person record, may be empty
    roles text not null,              -- role names separated by commas
    failures integer not null,        -- wrong passwords since the last right one
    locked_until integer not null,    -- UTC microseconds; 0 = not locked
    created_at integer not null       -- UTC microseconds
);
create table people_session (
    token text not null primary key,  -- SM3 of the token, hex
    user_name text not null references people_user (name) on delete cascade,  -- whose
    created_at integer not null,      -- UTC microseconds
    expires_at integer not null       -- UTC microseconds
);
create index people_session_user on people_session (user_name);
create index people_session_expires on people_session (expires_at);

-- migration: 1 users and sessions @postgres
create table people_user (
    name text collate "C" not null primary key,
    title text not null,
    password text not null,
    org text collate "C" not null,
    region text collate "C" not null,
    person text collate "C" not null,
    roles text not null,
    failures bigint not null,
    locked_until bigint not null,
    created_at bigint not null
);
comment on table people_user is 'who may sign in';
comment on column people_user.name is 'login name';
comment on column people_user.title is 'display name';
comment on column people_user.password is 'argon2id, PHC string';
comment on column people_user.org is 'organisation code, may be empty';
comment on column people_user.region is 'region code, may be empty';
comment on column people_user.person is 'id of the person record, may be empty';
comment on column people_user.roles is 'role names separated by commas';
comment on column people_user.failures is 'wrong passwords since the last right one';
comment on column people_user.locked_until is 'UTC microseconds; 0 = not locked';
comment on column people_user.created_at is 'UTC microseconds';
create table people_session (
    token text collate "C" not null primary key,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);
create index people_session_user on people_session (user_name);
create index people_session_expires on people_session (expires_at);
comment on table people_session is 'signed-in sessions';
comment on column people_session.token is 'SM3 of the token, hex';
comment on column people_session.user_name is 'whose';
comment on column people_session.created_at is 'UTC microseconds';
comment on column people_session.expires_at is 'UTC microseconds';

-- migration: 2 grants, positions, delegations, approvals
-- A right is a row: role over an organisation's and a region's subtree, until a date. The role lists of users become such rows.
create table people_position (
    code text not null primary key,   -- position code, chosen by the city
    title text not null,              -- name of the position
    org text not null,                -- organisation code; subtree of its grants
    region text not null,             -- region code; subtree of its grants
    given_by text not null,           -- who set it up
    given_at integer not null         -- UTC microseconds
);
create table people_grant (
    id text not null primary key,     -- random
    user_name text references people_user (name) on delete cascade,     -- whose, or NULL
    position text references people_position (code) on delete cascade,  -- of which position, or NULL
    role text not null,               -- role of a pack
    region text not null,             -- region subtree; empty = the holder's own
    org text not null,                -- organisation subtree; empty = the holder's own
    expires_at integer not null,      -- UTC microseconds; 0 = never
    given_by text not null,           -- who granted it
    given_at integer not null,        -- UTC microseconds
    check ((user_name is null) <> (position is null))
);
create index people_grant_user on people_grant (user_name);
create index people_grant_position on people_grant (position);
create table people_holding (
    id text not null primary key,     -- random
    user_name text not null references people_user (name) on delete cascade,
    position text not null references people_position (code) on delete cascade,
    acting integer not null,          -- 1 = stands in for the holder
    from_at integer not null,         -- UTC microseconds
    to_at integer not null,           -- UTC microseconds; 0 = open
    given_by text not null,           -- who appointed
    given_at integer not null         -- UTC microseconds
);
create index people_holding_user on people_holding (user_name);
create index people_holding_position on people_holding (position);
create table people_delegation (
    id text not null primary key,     -- random
    from_user text not null references people_user (name) on delete cascade,  -- on whose behalf
    to_user text not null references people_user (name) on delete cascade,    -- who acts
    roles text not null,              -- role names separated by commas
    reason text not null,             -- why
    from_at integer not null,         -- UTC microseconds
    to_at integer not null,           -- UTC microseconds
    given_by text not null,           -- who set it up
    given_at integer not null         -- UTC microseconds
);
create index people_delegation_to on people_delegation (to_user);
create index people_delegation_from on people_delegation (from_user);
create table people_approval (
    id text not null primary key,     -- random
    act text not null,                -- name of the act (people_act.c)
    params text not null,             -- its body as asked, JSON
    subject text not null,            -- user or position it is about; may not decide
    asked_by text not null,           -- user
    asked_at integer not null,        -- UTC microseconds
    state text not null,              -- asked, approved, refused
    decided_by text not null,         -- user, or empty
    decided_at integer not null,      -- UTC microseconds, or 0
    reason text not null              -- of a refusal
);
create index people_approval_state on people_approval (state, asked_at);
alter table people_user add column disabled integer not null default 0;     -- 1 = may not sign in
alter table people_user add column must_change integer not null default 0;  -- 1 = one-time password
insert into people_grant (id, user_name, position, role, region, org, expires_at, given_by, given_at)
with recursive part(name, role, rest, at) as (
    select name, '', roles || ',', created_at from people_user
    union all
    select name, substr(rest, 1, instr(rest, ',') - 1), substr(rest, instr(rest, ',') + 1), at from part where rest <> '')
select distinct name || ':' || role, name, cast(null as text), role, '', '', 0, 'system', at from part where role <> '';
alter table people_user drop column roles;

-- migration: 2 grants, positions, delegations, approvals @postgres
create table people_position (
    code text collate "C" not null primary key,
    title text not null,
    org text collate "C" not null,
    region text collate "C" not null,
    given_by text collate "C" not null,
    given_at bigint not null
);
comment on table people_position is 'positions; their rights are grants';
comment on column people_position.code is 'position code, chosen by the city';
comment on column people_position.title is 'name of the position';
comment on column people_position.org is 'organisation code; subtree of its grants';
comment on column people_position.region is 'region code; subtree of its grants';
comment on column people_position.given_by is 'who set it up';
comment on column people_position.given_at is 'UTC microseconds';
create table people_grant (
    id text collate "C" not null primary key,
    user_name text collate "C" references people_user (name) on delete cascade,
    position text collate "C" references people_position (code) on delete cascade,
    role text collate "C" not null,
    region text collate "C" not null,
    org text collate "C" not null,
    expires_at bigint not null,
    given_by text collate "C" not null,
    given_at bigint not null,
    check ((user_name is null) <> (position is null))
);
create index people_grant_user on people_grant (user_name);
create index people_grant_position on people_grant (position);
comment on table people_grant is 'role over an organisation''s and a region''s subtree, until a date';
comment on column people_grant.id is 'random';
comment on column people_grant.user_name is 'whose, or NULL';
comment on column people_grant.position is 'of which position, or NULL';
comment on column people_grant.role is 'role of a pack';
comment on column people_grant.region is 'region subtree; empty = the holder''s own';
comment on column people_grant.org is 'organisation subtree; empty = the holder''s own';
comment on column people_grant.expires_at is 'UTC microseconds; 0 = never';
comment on column people_grant.given_by is 'who granted it';
comment on column people_grant.given_at is 'UTC microseconds';
create table people_holding (
    id text collate "C" not null primary key,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    position text collate "C" not null references people_position (code) on delete cascade,
    acting bigint not null,
    from_at bigint not null,
    to_at bigint not null,
    given_by text collate "C" not null,
    given_at bigint not null
);
create index people_holding_user on people_holding (user_name);
create index people_holding_position on people_holding (position);
comment on table people_holding is 'who holds a position, from when to when';
comment on column people_holding.id is 'random';
comment on column people_holding.user_name is 'who';
comment on column people_holding.position is 'which position';
comment on column people_holding.acting is '1 = stands in for the holder';
comment on column people_holding.from_at is 'UTC microseconds';
comment on column people_holding.to_at is 'UTC microseconds; 0 = open';
comment on column people_holding.given_by is 'who appointed';
comment on column people_holding.given_at is 'UTC microseconds';
create table people_delegation (
    id text collate "C" not null primary key,
    from_user text collate "C" not null references people_user (name) on delete cascade,
    to_user text collate "C" not null references people_user (name) on delete cascade,
    roles text collate "C" not null,
    reason text not null,
    from_at bigint not null,
    to_at bigint not null,
    given_by text collate "C" not null,
    given_at bigint not null
);
create index people_delegation_to on people_delegation (to_user);
create index people_delegation_from on people_delegation (from_user);
comment on table people_delegation is 'who may act on whose behalf, from when to when';
comment on column people_delegation.id is 'random';
comment on column people_delegation.from_user is 'on whose behalf';
comment on column people_delegation.to_user is 'who acts';
comment on column people_delegation.roles is 'role names separated by commas';
comment on column people_delegation.reason is 'why';
comment on column people_delegation.from_at is 'UTC microseconds';
comment on column people_delegation.to_at is 'UTC microseconds';
comment on column people_delegation.given_by is 'who set it up';
comment on column people_delegation.given_at is 'UTC microseconds';
create table people_approval (
    id text collate "C" not null primary key,
    act text collate "C" not null,
    params text not null,
    subject text collate "C" not null,
    asked_by text collate "C" not null,
    asked_at bigint not null,
    state text collate "C" not null,
    decided_by text collate "C" not null,
    decided_at bigint not null,
    reason text not null
);
create index people_approval_state on people_approval (state, asked_at);
comment on table people_approval is 'acts that wait for a second person';
comment on column people_approval.id is 'random';
comment on column people_approval.act is 'name of the act (people_act.c)';
comment on column people_approval.params is 'its body as asked, JSON';
comment on column people_approval.subject is 'user or position it is about; may not decide';
comment on column people_approval.asked_by is 'user';
comment on column people_approval.asked_at is 'UTC microseconds';
comment on column people_approval.state is 'asked, approved, refused';
comment on column people_approval.decided_by is 'user, or empty';
comment on column people_approval.decided_at is 'UTC microseconds, or 0';
comment on column people_approval.reason is 'of a refusal';
alter table people_user add column disabled bigint not null default 0;
alter table people_user add column must_change bigint not null default 0;
comment on column people_user.disabled is '1 = may not sign in';
comment on column people_user.must_change is '1 = one-time password';
insert into people_grant (id, user_name, position, role, region, org, expires_at, given_by, given_at)
select distinct u.name || ':' || p.role, u.name, cast(null as text), p.role, '', '', cast(0 as bigint), 'system', u.created_at
from people_user u cross join lateral regexp_split_to_table(u.roles, ',') as p(role) where p.role <> '';
alter table people_user drop column roles;

-- migration: 3 sign-in, second factors, sessions
alter table people_user add column password_at integer not null default 0;  -- UTC microseconds of the last change; 0 = as old as the account
alter table people_user drop column failures;
alter table people_user drop column locked_until;
create table people_password (  -- earlier passwords, so that they are not used again
    user_name text not null references people_user (name) on delete cascade,  -- whose
    password text not null,  -- argon2id, PHC string
    at integer not null,  -- UTC microseconds when it was replaced
    primary key (user_name, at)
);
create table people_failure (  -- wrong passwords by account and by where they came from
    user_name text not null references people_user (name) on delete cascade,  -- account
    source text not null,  -- client address, or a known device
    failures integer not null,  -- since the last right one
    locked_until integer not null,  -- UTC microseconds; 0 = not locked
    last_at integer not null,  -- UTC microseconds of the last one
    primary key (user_name, source)
);
create table people_device (  -- browsers from which an account signed in rightly
    digest text not null primary key,  -- SM3 of the cookie, hex
    user_name text not null references people_user (name) on delete cascade,  -- whose
    seen_at integer not null  -- UTC microseconds of the last right sign-in
);
create index people_device_user on people_device (user_name);
create table people_factor (  -- second factors (RFC 6238)
    user_name text not null primary key references people_user (name) on delete cascade,  -- whose
    kind text not null,  -- sha1 or sm3
    secret text not null,  -- sealed under the server key, hex
    confirmed integer not null,  -- 1 = asked for at sign-in
    last_step integer not null  -- of the last code taken, so that none counts twice
);
create table people_recovery (  -- codes for the day when the second factor is lost
    digest text not null,  -- SM3 of user, colon, code
    user_name text not null references people_user (name) on delete cascade,  -- whose
    primary key (user_name, digest)
);
delete from people_session;
alter table people_session add column id text not null default '';  -- public name of the session, random
alter table people_session add column address text not null default '';  -- from where it was begun
alter table people_session add column agent text not null default '';  -- User-Agent, cut
alter table people_session add column last_at integer not null default 0;  -- UTC microseconds of the last use, to the minute
alter table people_session add column rotated_at integer not null default 0;  -- UTC microseconds since when the token holds
alter table people_session add column next_token text;  -- SM3 of the successor that is being handed out, or NULL
alter table people_session add column old_token text;  -- SM3 of the predecessor, or NULL
alter table people_session add column old_until integer not null default 0;  -- UTC microseconds until when the predecessor counts
create unique index people_session_id on people_session (id);
create index people_session_next on people_session (next_token);
create index people_session_old on people_session (old_token);

-- migration: 3 sign-in, second factors, sessions @postgres
alter table people_user add column password_at bigint not null default 0;
comment on column people_user.password_at is 'UTC microseconds of the last change; 0 = as old as the account';
alter table people_user drop column failures;
alter table people_user drop column locked_until;
create table people_password (
    user_name text collate "C" not null references people_user (name) on delete cascade,
    password text collate "C" not null,
    at bigint not null,
    primary key (user_name, at)
);
comment on table people_password is 'earlier passwords, so that they are not used again';
comment on column people_password.user_name is 'whose';
comment on column people_password.password is 'argon2id, PHC string';
comment on column people_password.at is 'UTC microseconds when it was replaced';
create table people_failure (
    user_name text collate "C" not null references people_user (name) on delete cascade,
    source text collate "C" not null,
    failures bigint not null,
    locked_until bigint not null,
    last_at bigint not null,
    primary key (user_name, source)
);
comment on table people_failure is 'wrong passwords by account and by where they came from';
comment on column people_failure.user_name is 'account';
comment on column people_failure.source is 'client address, or a known device';
comment on column people_failure.failures is 'since the last right one';
comment on column people_failure.locked_until is 'UTC microseconds; 0 = not locked';
comment on column people_failure.last_at is 'UTC microseconds of the last one';
create table people_device (
    digest text collate "C" not null primary key,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    seen_at bigint not null
);
comment on table people_device is 'browsers from which an account signed in rightly';
comment on column people_device.digest is 'SM3 of the cookie, hex';
comment on column people_device.user_name is 'whose';
comment on column people_device.seen_at is 'UTC microseconds of the last right sign-in';
create index people_device_user on people_device (user_name);
create table people_factor (
    user_name text collate "C" not null primary key references people_user (name) on delete cascade,
    kind text collate "C" not null,
    secret text collate "C" not null,
    confirmed bigint not null,
    last_step bigint not null
);
comment on table people_factor is 'second factors (RFC 6238)';
comment on column people_factor.user_name is 'whose';
comment on column people_factor.kind is 'sha1 or sm3';
comment on column people_factor.secret is 'sealed under the server key, hex';
comment on column people_factor.confirmed is '1 = asked for at sign-in';
comment on column people_factor.last_step is 'of the last code taken, so that none counts twice';
create table people_recovery (
    digest text collate "C" not null,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    primary key (user_name, digest)
);
comment on table people_recovery is 'codes for the day when the second factor is lost';
comment on column people_recovery.digest is 'SM3 of user, colon, code';
comment on column people_recovery.user_name is 'whose';
delete from people_session;
alter table people_session add column id text collate "C" not null default '';
comment on column people_session.id is 'public name of the session, random';
alter table people_session add column address text collate "C" not null default '';
comment on column people_session.address is 'from where it was begun';
alter table people_session add column agent text collate "C" not null default '';
comment on column people_session.agent is 'User-Agent, cut';
alter table people_session add column last_at bigint not null default 0;
comment on column people_session.last_at is 'UTC microseconds of the last use, to the minute';
alter table people_session add column rotated_at bigint not null default 0;
comment on column people_session.rotated_at is 'UTC microseconds since when the token holds';
alter table people_session add column next_token text collate "C";
comment on column people_session.next_token is 'SM3 of the successor that is being handed out, or NULL';
alter table people_session add column old_token text collate "C";
comment on column people_session.old_token is 'SM3 of the predecessor, or NULL';
alter table people_session add column old_until bigint not null default 0;
comment on column people_session.old_until is 'UTC microseconds until when the predecessor counts';
create unique index people_session_id on people_session (id);
create index people_session_next on people_session (next_token);
create index people_session_old on people_session (old_token);

-- migration: 4 keys of applications
create table people_key (  -- keys of applications
    id text not null primary key,  -- random, KeyId of requests
    title text not null,  -- which application
    user_name text not null references people_user (name) on delete cascade,  -- acts as this user
    secret text not null,  -- sealed under the server key, hex
    ips text not null,  -- addresses or networks separated by commas; empty = any
    per_minute integer not null,  -- calls; 0 = no limit
    per_day integer not null,  -- calls; 0 = no limit
    expires_at integer not null,  -- UTC microseconds; 0 = never
    enabled integer not null,  -- 1 = approved by a second person
    given_by text not null,  -- who made it
    given_at integer not null  -- UTC microseconds
);
create index people_key_user on people_key (user_name);
create table people_nonce (  -- nonces of signed requests within the replay window
    key_id text not null references people_key (id) on delete cascade,  -- of which key
    nonce text not null,  -- as sent
    at integer not null,  -- UTC microseconds of arrival
    primary key (key_id, nonce)
);
create index people_nonce_at on people_nonce (at);
create table people_use (  -- calls of a key in the running minute and day
    key_id text not null references people_key (id) on delete cascade,  -- of which key
    span text not null,  -- minute or day
    start integer not null,  -- number of the minute or day
    calls integer not null,  -- so far
    primary key (key_id, span)
);

-- migration: 4 keys of applications @postgres
create table people_key (
    id text collate "C" not null primary key,
    title text collate "C" not null,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    secret text collate "C" not null,
    ips text collate "C" not null,
    per_minute bigint not null,
    per_day bigint not null,
    expires_at bigint not null,
    enabled bigint not null,
    given_by text collate "C" not null,
    given_at bigint not null
);
comment on table people_key is 'keys of applications';
comment on column people_key.id is 'random, KeyId of requests';
comment on column people_key.title is 'which application';
comment on column people_key.user_name is 'acts as this user';
comment on column people_key.secret is 'sealed under the server key, hex';
comment on column people_key.ips is 'addresses or networks separated by commas; empty = any';
comment on column people_key.per_minute is 'calls; 0 = no limit';
comment on column people_key.per_day is 'calls; 0 = no limit';
comment on column people_key.expires_at is 'UTC microseconds; 0 = never';
comment on column people_key.enabled is '1 = approved by a second person';
comment on column people_key.given_by is 'who made it';
comment on column people_key.given_at is 'UTC microseconds';
create index people_key_user on people_key (user_name);
create table people_nonce (
    key_id text collate "C" not null references people_key (id) on delete cascade,
    nonce text collate "C" not null,
    at bigint not null,
    primary key (key_id, nonce)
);
comment on table people_nonce is 'nonces of signed requests within the replay window';
comment on column people_nonce.key_id is 'of which key';
comment on column people_nonce.nonce is 'as sent';
comment on column people_nonce.at is 'UTC microseconds of arrival';
create index people_nonce_at on people_nonce (at);
create table people_use (
    key_id text collate "C" not null references people_key (id) on delete cascade,
    span text collate "C" not null,
    start bigint not null,
    calls bigint not null,
    primary key (key_id, span)
);
comment on table people_use is 'calls of a key in the running minute and day';
comment on column people_use.key_id is 'of which key';
comment on column people_use.span is 'minute or day';
comment on column people_use.start is 'number of the minute or day';
comment on column people_use.calls is 'so far';

-- migration: 5 certificates
create table people_certificate (  -- whose certificate a subject is
    subject text not null primary key,  -- distinguished name, RFC 2253
    user_name text not null references people_user (name) on delete cascade,  -- whose
    given_by text not null,  -- who registered it
    given_at integer not null  -- UTC microseconds
);
create index people_certificate_user on people_certificate (user_name);
create table people_challenge (  -- challenges that were answered, so that none counts twice
    digest text not null primary key,  -- SM3 of the nonce, hex
    at integer not null  -- UTC microseconds
);
create index people_challenge_at on people_challenge (at);

-- migration: 5 certificates @postgres
create table people_certificate (
    subject text collate "C" not null primary key,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    given_by text collate "C" not null,
    given_at bigint not null
);
comment on table people_certificate is 'whose certificate a subject is';
comment on column people_certificate.subject is 'distinguished name, RFC 2253';
comment on column people_certificate.user_name is 'whose';
comment on column people_certificate.given_by is 'who registered it';
comment on column people_certificate.given_at is 'UTC microseconds';
create index people_certificate_user on people_certificate (user_name);
create table people_challenge (
    digest text collate "C" not null primary key,
    at bigint not null
);
comment on table people_challenge is 'challenges that were answered, so that none counts twice';
comment on column people_challenge.digest is 'SM3 of the nonce, hex';
comment on column people_challenge.at is 'UTC microseconds';
create index people_challenge_at on people_challenge (at);

-- migration: 6 OpenID Connect
create table people_client (  -- systems of departments that let people sign in here (OpenID Connect)
    id text not null primary key,  -- client_id, random
    title text not null,  -- which system
    secret text not null,  -- SM3 of the client secret; empty = a public client
    redirects text not null,  -- allowed redirect addresses separated by commas
    given_by text not null,  -- who registered it
    given_at integer not null  -- UTC microseconds
);
create table people_code (  -- authorisation codes, for one use
    digest text not null primary key,  -- SM3 of the code
    client text not null references people_client (id) on delete cascade,  -- for which system
    user_name text not null references people_user (name) on delete cascade,  -- who signed in
    redirect text not null,  -- address it was sent to
    challenge text not null,  -- S256 code challenge (RFC 7636)
    nonce text not null,  -- of the request, may be empty
    expires_at integer not null  -- UTC microseconds
);
create index people_code_expires on people_code (expires_at);
create table people_access (  -- access tokens of such systems, for the user information only
    digest text not null primary key,  -- SM3 of the token
    client text not null references people_client (id) on delete cascade,  -- of which system
    user_name text not null references people_user (name) on delete cascade,  -- about whom
    expires_at integer not null  -- UTC microseconds
);
create index people_access_expires on people_access (expires_at);

-- migration: 6 OpenID Connect @postgres
create table people_client (
    id text collate "C" not null primary key,
    title text collate "C" not null,
    secret text collate "C" not null,
    redirects text collate "C" not null,
    given_by text collate "C" not null,
    given_at bigint not null
);
comment on table people_client is 'systems of departments that let people sign in here (OpenID Connect)';
comment on column people_client.id is 'client_id, random';
comment on column people_client.title is 'which system';
comment on column people_client.secret is 'SM3 of the client secret; empty = a public client';
comment on column people_client.redirects is 'allowed redirect addresses separated by commas';
comment on column people_client.given_by is 'who registered it';
comment on column people_client.given_at is 'UTC microseconds';
create table people_code (
    digest text collate "C" not null primary key,
    client text collate "C" not null references people_client (id) on delete cascade,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    redirect text collate "C" not null,
    challenge text collate "C" not null,
    nonce text collate "C" not null,
    expires_at bigint not null
);
comment on table people_code is 'authorisation codes, for one use';
comment on column people_code.digest is 'SM3 of the code';
comment on column people_code.client is 'for which system';
comment on column people_code.user_name is 'who signed in';
comment on column people_code.redirect is 'address it was sent to';
comment on column people_code.challenge is 'S256 code challenge (RFC 7636)';
comment on column people_code.nonce is 'of the request, may be empty';
comment on column people_code.expires_at is 'UTC microseconds';
create index people_code_expires on people_code (expires_at);
create table people_access (
    digest text collate "C" not null primary key,
    client text collate "C" not null references people_client (id) on delete cascade,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    expires_at bigint not null
);
comment on table people_access is 'access tokens of such systems, for the user information only';
comment on column people_access.digest is 'SM3 of the token';
comment on column people_access.client is 'of which system';
comment on column people_access.user_name is 'about whom';
comment on column people_access.expires_at is 'UTC microseconds';
create index people_access_expires on people_access (expires_at);

-- migration: 7 subjects of the province
create table people_subject (  -- whose a subject of the province's identity provider is
    subject text not null primary key,  -- as its tokens name it
    user_name text not null references people_user (name) on delete cascade,  -- whose
    given_by text not null,  -- who registered it
    given_at integer not null  -- UTC microseconds
);
create unique index people_subject_user on people_subject (user_name);

-- migration: 7 subjects of the province @postgres
create table people_subject (
    subject text collate "C" not null primary key,
    user_name text collate "C" not null references people_user (name) on delete cascade,
    given_by text collate "C" not null,
    given_at bigint not null
);
comment on table people_subject is 'whose a subject of the province''s identity provider is';
comment on column people_subject.subject is 'as its tokens name it';
comment on column people_subject.user_name is 'whose';
comment on column people_subject.given_by is 'who registered it';
comment on column people_subject.given_at is 'UTC microseconds';
create unique index people_subject_user on people_subject (user_name);

-- migration: 8 what people arranged for themselves
create table people_setting (  -- saved views, followed records and the like: of one user, seen by nobody else
    user_name text not null references people_user (name) on delete cascade,  -- whose
    name text not null,  -- which setting
    body text not null,  -- JSON
    primary key (user_name, name)
);

-- migration: 8 what people arranged for themselves @postgres
create table people_setting (
    user_name text collate "C" not null references people_user (name) on delete cascade,
    name text collate "C" not null,
    body text not null,
    primary key (user_name, name)
);
comment on table people_setting is 'saved views, followed records and the like: of one user, seen by nobody else';
comment on column people_setting.user_name is 'whose';
comment on column people_setting.name is 'which setting';
comment on column people_setting.body is 'JSON';
