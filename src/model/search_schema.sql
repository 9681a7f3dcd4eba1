-- The search index beside the records: what is indexed, and how far. Its tables of words are made by
-- search_store.c, two an entity on SQLite (_find_E, _fts_E), one on PostgreSQL (_find_E).

-- migration: 1 search
create table search_entity (
    entity text not null primary key,
    spec text not null,      -- the fields that are indexed and how; another one: all is made anew
    built integer not null,  -- 1: every record is in the index; 0: being made
    at text,                 -- id of the last record indexed while it is being made
    next integer not null,   -- SQLite: next number of a document in _fts_E; never given twice
    docs integer not null    -- records indexed so far while it is being made
);
create table search_cursor (
    id integer not null primary key,  -- 1
    seq integer not null,             -- the journal is followed to here
    owner text not null,              -- which server indexes
    until_us integer not null         -- end of its lease, UTC microseconds
);
insert into search_cursor (id, seq, owner, until_us) values (1, -1, '', 0);

-- migration: 1 search @postgres
create table search_entity (
    entity text collate "C" not null primary key,
    spec text not null,
    built bigint not null,
    at text,
    next bigint not null,
    docs bigint not null
);
comment on table search_entity is 'what of each entity is in the search index';
comment on column search_entity.entity is 'name of the entity';
comment on column search_entity.spec is 'the fields that are indexed and how; another one: all is made anew';
comment on column search_entity.built is '1: every record is in the index; 0: being made';
comment on column search_entity.at is 'id of the last record indexed while it is being made';
comment on column search_entity.next is 'SQLite only';
comment on column search_entity.docs is 'records indexed so far while it is being made';
create table search_cursor (
    id bigint not null primary key,
    seq bigint not null,
    owner text not null,
    until_us bigint not null
);
comment on table search_cursor is 'how far the index follows the journal, and which server does it';
comment on column search_cursor.id is '1';
comment on column search_cursor.seq is 'the journal is followed to here';
comment on column search_cursor.owner is 'which server indexes';
comment on column search_cursor.until_us is 'end of its lease, UTC microseconds';
insert into search_cursor (id, seq, owner, until_us) values (1, -1, '', 0);
