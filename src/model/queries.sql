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
