-- +goose Up
-- A schedule with where it stands: next_run names its next run, next_at is when that is to be looked at. Both change by
-- compare-and-set only, in the transaction that records the outcome of the run and stores the broadcast it sends.
CREATE TABLE schedules (
    group_id      uuid NOT NULL,
    id            uuid NOT NULL,
    name          text NOT NULL,
    timing        text NOT NULL,    -- JSON
    action_sealed bytea NOT NULL,
    author        text NOT NULL,
    revision      bigint NOT NULL, -- rises when people change it
    paused        boolean NOT NULL,
    paused_until  bigint NOT NULL,
    next_run      text NOT NULL,    -- empty: there is none any more
    next_at       bigint NOT NULL,
    changed_at    bigint NOT NULL,
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX schedules_name ON schedules (group_id, name);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_run <> '';
CREATE INDEX schedules_timed ON schedules (id) WHERE next_run <> '';
ALTER TABLE schedules SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);

-- Outcomes of runs: one for each.
CREATE TABLE occurrences (
    group_id     uuid NOT NULL,
    schedule_id  uuid NOT NULL,
    run          text NOT NULL, -- nominal wall time and UTC offset
    id           uuid NOT NULL,
    at           bigint NOT NULL,
    state        text NOT NULL,
    reason       text NOT NULL,
    detail       text NOT NULL,
    decided_by   text NOT NULL,
    broadcast_id uuid NOT NULL, -- zero: none
    recorded_at  bigint NOT NULL,
    PRIMARY KEY (group_id, schedule_id, run)
);
CREATE UNIQUE INDEX occurrences_newest ON occurrences (group_id, schedule_id, id);
CREATE INDEX occurrences_asked ON occurrences (group_id, schedule_id) WHERE state = 'asked';
CREATE INDEX occurrences_age ON occurrences (recorded_at);

-- Each member is told at this wall time of her own zone; empty: all are told at start_at. Who is late for longer than
-- late_for, in microseconds, is not told.
ALTER TABLE broadcasts ADD COLUMN local_at text NOT NULL DEFAULT '';
ALTER TABLE broadcasts ADD COLUMN late_for bigint NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN expires_at bigint NOT NULL DEFAULT 0; -- 0: when its broadcast does
