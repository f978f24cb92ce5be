-- +goose Up
-- The last transaction that each shard of a process committed. A server that died forgets the numbers of transactions it had
-- given out and gives them to others; so this, and not the number, proves that a commit was done whose answer was lost.
CREATE TABLE marks (
    process uuid NOT NULL,
    shard   smallint NOT NULL,
    n       bigint NOT NULL, -- the process counts its transactions
    at      bigint NOT NULL,
    PRIMARY KEY (process, shard)
) WITH (fillfactor = 50);
