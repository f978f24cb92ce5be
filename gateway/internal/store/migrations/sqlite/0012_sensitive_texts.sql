-- +goose Up
-- 1: the channel is fit for texts marked sensitive; over the others they leave as a pointer.
ALTER TABLE channels ADD COLUMN sensitive INTEGER NOT NULL DEFAULT 0;
