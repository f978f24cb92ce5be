-- +goose Up
-- What a member decided herself, as bits of gateway.Own: no import changes it.
ALTER TABLE members ADD COLUMN own bigint NOT NULL DEFAULT 0;
-- Topics that she dropped there herself, as bits like topics: no evidence in a file gives them back.
ALTER TABLE contact_points ADD COLUMN dropped bigint NOT NULL DEFAULT 0;
