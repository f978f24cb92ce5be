-- +goose Up
-- Which languages a group's members read is asked before a broadcast is taken; it is answered without reading them all.
CREATE INDEX members_locale ON members (group_id, locale);
