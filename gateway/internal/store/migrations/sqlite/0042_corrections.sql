-- +goose Up
-- What it says was corrected: it is stopped for good.
ALTER TABLE broadcasts ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
