-- SPDX-License-Identifier: MulanPSL-2.0
-- Named statements of the rule room (tools/sqlgen). Parameters are $1 … $n on both databases.

-- name: step_put
insert into rule_step (lane, from_seq, to_seq) values ($1, $2, $3)

-- name: step_last
select coalesce(max(to_seq), -1) from rule_step where lane = $1

-- name: step_sweep
delete from rule_step where lane = $1 and to_seq < $2

-- name: lane_put
insert into rule_lane (lane, owner, until_us) values ($1, '', 0) on conflict (lane) do nothing

-- name: lane_take
-- Mine, free, or its lease has run out.
update rule_lane set owner = $2, until_us = $3 where lane = $1 and (owner = $2 or owner = '' or until_us < $4)

-- name: lane_leave
update rule_lane set owner = '', until_us = 0 where lane = $1 and owner = $2

-- name: lane_owner
select owner from rule_lane where lane = $1

-- name: server_seen
insert into rule_server (owner, seen_us) values ($1, $2) on conflict (owner) do update set seen_us = excluded.seen_us

-- name: server_count
select count(*) from rule_server where seen_us > $1

-- name: server_gone
delete from rule_server where owner = $1

-- name: state_put
insert into rule_state (reaction, since_us, last_us) values ($1, $2, $2) on conflict (reaction) do nothing

-- name: state_get
select since_us, last_us from rule_state where reaction = $1

-- name: state_last
update rule_state set last_us = $2 where reaction = $1

-- name: done_put
insert into rule_done (action_key, reaction, entity, record, seq, kept, at_us) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (action_key) do nothing

-- name: done_of
select action_key, seq, at_us from rule_done where reaction = $1 and entity = $2 and record = $3
order by at_us desc limit 50

-- name: done_sweep
delete from rule_done where at_us < $1 and kept = 0

-- name: fired_put
insert into rule_fired (fire_key, at_us) values ($1, $2) on conflict (fire_key) do nothing

-- name: fired_get
select 1 from rule_fired where fire_key = $1

-- name: fired_sweep
delete from rule_fired where at_us < $1

-- name: event_put
insert into rule_event (id, kind, name, entity, record, body, at_us) values ($1, $2, $3, $4, $5, $6, $7)

-- name: event_list
select id, kind, name, entity, record, body, at_us from rule_event order by at_us, id limit 500

-- name: event_drop
delete from rule_event where id = $1

-- name: origin_count
insert into rule_origin (origin, n, at_us) values ($1, 1, $2)
on conflict (origin) do update set n = rule_origin.n + 1
returning n

-- name: origin_get
select n from rule_origin where origin = $1

-- name: origin_sweep
delete from rule_origin where at_us < $1

-- name: cut_put
insert into rule_cut (cut_key, reaction, entity, record, seq, origin, chain, why, at_us)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (cut_key) do nothing

-- name: cut_list
select cut_key, reaction, entity, record, seq, origin, chain, why, at_us from rule_cut order by at_us desc limit $1

-- name: dead_put
insert into rule_dead (dead_key, reaction, entity, record, seq, job, reason, at_us)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (dead_key) do update set reason = excluded.reason

-- name: dead_list
select dead_key, 'reaction', reaction, entity, record, reason, at_us from rule_dead
union all
select out_key, kind, reaction, '', '', last_error, at_us from rule_outbox where state = 'dead'
order by 7 desc limit $1

-- name: dead_get
select reaction, job from rule_dead where dead_key = $1

-- name: dead_of
select dead_key, reason, at_us from rule_dead where reaction = $1 and entity = $2 and record = $3

-- name: dead_drop
delete from rule_dead where dead_key = $1

-- name: dead_counts
select reaction, count(*) from rule_dead group by reaction
union all
select reaction, count(*) from rule_outbox where state = 'dead' group by reaction

-- name: out_put
insert into rule_outbox (out_key, reaction, kind, person, payload, state, tries, next_us, last_error, at_us)
values ($1, $2, $3, $4, $5, $6, 0, $7, '', $8) on conflict (out_key) do nothing

-- name: out_due
select out_key, kind, person, payload, tries, next_us from rule_outbox
where state in ('wait', 'busy') and next_us <= $1 order by next_us limit $2

-- name: out_claim
-- The row as it was seen: whoever moves next_us first has it.
update rule_outbox set state = 'busy', next_us = $3 where out_key = $1 and next_us = $2 and state in ('wait', 'busy')

-- name: out_sent
update rule_outbox set state = 'sent', tries = tries + 1, last_error = '' where out_key = $1

-- name: out_failed
update rule_outbox set state = $2, tries = tries + 1, next_us = $3, last_error = $4 where out_key = $1

-- name: out_replay
update rule_outbox set state = 'wait', tries = 0, next_us = $2 where out_key = $1 and state = 'dead'

-- name: out_digest
select out_key, person, payload from rule_outbox where state = 'digest' and next_us <= $1 order by person, at_us, out_key
limit 1000

-- name: out_merged
update rule_outbox set state = 'sent' where out_key = $1 and state = 'digest'

-- name: out_waiting
select count(*) from rule_outbox where state in ('wait', 'busy', 'digest')

-- name: out_sweep
delete from rule_outbox where state = 'sent' and at_us < $1

-- name: inbox_put
insert into rule_inbox (id, user_name, title, body, entity, record, at_us, read_us)
values ($1, $2, $3, $4, $5, $6, $7, 0) on conflict (id) do nothing

-- name: inbox_list
select id, title, body, entity, record, at_us, read_us from rule_inbox
where user_name = $1 and (cast($2 as bigint) = 0 or read_us = 0) and (at_us < $3 or (at_us = $3 and id < $4))
order by at_us desc, id desc limit $5

-- name: inbox_count
select count(*) from rule_inbox where user_name = $1 and read_us = 0

-- name: inbox_mark
update rule_inbox set read_us = case when read_us = 0 then $3 else read_us end where id = $1 and user_name = $2

-- name: quiet_get
select quiet_from, quiet_to, digest, mail, phone from rule_quiet where user_name = $1

-- name: quiet_put
insert into rule_quiet (user_name, quiet_from, quiet_to, digest, mail, phone) values ($1, $2, $3, $4, $5, $6)
on conflict (user_name) do update set quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to,
    digest = excluded.digest, mail = excluded.mail, phone = excluded.phone

-- name: fired_of
-- What was done and what failed for good, of one record.
select reaction, seq, max(at_us) as at_us, 'done' as state from rule_done where entity = $1 and record = $2
group by reaction, seq
union all
select reaction, seq, at_us, 'dead' as state from rule_dead where entity = $1 and record = $2
order by 3 desc limit 50
