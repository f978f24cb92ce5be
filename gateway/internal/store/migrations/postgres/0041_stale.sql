-- +goose Up
-- From when on its owner is asked whether a telephone number is still hers (roll.ConfirmBy): a day of UTC in microseconds; 0: never;
-- 1: she was asked. Numbers that are there already begin a year now.
ALTER TABLE contact_points ADD COLUMN confirm_by bigint NOT NULL DEFAULT 0;
UPDATE contact_points SET confirm_by = (floor(extract(epoch FROM now()) / 86400)::bigint + 305 + floor(random() * 61)::bigint) * 86400000000
WHERE state = 1 AND (country <> '' OR country IS NULL AND kind = 'sms');
CREATE INDEX contact_points_confirm ON contact_points (group_id, confirm_by) WHERE confirm_by > 0;
