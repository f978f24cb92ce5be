-- +goose Up
-- From when on its owner is asked whether a telephone number is still hers (roll.ConfirmBy): a day of UTC in microseconds; 0: never;
-- 1: she was asked. Numbers that are there already begin a year now. The table is written anew, so nothing of the old rows is left.
ALTER TABLE contact_points ADD COLUMN confirm_by bigint NOT NULL DEFAULT 0;
ALTER TABLE contact_points ALTER COLUMN confirm_by TYPE bigint USING CASE WHEN state = 1 AND (country <> '' OR country IS NULL AND kind = 'sms')
    THEN (floor(extract(epoch FROM now()) / 86400)::bigint + 305 + floor(random() * 61)::bigint) * 86400000000 ELSE 0 END;
CREATE INDEX contact_points_confirm ON contact_points (group_id, confirm_by) WHERE confirm_by > 0;
