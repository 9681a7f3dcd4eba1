-- What the packs have declared and the database holds: compared with the packs to find what must change.

-- migration: 1 applied
create table model_entity (
    name text not null primary key,  -- entity name = table name
    spec text not null               -- JSON: key, fields with storage and limits, unique sets, indexes
);
create table model_load (
    file text not null primary key,  -- data file of a pack, system/path
    digest text not null,            -- SM3 of its bytes when it was loaded: an unchanged file is not loaded again
    loaded_at text not null          -- UTC
);

-- migration: 1 applied @postgres
create table model_entity (
    name text collate "C" not null primary key,
    spec text not null
);
comment on table model_entity is 'entities whose tables exist, as last applied';
comment on column model_entity.name is 'entity name = table name';
comment on column model_entity.spec is 'JSON: key, fields with storage and limits, unique sets, indexes';
create table model_load (
    file text collate "C" not null primary key,
    digest text not null,
    loaded_at text not null
);
comment on table model_load is 'data files of packs that were loaded';
comment on column model_load.file is 'system/path';
comment on column model_load.digest is 'SM3 of its bytes when it was loaded';
comment on column model_load.loaded_at is 'UTC';

-- migration: 2 data keys
create table model_key (
    id integer not null primary key,  -- ascending; the highest is the current one
    box text not null,                -- the key sealed under the city's root key, base64url
    created_at text not null          -- UTC
);

-- migration: 2 data keys @postgres
create table model_key (
    id bigint not null primary key,
    box text not null,
    created_at text not null
);
comment on table model_key is 'keys of fields of sensitivity 4';
comment on column model_key.id is 'ascending; the highest is the current one';
comment on column model_key.box is 'the key sealed under the city''s root key, base64url';
comment on column model_key.created_at is 'UTC';
