-- +goose Up
-- Exercises that are planned and measured. A drill's exercise is the alert with its id.
CREATE TABLE drills (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    revision    INTEGER NOT NULL, -- rises with every write; a write names the one that it saw
    due_at      INTEGER NOT NULL, -- when something happens with it; 0: never
    at          INTEGER NOT NULL, -- for when it was planned
    body_sealed BLOB NOT NULL,    -- JSON
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX drills_due ON drills (due_at) WHERE due_at > 0;
CREATE INDEX drills_age ON drills (at);
