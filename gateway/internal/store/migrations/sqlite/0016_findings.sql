-- +goose Up
-- What the watchdog has found and is not well yet. It names no person.
CREATE TABLE findings (
    id        BLOB PRIMARY KEY,
    code      TEXT NOT NULL,
    group_id  BLOB NOT NULL, -- zero: the operator's
    about     BLOB NOT NULL, -- a channel, schedule or calendar; zero: none
    name      TEXT NOT NULL,
    part      TEXT NOT NULL,
    since     INTEGER NOT NULL,
    opened_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX occurrences_open ON occurrences (recorded_at) WHERE state IN ('asked', 'failed');
CREATE INDEX calendars_failing ON calendars (group_id, id) WHERE instr(fresh, '"failing_since":') > 0;
