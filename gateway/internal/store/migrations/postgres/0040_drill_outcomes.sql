-- +goose Up
-- How a drill ended, for the watchdog: empty: it has not, or was taken back; well; or what was wanting.
ALTER TABLE drills ADD COLUMN outcome text NOT NULL DEFAULT '';
CREATE INDEX drills_wanting ON drills (at) WHERE outcome NOT IN ('', 'well');
