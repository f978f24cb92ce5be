-- +goose Up
-- What the group keeps back of the events of a calendar, sealed.
ALTER TABLE calendars ADD COLUMN marks_sealed bytea;
