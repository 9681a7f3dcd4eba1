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
