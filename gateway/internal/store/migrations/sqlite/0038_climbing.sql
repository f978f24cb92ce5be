-- +goose Up
-- Slugs of groups whose alerts may climb to this one's members, with commas between; empty: nobody's.
ALTER TABLE groups ADD COLUMN climb_from TEXT NOT NULL DEFAULT '';
