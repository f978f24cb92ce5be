-- +goose Up
-- What is due is listed group by group, so that one group's many do not hold up another's few.
CREATE INDEX deliveries_due ON deliveries (channel_id, lane, group_id, due_at) WHERE state = 0;
