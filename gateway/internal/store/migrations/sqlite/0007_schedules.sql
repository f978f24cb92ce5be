-- +goose Up
-- A schedule with where it stands: next_run names its next run, next_at is when that is to be looked at. Both change by
-- compare-and-set only, in the transaction that records the outcome of the run and stores the broadcast it sends.
CREATE TABLE schedules (
    group_id      BLOB NOT NULL,
    id            BLOB NOT NULL,
    name          TEXT NOT NULL,
    timing        TEXT NOT NULL,    -- JSON
    action_sealed BLOB NOT NULL,
    author        TEXT NOT NULL,
    revision      INTEGER NOT NULL, -- rises when people change it
    paused        INTEGER NOT NULL,
    paused_until  INTEGER NOT NULL,
    next_run      TEXT NOT NULL,    -- empty: there is none any more
    next_at       INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX schedules_name ON schedules (group_id, name);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_run <> '';
CREATE INDEX schedules_timed ON schedules (id) WHERE next_run <> '';

-- Outcomes of runs: one for each.
CREATE TABLE occurrences (
    group_id     BLOB NOT NULL,
    schedule_id  BLOB NOT NULL,
    run          TEXT NOT NULL, -- nominal wall time and UTC offset
    id           BLOB NOT NULL,
    at           INTEGER NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    detail       TEXT NOT NULL,
    decided_by   TEXT NOT NULL,
    broadcast_id BLOB NOT NULL, -- zero: none
    recorded_at  INTEGER NOT NULL,
    PRIMARY KEY (group_id, schedule_id, run)
) WITHOUT ROWID;
CREATE UNIQUE INDEX occurrences_newest ON occurrences (group_id, schedule_id, id);
CREATE INDEX occurrences_asked ON occurrences (group_id, schedule_id) WHERE state = 'asked';
CREATE INDEX occurrences_age ON occurrences (recorded_at);

-- Each member is told at this wall time of her own zone; empty: all are told at start_at. Who is late for longer than
-- late_for, in microseconds, is not told.
ALTER TABLE broadcasts ADD COLUMN local_at TEXT NOT NULL DEFAULT '';
ALTER TABLE broadcasts ADD COLUMN late_for INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0; -- 0: when its broadcast does
