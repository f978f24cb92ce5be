-- +goose Up
-- Who has reviewed which text: a review is of exactly one text in one language, named by its digest.
CREATE TABLE reviews (
    group_id      BLOB NOT NULL,
    digest        TEXT NOT NULL, -- SHA-256 of language and source, hexadecimal
    at            INTEGER NOT NULL,
    review_sealed BLOB NOT NULL, -- the text's name and language, and the person's name
    PRIMARY KEY (group_id, digest)
) WITHOUT ROWID;
