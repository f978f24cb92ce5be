-- +goose Up
-- Exercises that are planned and measured. A drill's exercise is the alert with its id.
CREATE TABLE drills (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    revision    bigint NOT NULL, -- rises with every write; a write names the one that it saw
    due_at      bigint NOT NULL, -- when something happens with it; 0: never
    at          bigint NOT NULL, -- for when it was planned
    body_sealed bytea NOT NULL,  -- JSON
    PRIMARY KEY (group_id, id)
);
CREATE INDEX drills_due ON drills (due_at) WHERE due_at > 0;
CREATE INDEX drills_age ON drills (at);
ALTER TABLE drills SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
