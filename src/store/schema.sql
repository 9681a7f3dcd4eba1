-- SPDX-License-Identifier: MulanPSL-2.0
-- Tables of the store room. Append-only: a released migration is never edited, a change is a new number.
-- The migration history itself (store_migration) is made by store_migrate, see queries.sql.

-- migration: 1 journal
-- journal: every change of every record, written in the transaction of the change, never updated.
--   seq      position, ascending in the order in which readers see it
--   at_us    when, UTC microseconds since 1970
--   actor    user who did it; "system" for the program itself
--   behalf   user on whose behalf, or empty
--   purpose  stated purpose (needed for unmasking), or empty
--   trace    trace id of the request, 32 hex digits, or empty
--   entity   entity of the changed record
--   record   key of the changed record
--   op       insert, update, delete, read (an unmasking), …
--   before   JSON object of the changed fields before, or empty
--   after    JSON object of the changed fields after, or empty
--   digest   SM3 over the canonical form of all of the above (store_journal.c), 64 hex digits
create table journal (
    seq     integer primary key,
    at_us   integer not null,
    actor   text not null,
    behalf  text not null,
    purpose text not null,
    trace   text not null,
    entity  text not null,
    record  text not null,
    op      text not null,
    before  text not null,
    after   text not null,
    digest  text not null
);
create index journal_record on journal (entity, record, seq);
create index journal_entity on journal (entity, seq);

-- migration: 1 journal @postgres
-- journal_seq: numbers of the journal; its oid also names the class of advisory locks behind the horizon.
-- Cache 1: the horizon rule needs last_value to be the highest number handed out.
create sequence journal_seq as bigint cache 1;
create table journal (
    seq     bigint primary key,
    at_us   bigint not null,
    actor   text collate "C" not null,
    behalf  text collate "C" not null,
    purpose text collate "C" not null,
    trace   text collate "C" not null,
    entity  text collate "C" not null,
    record  text collate "C" not null,
    op      text collate "C" not null,
    before  text collate "C" not null,
    after   text collate "C" not null,
    digest  text collate "C" not null
);
create index journal_record on journal (entity, record, seq);
create index journal_entity on journal (entity, seq);
comment on sequence journal_seq is 'numbers of the journal; its oid is the class of the horizon''s advisory locks';
comment on table journal is 'every change of every record, written in the transaction of the change, never updated';
comment on column journal.seq is 'position, ascending in the order in which readers see it';
comment on column journal.at_us is 'when, UTC microseconds since 1970';
comment on column journal.actor is 'user who did it; system for the program itself';
comment on column journal.behalf is 'user on whose behalf, or empty';
comment on column journal.purpose is 'stated purpose, or empty';
comment on column journal.trace is 'trace id of the request, or empty';
comment on column journal.entity is 'entity of the changed record';
comment on column journal.record is 'key of the changed record';
comment on column journal.op is 'insert, update, delete, read (an unmasking), …';
comment on column journal.before is 'JSON object of the changed fields before, or empty';
comment on column journal.after is 'JSON object of the changed fields after, or empty';
comment on column journal.digest is 'SM3 over the canonical form of all of the above, 64 hex digits';

-- migration: 2 seal
-- The journal's Merkle tree (seal.h). journal_node: hash over 256^level entries in order.
--   level      1 = 256 entries, 2 = 65,536, …; entries themselves are in the journal
--   idx        the idx-th such stretch, from 0
--   first_seq, last_seq  its first and last entry
--   hash       64 hex digits
create table journal_node (
    level     integer not null,
    idx       integer not null,
    first_seq integer not null,
    last_seq  integer not null,
    hash      text not null,
    primary key (level, idx)
) without rowid;
create index journal_node_seq on journal_node (level, first_seq);

-- journal_checkpoint: signed heads of the tree.
--   size  entries under it
--   seq   the last of them
--   note  the signed text (seal_note.c), which says all there is
create table journal_checkpoint (
    size integer primary key,
    seq  integer not null,
    note text not null
);
create index journal_checkpoint_seq on journal_checkpoint (seq);

-- seal_key: public keys that sign checkpoints; the private ones are files of DIR/keys.
--   since        size of the tree from which on this key signs
--   public       PEM
--   endorsement  the signed text by which the key before it (the first: itself) names it
create table seal_key (
    id          integer primary key,
    since       integer not null,
    public      text not null,
    endorsement text not null
);

-- migration: 2 seal @postgres
create table journal_node (
    level     integer not null,
    idx       bigint not null,
    first_seq bigint not null,
    last_seq  bigint not null,
    hash      text collate "C" not null,
    primary key (level, idx)
);
create index journal_node_seq on journal_node (level, first_seq);
create table journal_checkpoint (
    size bigint primary key,
    seq  bigint not null,
    note text collate "C" not null
);
create index journal_checkpoint_seq on journal_checkpoint (seq);
create table seal_key (
    id          integer primary key,
    since       bigint not null,
    public      text collate "C" not null,
    endorsement text collate "C" not null
);
comment on table journal_node is 'Merkle tree of the journal: hash over 256^level entries';
comment on table journal_checkpoint is 'signed heads of the journal''s tree';
comment on table seal_key is 'public keys that sign checkpoints';
comment on column journal_node.level is '1 = 256 entries, 2 = 65,536, …';
comment on column journal_node.idx is 'the idx-th such stretch, from 0';
comment on column journal_node.first_seq is 'its first entry';
comment on column journal_node.last_seq is 'its last entry';
comment on column journal_node.hash is '64 hex digits';
comment on column journal_checkpoint.size is 'entries under it';
comment on column journal_checkpoint.seq is 'the last of them';
comment on column journal_checkpoint.note is 'the signed text';
comment on column seal_key.id is 'number of the key, from 1';
comment on column seal_key.since is 'size of the tree from which on this key signs';
comment on column seal_key.public is 'PEM';
comment on column seal_key.endorsement is 'signed text by which the key before it names it';
