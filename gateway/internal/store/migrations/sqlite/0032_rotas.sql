-- +goose Up
-- Who of a group is on duty when.
CREATE TABLE rotas (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    name        TEXT NOT NULL,
    revision    INTEGER NOT NULL, -- rises with every write; a write names the one that it saw
    next_at     INTEGER NOT NULL, -- when it is to be looked at; 0: never
    body_sealed BLOB NOT NULL,
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, name)
) WITHOUT ROWID;
CREATE INDEX rotas_due ON rotas (next_at) WHERE next_at > 0;

-- Whose turns a feed holds; zero: it is one of events.
ALTER TABLE feeds ADD COLUMN rota_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
