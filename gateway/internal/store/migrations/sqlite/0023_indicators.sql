-- +goose Up
-- When the addresses of a series' indicators are asked again; zero: never.
ALTER TABLE series ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX series_due ON series (next_at) WHERE next_at > 0;

-- An edition that anybody may read is found by its id.
CREATE UNIQUE INDEX editions_id ON editions (id);
