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
