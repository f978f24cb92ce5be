-- +goose Up
-- Who has reviewed which text: a review is of exactly one text in one language, named by its digest.
CREATE TABLE reviews (
    group_id      uuid NOT NULL,
    digest        text COLLATE "C" NOT NULL, -- SHA-256 of language and source, hexadecimal
    at            bigint NOT NULL,
    review_sealed bytea NOT NULL,            -- the text's name and language, and the person's name
    PRIMARY KEY (group_id, digest)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
