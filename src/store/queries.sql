-- SPDX-License-Identifier: MulanPSL-2.0
-- Named statements of the store room (tools/sqlgen). Parameters are $1 … $n on both databases.

-- name: migration_table
-- The migration history: room, number and name of each migration applied, and when (UTC, RFC 3339).
create table if not exists store_migration (
    room       text not null,
    number     integer not null,
    name       text not null,
    applied_at text not null,
    primary key (room, number)
)

-- name: migration_table @postgres
create table if not exists store_migration (
    room       text collate "C" not null,
    number     integer not null,
    name       text collate "C" not null,
    applied_at text collate "C" not null,
    primary key (room, number)
)

-- name: migration_done
select name from store_migration where room = $1 and number = $2

-- name: migration_note
insert into store_migration (room, number, name, applied_at) values ($1, $2, $3, $4)

-- name: journal_last
-- SQLite: highest entry in sight. PostgreSQL: highest number handed out, whoever may still hold it.
select coalesce(max(seq), 0) from journal

-- name: journal_last @postgres
select coalesce(pg_sequence_last_value('journal_seq'::regclass), 0)

-- name: journal_low
-- The lowest mark under which a running transaction may still commit an entry, or null: $1 = journal_last read
-- before. A mark's low 32 bits are in objid; the signed distance to $1 gives the whole number back.
select null where $1 < 0

-- name: journal_low @postgres
select min($1::bigint + (objid::bigint - ($1::bigint & 4294967295) + 6442450944) % 4294967296 - 2147483648)
from pg_locks
where locktype = 'advisory' and classid = 'journal_seq'::regclass::oid and objsubid = 1 and granted
  and database = (select oid from pg_database where datname = current_database())

-- name: journal_head
-- The last entry that no other can still appear below: $1 = the horizon.
select coalesce(max(seq), 0) from journal where seq <= $1

-- name: journal_back
-- Among the last $2 entries up to the horizon $1, the oldest that is not older than $3 (microseconds); null: none.
select min(seq) from (select seq, at_us from journal where seq <= $1 order by seq desc limit $2) t where at_us >= $3

-- name: journal_newest
-- The last entry in this snapshot, whatever may still commit below it: what a backup of the snapshot ends with.
select seq, digest from journal order by seq desc limit 1

-- name: journal_oldest
select digest from journal order by seq limit 1

-- name: journal_take_first
-- PostgreSQL, before a transaction's first number: a shared advisory lock on the sequence's present value, held
-- to the end of the transaction, and only then the number. `where held is not null` makes the order certain.
select coalesce(max(seq), 0) + 1 from journal

-- name: journal_take_first @postgres
with l as materialized (
    select pg_advisory_xact_lock_shared(('journal_seq'::regclass::oid::bigint << 32)
        | (coalesce(pg_sequence_last_value('journal_seq'::regclass), 0) & 4294967295)) as held
)
select nextval('journal_seq') from l where held is not null

-- name: journal_take
select coalesce(max(seq), 0) + 1 from journal

-- name: journal_take @postgres
select nextval('journal_seq')

-- name: journal_take_many
-- $1 numbers as one text; for a transaction that has shown it writes many entries.
select '' where $1 < 0

-- name: journal_take_many @postgres
select array_to_string(array(select nextval('journal_seq') from generate_series(1, $1::int)), ' ')

-- name: journal_insert
insert into journal (seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: journal_all
-- Entries above $1 up to the horizon $2, oldest first; $3 = how many.
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where seq > $1 and seq <= $2 order by seq limit $3

-- name: journal_all_newest
-- Entries under $1 up to the horizon $2, newest first.
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where seq < $1 and seq <= $2 order by seq desc limit $3

-- name: journal_entity
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where entity = $4 and seq > $1 and seq <= $2 order by seq limit $3

-- name: journal_entity_newest
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where entity = $4 and seq < $1 and seq <= $2 order by seq desc limit $3

-- name: journal_record
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where entity = $4 and record = $5 and seq > $1 and seq <= $2 order by seq limit $3

-- name: journal_record_newest
select seq, at_us, actor, behalf, purpose, trace, entity, record, op, before, after, digest
from journal where entity = $4 and record = $5 and seq < $1 and seq <= $2 order by seq desc limit $3

-- name: seal_entries
-- What the tree is made of: digests above $1 up to $2, oldest first; $3 = how many.
select seq, digest from journal where seq > $1 and seq <= $2 order by seq limit $3

-- name: seal_last
select size, seq, note from journal_checkpoint order by size desc limit 1

-- name: seal_at
select size, seq, note from journal_checkpoint where size = $1

-- name: seal_covering
-- The first checkpoint over the entry $1.
select size, seq, note from journal_checkpoint where seq >= $1 order by seq limit 1

-- name: seal_after
select size, seq, note from journal_checkpoint where size > $1 order by size limit $2

-- name: seal_before
select size, seq, note from journal_checkpoint where size < $1 order by size desc limit $2

-- name: seal_note
insert into journal_checkpoint (size, seq, note) values ($1, $2, $3)

-- name: seal_node
insert into journal_node (level, idx, first_seq, last_seq, hash) values ($1, $2, $3, $4, $5)

-- name: seal_node_at
select first_seq, last_seq, hash from journal_node where level = $1 and idx = $2

-- name: seal_node_of
-- The stretch of 256 entries in which the entry $1 would be, or the last before it.
select idx, first_seq, last_seq from journal_node where level = 1 and first_seq <= $1 order by first_seq desc limit 1

-- name: seal_node_last
select idx, last_seq from journal_node where level = 1 order by idx desc limit 1

-- name: seal_nodes
select hash from journal_node where level = $1 and idx >= $2 and idx < $3 order by idx

-- name: seal_counts
-- Counted by columns that are in no index, so that the tables themselves are read.
select (select count(note) from journal_checkpoint), (select count(hash) from journal_node)

-- name: seal_key
insert into seal_key (id, since, public, endorsement) values ($1, $2, $3, $4)

-- name: seal_keys
select id, since, public, endorsement from seal_key order by id
