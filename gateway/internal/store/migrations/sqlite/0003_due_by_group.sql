-- +goose Up
-- A relay takes what is due of each group apart, so that a group with a hundred thousand waiting does not hide another's ten.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (channel_no, lane, group_no, due_at) WHERE state = 0;
