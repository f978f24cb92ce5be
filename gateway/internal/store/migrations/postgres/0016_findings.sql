-- +goose Up
-- What the watchdog has found and is not well yet. It names no person.
CREATE TABLE findings (
    id        uuid PRIMARY KEY,
    code      text NOT NULL,
    group_id  uuid NOT NULL, -- zero: the operator's
    about     uuid NOT NULL, -- a channel, schedule or calendar; zero: none
    name      text NOT NULL,
    part      text NOT NULL,
    since     bigint NOT NULL,
    opened_at bigint NOT NULL
);

CREATE INDEX occurrences_open ON occurrences (recorded_at) WHERE state IN ('asked', 'failed');
CREATE INDEX calendars_failing ON calendars (group_id, id) WHERE position('"failing_since":' IN fresh) > 0;
