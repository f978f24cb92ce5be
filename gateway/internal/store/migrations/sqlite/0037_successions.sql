-- +goose Up
-- The channel that has taken this one's place; zero: none.
ALTER TABLE channels ADD COLUMN replaced_by BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
