-- +goose Up
-- The ledger that many processes share marks its transactions; with one process there is nothing to ask afterwards.
SELECT 1;
