-- SPDX-License-Identifier: MulanPSL-2.0
-- Tables of the rule room: how far reactions have come, what they did, what waits to go out, the inbox.
-- Append-only: a released migration is never edited, a change is a new number.

-- migration: 1 reactions
-- rule_step: how far a lane of the journal has been worked off. Each step is a row of its own, so that two servers
-- that try the same step collide on the key, and lanes never touch each other's rows. Old steps are swept.
create table rule_step (
    lane     integer not null,          -- 0–7: hash of entity and record
    from_seq integer not null,          -- journal entry up to which the lane had come before
    to_seq   integer not null,          -- and up to which it has come with this step
    primary key (lane, from_seq)
);
-- rule_lane: which server works on a lane at present.
create table rule_lane (
    lane     integer not null primary key,
    owner    text not null,             -- server, '' = nobody
    until_us integer not null           -- end of the lease, UTC microseconds
);
create table rule_server (
    owner   text not null primary key,
    seen_us integer not null            -- last sign of life, UTC microseconds
);
-- rule_state: what a reaction needs to remember: since when it is known, and its last cron occurrence.
create table rule_state (
    reaction text not null primary key,
    since_us integer not null,
    last_us  integer not null
);
-- rule_done: one row an action that took effect; the key makes it exactly once.
create table rule_done (
    action_key text not null primary key,
    reaction   text not null,
    entity     text not null,
    record     text not null,
    seq        integer not null,        -- journal entry that it followed from; 0 = none
    kept       integer not null,        -- 1 = the key was given by the pack: never swept
    at_us      integer not null
);
create index rule_done_record on rule_done (entity, record, at_us);
create index rule_done_at on rule_done (at_us);
-- rule_fired: one row an occurrence of a moment or a cron line, whichever server saw it first.
create table rule_fired (
    fire_key text not null primary key,
    at_us    integer not null
);
create index rule_fired_at on rule_fired (at_us);
-- rule_event: alarms and messages that wait for their reactions.
create table rule_event (
    id     text not null primary key,
    kind   text not null,               -- message, alarm
    name   text not null,
    entity text not null,               -- record it is about, or empty
    record text not null,
    body   text not null,               -- JSON
    at_us  integer not null
);
-- rule_origin: consequences of one original journal entry, counted against storms.
create table rule_origin (
    origin integer not null primary key,
    n      integer not null,
    at_us  integer not null
);
-- rule_cut: what the storm protection cut off.
create table rule_cut (
    cut_key  text not null primary key,
    reaction text not null,
    entity   text not null,
    record   text not null,
    seq      integer not null,
    origin   integer not null,          -- journal entry with which it began
    chain    text not null,             -- reactions that followed one from the other
    why      text not null,
    at_us    integer not null
);
-- rule_dead: reactions that failed for good and wait for a person.
create table rule_dead (
    dead_key text not null primary key,
    reaction text not null,
    entity   text not null,
    record   text not null,
    seq      integer not null,
    job      text not null,             -- JSON: what it reacted to, for a replay
    reason   text not null,
    at_us    integer not null
);
-- rule_outbox: what goes out, written in the transaction that decided it.
create table rule_outbox (
    out_key    text not null primary key,
    reaction   text not null,
    kind       text not null,           -- mail, webhook, sms, call
    person     text not null,           -- user it is for, or empty
    payload    text not null,           -- JSON
    state      text not null,           -- wait, busy, digest, sent, dead
    tries      integer not null,
    next_us    integer not null,        -- not before; for busy: end of the sender's claim
    last_error text not null,
    at_us      integer not null
);
create index rule_outbox_next on rule_outbox (state, next_us);
create table rule_inbox (
    id        text not null primary key,
    user_name text not null,
    title     text not null,
    body      text not null,
    entity    text not null,
    record    text not null,
    at_us     integer not null,
    read_us   integer not null          -- 0 = unread
);
create index rule_inbox_user on rule_inbox (user_name, at_us);
create index rule_inbox_unread on rule_inbox (user_name, read_us);
-- rule_quiet: how a person wants to be told.
create table rule_quiet (
    user_name  text not null primary key,
    quiet_from text not null,           -- HH:MM China time, '' = never quiet
    quiet_to   text not null,
    digest     integer not null,        -- 1 = mails once a day, together
    mail       text not null,
    phone      text not null
);

-- migration: 1 reactions @postgres
create table rule_step (
    lane bigint not null,
    from_seq bigint not null,
    to_seq bigint not null,
    primary key (lane, from_seq)
);
create table rule_lane (
    lane bigint not null primary key,
    owner text collate "C" not null,
    until_us bigint not null
);
create table rule_server (
    owner text collate "C" not null primary key,
    seen_us bigint not null
);
create table rule_state (
    reaction text collate "C" not null primary key,
    since_us bigint not null,
    last_us bigint not null
);
create table rule_done (
    action_key text collate "C" not null primary key,
    reaction text collate "C" not null,
    entity text collate "C" not null,
    record text collate "C" not null,
    seq bigint not null,
    kept bigint not null,
    at_us bigint not null
);
create index rule_done_record on rule_done (entity, record, at_us);
create index rule_done_at on rule_done (at_us);
create table rule_fired (
    fire_key text collate "C" not null primary key,
    at_us bigint not null
);
create index rule_fired_at on rule_fired (at_us);
create table rule_event (
    id text collate "C" not null primary key,
    kind text collate "C" not null,
    name text collate "C" not null,
    entity text collate "C" not null,
    record text collate "C" not null,
    body text collate "C" not null,
    at_us bigint not null
);
create table rule_origin (
    origin bigint not null primary key,
    n bigint not null,
    at_us bigint not null
);
create table rule_cut (
    cut_key text collate "C" not null primary key,
    reaction text collate "C" not null,
    entity text collate "C" not null,
    record text collate "C" not null,
    seq bigint not null,
    origin bigint not null,
    chain text collate "C" not null,
    why text collate "C" not null,
    at_us bigint not null
);
create table rule_dead (
    dead_key text collate "C" not null primary key,
    reaction text collate "C" not null,
    entity text collate "C" not null,
    record text collate "C" not null,
    seq bigint not null,
    job text collate "C" not null,
    reason text collate "C" not null,
    at_us bigint not null
);
create table rule_outbox (
    out_key text collate "C" not null primary key,
    reaction text collate "C" not null,
    kind text collate "C" not null,
    person text collate "C" not null,
    payload text collate "C" not null,
    state text collate "C" not null,
    tries bigint not null,
    next_us bigint not null,
    last_error text collate "C" not null,
    at_us bigint not null
);
create index rule_outbox_next on rule_outbox (state, next_us);
create table rule_inbox (
    id text collate "C" not null primary key,
    user_name text collate "C" not null,
    title text collate "C" not null,
    body text collate "C" not null,
    entity text collate "C" not null,
    record text collate "C" not null,
    at_us bigint not null,
    read_us bigint not null
);
create index rule_inbox_user on rule_inbox (user_name, at_us);
create index rule_inbox_unread on rule_inbox (user_name, read_us);
create table rule_quiet (
    user_name text collate "C" not null primary key,
    quiet_from text collate "C" not null,
    quiet_to text collate "C" not null,
    digest bigint not null,
    mail text collate "C" not null,
    phone text collate "C" not null
);
comment on table rule_step is 'how far a lane of the journal has been worked off';
comment on column rule_step.lane is '0–7: hash of entity and record';
comment on column rule_step.from_seq is 'journal entry up to which the lane had come before';
comment on column rule_step.to_seq is 'and up to which it has come with this step';
comment on table rule_lane is 'which server works on a lane';
comment on column rule_lane.owner is 'server, '''' = nobody';
comment on column rule_lane.until_us is 'end of the lease, UTC microseconds';
comment on table rule_server is 'servers and their last sign of life';
comment on column rule_server.seen_us is 'last sign of life, UTC microseconds';
comment on table rule_state is 'what a reaction remembers';
comment on table rule_done is 'one row an action that took effect';
comment on column rule_done.seq is 'journal entry that it followed from; 0 = none';
comment on column rule_done.kept is '1 = the key was given by the pack: never swept';
comment on table rule_fired is 'occurrences of moments and cron lines';
comment on table rule_event is 'alarms and messages that wait for reactions';
comment on column rule_event.kind is 'message, alarm';
comment on column rule_event.entity is 'record it is about, or empty';
comment on column rule_event.body is 'JSON';
comment on table rule_origin is 'consequences of one original journal entry';
comment on table rule_cut is 'what the storm protection cut off';
comment on column rule_cut.origin is 'journal entry with which it began';
comment on column rule_cut.chain is 'reactions that followed one from the other';
comment on table rule_dead is 'reactions that failed for good';
comment on column rule_dead.job is 'JSON: what it reacted to, for a replay';
comment on table rule_outbox is 'what goes out';
comment on column rule_outbox.kind is 'mail, webhook, sms, call';
comment on column rule_outbox.person is 'user it is for, or empty';
comment on column rule_outbox.payload is 'JSON';
comment on column rule_outbox.state is 'wait, busy, digest, sent, dead';
comment on column rule_outbox.next_us is 'not before; for busy: end of the sender''s claim';
comment on table rule_inbox is 'messages to people';
comment on column rule_inbox.read_us is '0 = unread';
comment on table rule_quiet is 'how a person wants to be told';
comment on column rule_quiet.quiet_from is 'HH:MM China time, '''' = never quiet';
comment on column rule_quiet.digest is '1 = mails once a day, together';
