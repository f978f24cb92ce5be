-- +goose Up
-- What needs a second person in a group, as JSON; empty: nothing.
ALTER TABLE groups ADD COLUMN release TEXT NOT NULL DEFAULT '';
-- A message that needs a second person. It changes by compare-and-set of its revision only.
CREATE TABLE releases (
    group_id      BLOB NOT NULL,
    id            BLOB NOT NULL, -- of the broadcast that it becomes
    key           TEXT NOT NULL, -- of that
    fingerprint   BLOB NOT NULL,
    state         TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    digest        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    forget_at     INTEGER NOT NULL, -- when its text is forgotten
    record_sealed BLOB NOT NULL, -- JSON: who wrote it, who decided and why
    draft_sealed  BLOB, -- JSON; NULL: forgotten
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX releases_key ON releases (group_id, key);
CREATE INDEX releases_waiting ON releases (expires_at) WHERE state = 'waiting';
CREATE INDEX releases_forgetting ON releases (forget_at) WHERE draft_sealed IS NOT NULL;
CREATE INDEX releases_over ON releases (forget_at);
