-- +goose Up
-- What needs a second person in a group, as JSON; empty: nothing.
ALTER TABLE groups ADD COLUMN release text NOT NULL DEFAULT '';
-- A message that needs a second person. It changes by compare-and-set of its revision only.
CREATE TABLE releases (
    group_id      uuid NOT NULL,
    id            uuid NOT NULL, -- of the broadcast that it becomes
    key           text NOT NULL, -- of that
    fingerprint   bytea NOT NULL,
    state         text NOT NULL,
    revision      bigint NOT NULL,
    digest        text NOT NULL,
    created_at    bigint NOT NULL,
    expires_at    bigint NOT NULL,
    forget_at     bigint NOT NULL, -- when its text is forgotten
    record_sealed bytea NOT NULL, -- JSON: who wrote it, who decided and why
    draft_sealed  bytea, -- JSON; NULL: forgotten
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX releases_key ON releases (group_id, key);
CREATE INDEX releases_waiting ON releases (expires_at) WHERE state = 'waiting';
CREATE INDEX releases_forgetting ON releases (forget_at) WHERE draft_sealed IS NOT NULL;
CREATE INDEX releases_over ON releases (forget_at);
ALTER TABLE releases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
