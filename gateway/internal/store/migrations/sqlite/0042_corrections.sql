-- +goose Up
-- What it says was corrected: it is stopped for good.
ALTER TABLE broadcasts ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;

-- Quiet hours that name a calendar of their group.
CREATE INDEX members_holidays ON members (group_id, quiet) WHERE instr(quiet, 'holidays ') > 0;
