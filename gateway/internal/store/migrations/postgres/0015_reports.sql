-- +goose Up
-- A series of reports.
CREATE TABLE series (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    name        text NOT NULL,
    revision    bigint NOT NULL,
    body_sealed bytea NOT NULL, -- JSON
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX series_name ON series (group_id, name);

-- An edition of a series. It changes by compare-and-set of its revision only; retention does not touch it.
CREATE TABLE editions (
    group_id     uuid NOT NULL,
    series_id    uuid NOT NULL,
    number       bigint NOT NULL,
    id           uuid NOT NULL,
    state        text NOT NULL,
    revision     bigint NOT NULL,
    broadcast_id uuid NOT NULL, -- zero: it is not sent
    body_sealed  bytea NOT NULL, -- JSON
    PRIMARY KEY (group_id, series_id, number)
);
ALTER TABLE series SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE editions SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
