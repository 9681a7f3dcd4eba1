-- name: entity_list
select name, spec from model_entity order by name

-- name: entity_put
insert into model_entity (name, spec) values ($1, $2) on conflict (name) do update set spec = excluded.spec

-- name: entity_drop
delete from model_entity where name = $1

-- name: load_get
select digest from model_load where file = $1

-- name: load_put
insert into model_load (file, digest, loaded_at) values ($1, $2, $3)
on conflict (file) do update set digest = excluded.digest, loaded_at = excluded.loaded_at

-- name: key_list
select id, box from model_key order by id desc

-- name: key_count
select count(*) from model_key

-- name: key_put
insert into model_key (id, box, created_at) values ($1, $2, $3)

-- name: job_add
insert into model_job (id, kind, owner, behalf, home, entity, name, spec, state, phase, turn, size, bytes, position, total, n_read, accepted, rejected, skipped, waiting, error, trace, created_us, started_us, ended_us, worked_us)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)

-- name: job_get
select id, kind, owner, behalf, home, entity, name, spec, state, phase, turn, size, bytes, position, total, n_read, accepted, rejected, skipped, waiting, error, trace, created_us, started_us, ended_us, worked_us
from model_job where id = $1

-- name: job_save
update model_job set name = $2, spec = $3, state = $4, phase = $5, turn = $6, size = $7, bytes = $8, position = $9, total = $10, n_read = $11, accepted = $12, rejected = $13, skipped = $14, waiting = $15, error = $16, trace = $17,
started_us = $18, ended_us = $19, worked_us = $20 where id = $1

-- name: job_list
-- Of one owner, or all when it is empty; newest first.
select id, kind, owner, behalf, home, entity, name, spec, state, phase, turn, size, bytes, position, total, n_read, accepted, rejected, skipped, waiting, error, trace, created_us, started_us, ended_us, worked_us
from model_job where ($1 = '' or owner = $1) and ($2 = '' or kind = $2) order by created_us desc, id limit 200

-- name: job_drop
delete from model_job where id = $1

-- name: job_rows_drop
delete from model_job_row where job = $1

-- name: job_interrupted
-- What a server of this home left running when it ended.
update model_job set state = 'stopped', error = $2 where home = $1 and state in ('running', 'checking')

-- name: job_old
-- Exports made before $2 and imports before $3, that do not run.
select id from model_job where home = $1 and state not in ('running', 'checking')
and ((kind = 'export' and created_us < $2) or (kind = 'import' and created_us < $3))

-- name: job_running
select count(*) from model_job where owner = $1 and state in ('running', 'checking')

-- name: job_count
select count(*) from model_job where owner = $1

-- name: job_row_put
insert into model_job_row (job, row_no, state, cells, raw, field, reason) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (job, row_no) do update set state = excluded.state, cells = excluded.cells, raw = excluded.raw,
field = excluded.field, reason = excluded.reason

-- name: job_row_drop
delete from model_job_row where job = $1 and row_no = $2

-- name: job_row_get
select row_no, cells, raw, field, reason from model_job_row where job = $1 and row_no = $2 and state = 'rejected'

-- name: job_row_list
select row_no, cells, raw, field, reason from model_job_row
where job = $1 and state = $2 and row_no > $3 order by row_no limit $4

-- name: job_row_all
select row_no, cells, raw, field, reason from model_job_row where job = $1 and state = 'rejected' order by row_no

-- name: job_row_count
select count(*) from model_job_row where job = $1 and state = 'rejected'

-- name: verify_entries
-- Changes of an entity's records above $2, record by record: by the index of that order (hence the sign), not sorted.
select record, seq, at_us, op, actor, after from journal
where entity = $1 and +seq > $2 and record > '' and op in ('insert', 'update', 'delete') order by record, seq

-- name: verify_shape
-- The last time that init changed the entity's columns or dropped its table.
select max(seq) from journal where entity = $1 and record = '' and op = $2
