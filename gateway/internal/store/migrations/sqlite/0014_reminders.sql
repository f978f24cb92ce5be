-- +goose Up
-- When an event is to be looked at for its next reminder; 0: never. Changed by compare-and-set only, in the transaction that
-- stores what is sent.
ALTER TABLE events ADD COLUMN remind_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_remind ON events (remind_at) WHERE remind_at > 0 AND settled = revision;

-- The broadcasts that told of an event.
CREATE TABLE reminders (
    group_id     BLOB NOT NULL,
    event_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    lead         TEXT NOT NULL, -- empty: it told of a change
    at           INTEGER NOT NULL,
    PRIMARY KEY (group_id, event_id, broadcast_id)
) WITHOUT ROWID;
CREATE INDEX reminders_age ON reminders (at);
