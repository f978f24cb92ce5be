-- +goose Up
-- When a member wants to be reminded of events, as gateway.ParseLeads reads it; empty: as her group says.
ALTER TABLE members ADD COLUMN leads TEXT NOT NULL DEFAULT '';
CREATE INDEX members_leads ON members (group_id, leads) WHERE leads <> '';
CREATE INDEX members_quiet ON members (group_id, quiet) WHERE quiet <> '';
-- The wall time that a reminder announces, and 1 if it was planned before its time for those who have quiet hours then.
ALTER TABLE reminders ADD COLUMN start TEXT NOT NULL DEFAULT '';
ALTER TABLE reminders ADD COLUMN early INTEGER NOT NULL DEFAULT 0;
