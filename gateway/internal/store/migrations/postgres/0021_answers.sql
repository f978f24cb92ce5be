-- +goose Up
-- Answers that were given to what people wrote, for a day: so that two machines do not answer each other for ever.
CREATE TABLE answered (
    group_id uuid NOT NULL,
    to_id    uuid NOT NULL, -- a contact point, or a member
    once     text COLLATE "C" NOT NULL,
    at       bigint NOT NULL,
    PRIMARY KEY (group_id, to_id, once)
);
CREATE INDEX answered_at ON answered (at);
