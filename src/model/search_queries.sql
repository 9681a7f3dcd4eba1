-- name: cursor_get
select seq from search_cursor where id = 1

-- name: cursor_move
-- Fails to change anything when another server moved it.
update search_cursor set seq = $2 where id = 1 and seq = $1

-- name: lease_take
-- Mine, free, or its lease has run out.
update search_cursor set owner = $1, until_us = $2 where id = 1 and (owner = $1 or until_us < $3)

-- name: entity_list
select entity, spec, built, at, next, docs from search_entity order by entity

-- name: entity_get
select spec, built, next, docs from search_entity where entity = $1

-- name: entity_put
insert into search_entity (entity, spec, built, at, next, docs) values ($1, $2, 0, null, 1, 0)
on conflict (entity) do update set spec = excluded.spec, built = 0, at = null, next = 1, docs = 0

-- name: entity_drop
delete from search_entity where entity = $1

-- name: entity_at
update search_entity set at = $2, docs = docs + $3 where entity = $1

-- name: entity_next
update search_entity set next = $2 where entity = $1

-- name: entity_built
update search_entity set built = 1, at = null where entity = $1

-- name: pending
-- Changed since the index last followed the journal.
select record from journal where entity = $1 and seq > $2 order by seq limit $3
