-- +goose Up
-- When a member is not to be disturbed, as gateway.ParseQuiet reads it; empty: never.
ALTER TABLE members ADD COLUMN quiet TEXT NOT NULL DEFAULT '';
-- The end of the quiet hours for which a delivery waits or waited; 0: none. Reports for one member that wait for one end
-- are merged when they are claimed.
ALTER TABLE deliveries ADD COLUMN quiet_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_quiet ON deliveries (group_no, member_id, quiet_until) WHERE quiet_until > 0;
