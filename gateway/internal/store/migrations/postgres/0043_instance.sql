-- +goose Up
-- By what a ledger knows the operator's secrets again: each is a mark that says nothing about its secret.
CREATE TABLE instance (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);
