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

-- migration: 3 jobs
-- model_job: imports and exports that go on without their request, and survive a restart.
-- model_job_row: rows of an import that were rejected or wait; each is written with the slice it belongs to.
create table model_job (
    id text not null primary key,
    kind text not null,              -- import, export
    owner text not null,             -- login name of its maker, as whom it runs
    behalf text not null,            -- on whose behalf, or empty
    home text not null,              -- the server whose data folder holds its file
    entity text not null,
    name text not null,              -- file name
    spec text not null,              -- JSON: form of the file, columns, mode; an export: query, format
    state text not null,             -- ready, checking, checked, running, stopped, done, failed
    phase text not null,             -- what the figures are of: empty, check, run
    turn integer not null,              -- counts its starts: an older thread of the same job gives up
    size integer not null,              -- bytes of the file
    bytes integer not null,             -- of them read
    position integer not null,          -- number of the last row that is dealt with
    total integer not null,             -- rows, estimated; -1 = unknown
    n_read integer not null,
    accepted integer not null,
    rejected integer not null,
    skipped integer not null,
    waiting integer not null,           -- rows that refer to a record further down
    error text not null,             -- why it failed or stopped, or empty
    trace text not null,
    created_us integer not null,
    started_us integer not null,
    ended_us integer not null,
    worked_us integer not null          -- time spent on rows, for the rate
);
create index model_job_owner on model_job (owner, created_us);
create table model_job_row (
    job text not null,
    row_no integer not null,            -- of the file
    state text not null,             -- rejected; later: refers to a record that is not there yet
    cells text not null,             -- JSON list by column; null = absent
    raw text not null,               -- what could not be taken apart, or empty
    field text not null,
    reason text not null,
    primary key (job, row_no)
);

-- migration: 3 jobs @postgres
create table model_job (
    id text collate "C" not null primary key,
    kind text collate "C" not null,
    owner text collate "C" not null,
    behalf text collate "C" not null,
    home text collate "C" not null,
    entity text collate "C" not null,
    name text collate "C" not null,
    spec text collate "C" not null,
    state text collate "C" not null,
    phase text collate "C" not null,
    turn bigint not null,
    size bigint not null,
    bytes bigint not null,
    position bigint not null,
    total bigint not null,
    n_read bigint not null,
    accepted bigint not null,
    rejected bigint not null,
    skipped bigint not null,
    waiting bigint not null,
    error text collate "C" not null,
    trace text collate "C" not null,
    created_us bigint not null,
    started_us bigint not null,
    ended_us bigint not null,
    worked_us bigint not null
);
create index model_job_owner on model_job (owner, created_us);
create table model_job_row (
    job text collate "C" not null,
    row_no bigint not null,
    state text collate "C" not null,
    cells text collate "C" not null,
    raw text collate "C" not null,
    field text collate "C" not null,
    reason text collate "C" not null,
    primary key (job, row_no)
);
comment on table model_job is 'imports and exports that go on without their request';
comment on column model_job.kind is 'import, export';
comment on column model_job.owner is 'login name of its maker, as whom it runs';
comment on column model_job.behalf is 'on whose behalf, or empty';
comment on column model_job.home is 'the server whose data folder holds its file';
comment on column model_job.name is 'file name';
comment on column model_job.spec is 'JSON: form of the file, columns, mode; an export: query, format';
comment on column model_job.state is 'ready, checking, checked, running, stopped, done, failed';
comment on column model_job.phase is 'what the figures are of: empty, check, run';
comment on column model_job.turn is 'counts its starts: an older thread of the same job gives up';
comment on column model_job.size is 'bytes of the file';
comment on column model_job.bytes is 'of them read';
comment on column model_job.position is 'number of the last row that is dealt with';
comment on column model_job.total is 'rows, estimated; -1 = unknown';
comment on column model_job.waiting is 'rows that refer to a record further down';
comment on column model_job.error is 'why it failed or stopped, or empty';
comment on column model_job.worked_us is 'time spent on rows, for the rate';
comment on table model_job_row is 'rows of an import that were rejected or wait';
comment on column model_job_row.row_no is 'of the file';
comment on column model_job_row.state is 'rejected; later: refers to a record that is not there yet';
comment on column model_job_row.cells is 'JSON list by column; null = absent';
comment on column model_job_row.raw is 'what could not be taken apart, or empty';
