-- +goose Up
-- A channel that was deleted stays, so that what it carried can be read: its name is its id then, and free. former: the name
-- that it had; empty: it is there.
ALTER TABLE channels ADD COLUMN former text NOT NULL DEFAULT '';
ALTER TABLE channels ADD COLUMN deleted_at bigint NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN deleted_by text NOT NULL DEFAULT '';
