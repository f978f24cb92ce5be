-- +goose Up
-- Who of a group is on duty when.
CREATE TABLE rotas (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    name        text COLLATE "C" NOT NULL,
    revision    integer NOT NULL, -- rises with every write; a write names the one that it saw
    next_at     bigint NOT NULL,  -- when it is to be looked at; 0: never
    body_sealed bytea NOT NULL,
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, name)
);
CREATE INDEX rotas_due ON rotas (next_at) WHERE next_at > 0;
ALTER TABLE rotas SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);

-- Whose turns a feed holds; zero: it is one of events.
ALTER TABLE feeds ADD COLUMN rota_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
