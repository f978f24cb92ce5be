-- +goose Up
-- Answers that were given to what people wrote, for a day: so that two machines do not answer each other for ever.
CREATE TABLE answered (
    group_id BLOB NOT NULL,
    to_id    BLOB NOT NULL, -- a contact point, or a member
    once     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (group_id, to_id, once)
) WITHOUT ROWID;
CREATE INDEX answered_at ON answered (at);
