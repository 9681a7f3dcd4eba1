-- SPDX-License-Identifier: MulanPSL-2.0

-- name: user_get
select name, title, password, org, region, person, disabled, must_change, password_at, created_at
from people_user where name = $1

-- name: user_count
select count(*) from people_user

-- name: user_put
insert into people_user (name, title, password, org, region, person, created_at, must_change, password_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $7)
on conflict (name) do update set title = excluded.title, org = excluded.org, region = excluded.region,
    person = excluded.person

-- name: user_add
insert into people_user (name, title, password, org, region, person, created_at, must_change, password_at)
values ($1, $2, $3, $4, $5, $6, $7, 1, $7)

-- name: user_password
update people_user set password = $2, must_change = $3, password_at = $4 where name = $1

-- name: user_disable
update people_user set disabled = $2 where name = $1 and disabled <> $2

-- name: user_list
-- Pages of 500 after a name; $2 is a pattern over name and title.
select u.name, u.title, u.org, u.region, u.disabled,
    coalesce((select max(f.locked_until) from people_failure f where f.user_name = u.name), 0) as locked_until,
    u.must_change, u.created_at,
    (select count(*) from people_session s where s.user_name = u.name) as sessions
from people_user u where u.name > $1 and (u.name like $2 or u.title like $2) order by u.name limit 500

-- name: session_put
insert into people_session (token, user_name, created_at, expires_at, id, address, agent, last_at, rotated_at)
values ($1, $2, $3, $4, $5, $6, $7, $3, $3)

-- name: session_get
-- In one round trip: kind 0 the user and the session, 1 a grant of the user's own, 2 one of a position held.
-- $1 digest of the token, its successor or its predecessor; $2 now; $3 the last use must be later.
with s as (
    select user_name, id, last_at, rotated_at,
        case when token = $1 then 0 when next_token = $1 then 1 else 2 end as which,
        case when next_token is null then 0 else 1 end as has_next
    from people_session
    where (token = $1 or next_token = $1 or (old_token = $1 and old_until > $2)) and expires_at > $2 and last_at > $3)
select 0 as kind, u.name, u.title, u.org, u.region, u.person, u.must_change, s.id, s.last_at, s.rotated_at, s.which, s.has_next
from s join people_user u on u.name = s.user_name
where u.disabled = 0
union all
select 1, g.role, '', g.org, g.region, '', 0, '', 0, 0, 0, 0
from s join people_grant g on g.user_name = s.user_name
where g.expires_at = 0 or g.expires_at > $2
union all
select 2, g.role, '', case when g.org <> '' then g.org else p.org end, case when g.region <> '' then g.region else p.region end, '',
    0, '', 0, 0, 0, 0
from s join people_holding h on h.user_name = s.user_name
    join people_position p on p.code = h.position join people_grant g on g.position = h.position
where h.from_at <= $2 and (h.to_at = 0 or h.to_at > $2) and (g.expires_at = 0 or g.expires_at > $2)

-- name: user_rights
-- The same kinds for a user without a session: sign-in, and on whose behalf another acts.
select 0 as kind, u.name, u.title, u.org, u.region, u.person, u.must_change
from people_user u where u.name = $1 and u.disabled = 0
union all
select 1, g.role, '', g.org, g.region, '', 0
from people_grant g where g.user_name = $1 and (g.expires_at = 0 or g.expires_at > $2)
union all
select 2, g.role, '', case when g.org <> '' then g.org else p.org end, case when g.region <> '' then g.region else p.region end, '', 0
from people_holding h join people_position p on p.code = h.position join people_grant g on g.position = h.position
where h.user_name = $1 and h.from_at <= $2 and (h.to_at = 0 or h.to_at > $2) and (g.expires_at = 0 or g.expires_at > $2)

-- name: session_drop
delete from people_session where token = $1

-- name: session_drop_all
delete from people_session where user_name = $1

-- name: session_sweep
delete from people_session where expires_at <= $1 or last_at <= $2

-- name: grant_add
insert into people_grant (id, user_name, position, role, region, org, expires_at, given_by, given_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: grant_same
select id from people_grant
where coalesce(user_name, '') = $1 and coalesce(position, '') = $2 and role = $3 and region = $4 and org = $5
    and (expires_at = 0 or expires_at > $6)

-- name: grant_get
select coalesce(user_name, '') as "user", coalesce(position, '') as "position", role, region, org, expires_at
from people_grant where id = $1

-- name: grant_drop
delete from people_grant where id = $1

-- name: grant_drop_system
delete from people_grant where user_name = $1 and given_by = 'system'

-- name: grant_drop_role
delete from people_grant where user_name = $1 and role = $2

-- name: grant_list
-- Of a user ($1, empty = all) and those of positions too; after an id.
select id, coalesce(user_name, '') as "user", coalesce(position, '') as "position", role, region, org, expires_at, given_by, given_at
from people_grant where ($1 = '' or user_name = $1) and id > $2 order by id limit 500

-- name: role_names
-- Every role that a user has or will have: own, by position, by delegation (a comma list).
select g.role from people_grant g where g.user_name = $1 and (g.expires_at = 0 or g.expires_at > $2)
union all
select g.role from people_holding h join people_grant g on g.position = h.position
where h.user_name = $1 and (h.to_at = 0 or h.to_at > $2) and (g.expires_at = 0 or g.expires_at > $2)
union all
select d.roles from people_delegation d where d.to_user = $1 and d.to_at > $2

-- name: role_users
-- Every user with some role, for the check at start-up.
select user_name from people_grant where user_name is not null
union
select user_name from people_holding
union
select to_user from people_delegation

-- name: position_put
insert into people_position (code, title, org, region, given_by, given_at) values ($1, $2, $3, $4, $5, $6)

-- name: position_get
select code from people_position where code = $1

-- name: position_drop
delete from people_position where code = $1

-- name: position_roles
select role from people_grant where position = $1

-- name: position_holders
select distinct user_name from people_holding where position = $1 and (to_at = 0 or to_at > $2)

-- name: position_list
select code, title, org, region, given_by, given_at from people_position where code > $1 order by code limit 500

-- name: holding_add
insert into people_holding (id, user_name, position, acting, from_at, to_at, given_by, given_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: holding_get
select user_name from people_holding where id = $1

-- name: holding_drop
delete from people_holding where id = $1

-- name: holding_list
select id, user_name as "user", position, acting, from_at as "from", to_at as "to", given_by, given_at
from people_holding where ($1 = '' or user_name = $1) and id > $2 order by id limit 500

-- name: delegation_add
insert into people_delegation (id, from_user, to_user, roles, reason, from_at, to_at, given_by, given_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: delegation_get
select from_user, to_user from people_delegation where id = $1

-- name: delegation_drop
delete from people_delegation where id = $1

-- name: delegation_roles
-- Roles that $1 may use for $2 at this moment.
select roles from people_delegation where to_user = $1 and from_user = $2 and from_at <= $3 and to_at > $3

-- name: delegation_list
select id, from_user, to_user, roles, reason, from_at as "from", to_at as "to", given_by, given_at
from people_delegation where ($1 = '' or from_user = $1 or to_user = $1) and id > $2 order by id limit 500

-- name: approval_add
insert into people_approval (id, act, params, subject, asked_by, asked_at, state, decided_by, decided_at, reason)
values ($1, $2, $3, $4, $5, $6, 'asked', '', 0, '')

-- name: approval_get
select act, params, subject, asked_by, state from people_approval where id = $1

-- name: approval_decide
update people_approval set state = $2, decided_by = $3, decided_at = $4, reason = $5 where id = $1 and state = 'asked'

-- name: approval_list
select id, act, params, subject, asked_by, asked_at, state, decided_by, decided_at, reason
from people_approval where ($1 = '' or state = $1) order by asked_at desc, id limit 500

-- name: session_drop_others
delete from people_session where user_name = $1 and id <> $2

-- name: session_drop_id
delete from people_session where user_name = $1 and id = $2

-- name: session_by_id
select id from people_session where user_name = $1 and id = $2

-- name: session_list
select id, address, agent, created_at, last_at, expires_at, case when id = $2 then 1 else 0 end as current
from people_session where user_name = $1 order by last_at desc, id limit 500

-- name: session_touch
update people_session set last_at = $2 where id = $1 and last_at < $2

-- name: session_prepare
-- A successor for a token that has served its hour.
update people_session set next_token = $2 where id = $1 and next_token is null

-- name: session_promote
-- The successor was used: it is the token now, its predecessor counts a little longer.
update people_session set old_token = token, old_until = $3, token = next_token, next_token = null, rotated_at = $2
where next_token = $1

-- name: session_age
-- Rights have changed: the next request brings a new token.
update people_session set rotated_at = 0 where user_name = $1

-- name: session_age_position
update people_session set rotated_at = 0 where user_name in (select user_name from people_holding where position = $1)

-- name: failure_get
select failures, locked_until, last_at from people_failure where user_name = $1 and source = $2

-- name: failure_total
-- Wrong passwords of an account from everywhere, lately: how long the answer waits.
select coalesce(sum(failures), 0) from people_failure where user_name = $1 and last_at > $2

-- name: failure_add
-- $3 now, $4 how many lock, $5 until when, $6 what is older is forgotten.
insert into people_failure (user_name, source, failures, locked_until, last_at) values ($1, $2, 1, 0, $3)
on conflict (user_name, source) do update set
    failures = case when people_failure.last_at < $6 or (people_failure.locked_until <> 0 and people_failure.locked_until <= $3) then 1
        else people_failure.failures + 1 end,
    locked_until = case when people_failure.last_at >= $6 and people_failure.locked_until = 0
        and people_failure.failures + 1 >= cast($4 as bigint) then cast($5 as bigint) else 0 end,
    last_at = excluded.last_at

-- name: failure_clear
delete from people_failure where user_name = $1 and source = $2

-- name: failure_clear_all
delete from people_failure where user_name = $1

-- name: failure_sweep
delete from people_failure where last_at < $1 and locked_until < $1

-- name: device_get
select user_name from people_device where digest = $1

-- name: device_put
insert into people_device (digest, user_name, seen_at) values ($1, $2, $3)
on conflict (digest) do update set user_name = excluded.user_name, seen_at = excluded.seen_at

-- name: device_sweep
delete from people_device where seen_at < $1

-- name: password_keep
insert into people_password (user_name, password, at) select name, password, $2 from people_user where name = $1
on conflict (user_name, at) do nothing

-- name: password_history
select password from people_password where user_name = $1 order by at desc limit 5

-- name: password_forget
delete from people_password where user_name = $1 and at < (
    select min(at) from (select at from people_password where user_name = $1 order by at desc limit 5) as kept)

-- name: user_must_change
update people_user set must_change = 1 where name = $1

-- name: factor_get
select kind, secret, confirmed, last_step from people_factor where user_name = $1

-- name: factor_put
insert into people_factor (user_name, kind, secret, confirmed, last_step) values ($1, $2, $3, 0, 0)
on conflict (user_name) do update set kind = excluded.kind, secret = excluded.secret, confirmed = 0, last_step = 0

-- name: factor_step
-- Takes a code's step: none twice, and no earlier one.
update people_factor set last_step = $2, confirmed = 1 where user_name = $1 and last_step < $2

-- name: factor_drop
delete from people_factor where user_name = $1

-- name: recovery_add
insert into people_recovery (user_name, digest) values ($1, $2)

-- name: recovery_use
delete from people_recovery where user_name = $1 and digest = $2

-- name: recovery_drop
delete from people_recovery where user_name = $1

-- name: users_of_role
select user_name from people_grant where role = $1 and user_name is not null and (expires_at = 0 or expires_at > $2)
union
select h.user_name from people_holding h join people_grant g on g.position = h.position
where g.role = $1 and h.from_at <= $2 and (h.to_at = 0 or h.to_at > $2) and (g.expires_at = 0 or g.expires_at > $2)

-- name: users_of_org
select name from people_user where org = $1 and disabled = 0
union
select h.user_name from people_holding h join people_position p on p.code = h.position
where p.org = $1 and h.from_at <= $2 and (h.to_at = 0 or h.to_at > $2)

-- name: key_add
insert into people_key (id, title, user_name, secret, ips, per_minute, per_day, expires_at, enabled, given_by, given_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)

-- name: key_get
select user_name, secret, ips, per_minute, per_day from people_key
where id = $1 and enabled = 1 and (expires_at = 0 or expires_at > $2)

-- name: key_user
select user_name from people_key where id = $1

-- name: key_facts
select title, user_name, ips from people_key where id = $1

-- name: key_enable
update people_key set enabled = 1 where id = $1

-- name: key_drop
delete from people_key where id = $1

-- name: key_list
select k.id, k.title, k.user_name as "user", k.ips, k.per_minute, k.per_day, k.expires_at, k.enabled, k.given_by, k.given_at,
    coalesce((select u.calls from people_use u where u.key_id = k.id and u.span = 'day' and u.start = $3), 0) as today
from people_key k where ($1 = '' or k.user_name = $1) and k.id > $2 order by k.id limit 500

-- name: nonce_sweep
delete from people_nonce where at < $1

-- name: nonce_get
select nonce from people_nonce where key_id = $1 and nonce = $2

-- name: nonce_add
insert into people_nonce (key_id, nonce, at) values ($1, $2, $3)

-- name: use_add
insert into people_use (key_id, span, start, calls) values ($1, $2, $3, 1)
on conflict (key_id, span) do update set
    calls = case when people_use.start = excluded.start then people_use.calls + 1 else 1 end, start = excluded.start

-- name: use_get
select calls from people_use where key_id = $1 and span = $2

-- name: certificate_put
insert into people_certificate (subject, user_name, given_by, given_at) values ($1, $2, $3, $4)

-- name: certificate_get
select user_name from people_certificate where subject = $1

-- name: certificate_drop
delete from people_certificate where user_name = $1

-- name: challenge_sweep
delete from people_challenge where at < $1

-- name: challenge_add
insert into people_challenge (digest, at) values ($1, $2) on conflict (digest) do nothing

-- name: client_add
insert into people_client (id, title, secret, redirects, given_by, given_at) values ($1, $2, $3, $4, $5, $6)

-- name: client_get
select title, secret, redirects from people_client where id = $1

-- name: client_facts
select title, redirects from people_client where id = $1

-- name: client_drop
delete from people_client where id = $1

-- name: client_list
select id, title, redirects, case when secret = '' then 1 else 0 end as "public", given_by, given_at
from people_client where id > $1 order by id limit 500

-- name: code_add
insert into people_code (digest, client, user_name, redirect, challenge, nonce, expires_at) values ($1, $2, $3, $4, $5, $6, $7)

-- name: code_get
select client, user_name, redirect, challenge, nonce from people_code where digest = $1 and expires_at > $2

-- name: code_drop
delete from people_code where digest = $1

-- name: code_sweep
delete from people_code where expires_at <= $1

-- name: access_add
insert into people_access (digest, client, user_name, expires_at) values ($1, $2, $3, $4)

-- name: access_sweep
delete from people_access where expires_at <= $1

-- name: access_get
select u.name, u.title, u.org, u.region from people_access a join people_user u on u.name = a.user_name
where a.digest = $1 and a.expires_at > $2 and u.disabled = 0

-- name: subject_put
insert into people_subject (subject, user_name, given_by, given_at) values ($1, $2, $3, $4)

-- name: subject_get
select user_name from people_subject where subject = $1

-- name: subject_of
select subject from people_subject where user_name = $1

-- name: subject_drop
delete from people_subject where user_name = $1

-- name: setting_list
select name, body from people_setting where user_name = $1 order by name

-- name: setting_count
select count(*) from people_setting where user_name = $1 and name <> $2

-- name: setting_put
insert into people_setting (user_name, name, body) values ($1, $2, $3)
on conflict (user_name, name) do update set body = excluded.body

-- name: demo_users
select name, title from people_user where disabled = 0 order by created_at, name limit 60
