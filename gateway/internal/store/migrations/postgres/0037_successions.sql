-- +goose Up
-- The channel that has taken this one's place; zero: none.
ALTER TABLE channels ADD COLUMN replaced_by uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
