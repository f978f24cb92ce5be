-- +goose Up
-- Up to when the channel was heard, in microseconds; 0: not yet. And what may not have been heard; 0: nothing.
ALTER TABLE channels ADD COLUMN heard_at bigint NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN gap_from bigint NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN gap_until bigint NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN gap_reason text NOT NULL DEFAULT '';
