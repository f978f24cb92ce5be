-- +goose Up
-- A series of reports.
CREATE TABLE series (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    name        TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    body_sealed BLOB NOT NULL, -- JSON
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX series_name ON series (group_id, name);

-- An edition of a series. It changes by compare-and-set of its revision only; retention does not touch it.
CREATE TABLE editions (
    group_id     BLOB NOT NULL,
    series_id    BLOB NOT NULL,
    number       INTEGER NOT NULL,
    id           BLOB NOT NULL,
    state        TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    broadcast_id BLOB NOT NULL, -- zero: it is not sent
    body_sealed  BLOB NOT NULL, -- JSON
    PRIMARY KEY (group_id, series_id, number)
) WITHOUT ROWID;
