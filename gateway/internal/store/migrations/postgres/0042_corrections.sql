-- +goose Up
-- What it says was corrected: it is stopped for good.
ALTER TABLE broadcasts ADD COLUMN replaced boolean NOT NULL DEFAULT false;

-- Quiet hours that name a calendar of their group.
CREATE INDEX members_holidays ON members (group_id, quiet) WHERE position('holidays ' IN quiet) > 0;
