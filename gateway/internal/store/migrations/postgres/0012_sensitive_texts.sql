-- +goose Up
-- True: the channel is fit for texts marked sensitive; over the others they leave as a pointer.
ALTER TABLE channels ADD COLUMN sensitive boolean NOT NULL DEFAULT false;
