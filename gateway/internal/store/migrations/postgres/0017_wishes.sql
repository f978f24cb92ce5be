-- +goose Up
-- Until when a member gets no reports and no reminders, in microseconds; 0: she gets them.
ALTER TABLE members ADD COLUMN paused_until bigint NOT NULL DEFAULT 0;
-- A group's own about what members write, as JSON; empty: none.
ALTER TABLE groups ADD COLUMN replies text NOT NULL DEFAULT '';
