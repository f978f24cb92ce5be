-- +goose Up
-- Until when a member gets no reports and no reminders, in microseconds; 0: she gets them.
ALTER TABLE members ADD COLUMN paused_until bigint NOT NULL DEFAULT 0;
