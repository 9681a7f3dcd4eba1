-- SPDX-License-Identifier: MulanPSL-2.0
-- Tables of the insight room: how far the journal was followed, and which formula each version of an indicator has.
-- The values themselves are records of the entity indicator_value.
-- Append-only: a released migration is never edited, a change is a new number.

-- migration: 1 insight
-- insight_state: one row: who computes at present and up to where it was done.
create table insight_state (
    id       integer not null primary key,
    owner    text not null,             -- server, '' = nobody
    until_us integer not null,          -- end of the lease, UTC microseconds
    seq      integer not null           -- journal entry up to which changes were looked at; -1 = never
);
insert into insight_state (id, owner, until_us, seq) values (1, '', 0, -1);
-- insight_formula: a changed formula begins a new version.
create table insight_formula (
    indicator text not null,
    version   integer not null,
    formula   text not null,            -- SM3 of what is computed
    since_us  integer not null,
    primary key (indicator, version)
);

-- migration: 1 insight @postgres
create table insight_state (
    id bigint not null primary key,
    owner text collate "C" not null,
    until_us bigint not null,
    seq bigint not null
);
insert into insight_state (id, owner, until_us, seq) values (1, '', 0, -1);
create table insight_formula (
    indicator text collate "C" not null,
    version bigint not null,
    formula text collate "C" not null,
    since_us bigint not null,
    primary key (indicator, version)
);
comment on table insight_state is 'one row: who computes at present and up to where it was done';
comment on column insight_state.owner is 'server, '''' = nobody';
comment on column insight_state.until_us is 'end of the lease, UTC microseconds';
comment on column insight_state.seq is 'journal entry up to which changes were looked at; -1 = never';
comment on table insight_formula is 'a changed formula begins a new version';
comment on column insight_formula.formula is 'SM3 of what is computed';
