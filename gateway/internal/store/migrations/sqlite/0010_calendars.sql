-- +goose Up
-- Calendars of groups, and where their events come from.
CREATE TABLE calendars (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    name        TEXT NOT NULL,
    topic       TEXT NOT NULL,
    zone        TEXT NOT NULL,
    every       INTEGER NOT NULL, -- minutes; 0: a file
    fresh       TEXT NOT NULL,    -- JSON
    next_at     INTEGER NOT NULL, -- when it is asked for again; 0: never
    edition     INTEGER NOT NULL, -- rises with every write; a write names the one that it saw
    url_sealed  BLOB,
    file_sealed BLOB,
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, name)
) WITHOUT ROWID;
CREATE INDEX calendars_due ON calendars (next_at) WHERE next_at > 0;

-- What is kept of calendars: a row for every time that something takes place.
CREATE TABLE events (
    group_id      BLOB NOT NULL,
    id            BLOB NOT NULL,
    calendar_id   BLOB NOT NULL,
    start_at      INTEGER NOT NULL,
    end_at        INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    settled       INTEGER NOT NULL, -- the revision that reminders were told of; 0: they know nothing of it
    event_sealed  BLOB NOT NULL,
    before_sealed BLOB,             -- what it was in the settled revision
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX events_of ON events (group_id, calendar_id, end_at);
CREATE INDEX events_changed ON events (id) WHERE settled < revision;
CREATE INDEX events_over ON events (end_at);

-- Calendars that somebody may subscribe to under a secret address.
CREATE TABLE feeds (
    group_id   BLOB NOT NULL,
    id         BLOB NOT NULL,
    member_id  BLOB NOT NULL, -- zero: the group's
    label      TEXT NOT NULL,
    digest     BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX feeds_member ON feeds (group_id, member_id);
