-- +goose Up
-- 1: beside each text of the broadcast lies one with room for the member's name.
ALTER TABLE broadcasts ADD COLUMN personal INTEGER NOT NULL DEFAULT 0;
-- Which of them left: 1 the text for all, 2 the pointer, 3 the one with her name; 0: claimed by a release before.
ALTER TABLE attempts ADD COLUMN said INTEGER NOT NULL DEFAULT 0;
