-- +goose Up
-- Calendars of groups, and where their events come from.
CREATE TABLE calendars (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    name        text COLLATE "C" NOT NULL,
    topic       text NOT NULL,
    zone        text NOT NULL,
    every       integer NOT NULL, -- minutes; 0: a file
    fresh       text NOT NULL,    -- JSON
    next_at     bigint NOT NULL,  -- when it is asked for again; 0: never
    edition     bigint NOT NULL,  -- rises with every write; a write names the one that it saw
    url_sealed  bytea,
    file_sealed bytea,
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, name)
);
CREATE INDEX calendars_due ON calendars (next_at) WHERE next_at > 0;

-- What is kept of calendars: a row for every time that something takes place.
CREATE TABLE events (
    group_id      uuid NOT NULL,
    id            uuid NOT NULL,
    calendar_id   uuid NOT NULL,
    start_at      bigint NOT NULL,
    end_at        bigint NOT NULL,
    revision      integer NOT NULL,
    settled       integer NOT NULL, -- the revision that reminders were told of; 0: they know nothing of it
    event_sealed  bytea NOT NULL,
    before_sealed bytea,            -- what it was in the settled revision
    PRIMARY KEY (group_id, id)
);
CREATE INDEX events_of ON events (group_id, calendar_id, end_at);
CREATE INDEX events_changed ON events (id) WHERE settled < revision;
CREATE INDEX events_over ON events (end_at);

-- Calendars that somebody may subscribe to under a secret address.
CREATE TABLE feeds (
    group_id   uuid NOT NULL,
    id         uuid NOT NULL,
    member_id  uuid NOT NULL, -- zero: the group's
    label      text NOT NULL,
    digest     bytea NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    PRIMARY KEY (group_id, id)
);
CREATE INDEX feeds_member ON feeds (group_id, member_id);

ALTER TABLE calendars SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
