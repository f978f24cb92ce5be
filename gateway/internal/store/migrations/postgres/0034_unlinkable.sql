-- +goose Up
-- When a STOP was said stands in the evidence alone, sealed (ADR 57). Evidence from before keeps its time in clear; new
-- evidence has 0 there, a random id, and its time beside the proof. Both tables are written anew, so no old page tells it.
ALTER TABLE suppressions ALTER COLUMN at TYPE bigint USING 0;
ALTER TABLE suppressions_everywhere ALTER COLUMN at TYPE bigint USING 0;
-- What people are answered is counted by tries, like all else that nobody may do often.
DROP TABLE answered;
