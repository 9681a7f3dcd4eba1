-- name: user_get
select name, title, password, org, region, person, roles, failures, locked_until from people_user where name = $1

-- name: user_count
select count(*) from people_user

-- name: user_put
insert into people_user (name, title, password, org, region, person, roles, failures, locked_until, created_at)
values ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8)
on conflict (name) do update set title = excluded.title, org = excluded.org, region = excluded.region,
    person = excluded.person, roles = excluded.roles

-- name: user_password
update people_user set password = $2, failures = 0, locked_until = 0 where name = $1

-- name: user_failed
update people_user set failures = case when locked_until <> 0 then 1 else failures + 1 end,
    locked_until = case when locked_until = 0 and failures + 1 >= cast($2 as bigint) then cast($3 as bigint) else 0 end
where name = $1

-- name: user_succeeded
update people_user set failures = 0, locked_until = 0 where name = $1

-- name: session_put
insert into people_session (token, user_name, created_at, expires_at) values ($1, $2, $3, $4)

-- name: session_get
select u.name, u.title, u.org, u.region, u.person, u.roles
from people_session s join people_user u on u.name = s.user_name
where s.token = $1 and s.expires_at > $2

-- name: session_drop
delete from people_session where token = $1

-- name: session_sweep
delete from people_session where expires_at <= $1
