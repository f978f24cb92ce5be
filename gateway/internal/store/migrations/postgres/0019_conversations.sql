-- +goose Up
-- A conversation of a group: with a member, or with an address that it does not know or that several share. who is her
-- id, or the index of the address.
CREATE TABLE threads (
    group_id   uuid NOT NULL,
    id         uuid NOT NULL,
    who        bytea NOT NULL,
    member_id  uuid,              -- whose it is; null: it is an address
    members    text NOT NULL,     -- JSON array of ids: who may have written last
    kind       text NOT NULL,     -- of the address written from last
    channel_id uuid NOT NULL,
    state      smallint NOT NULL, -- 0 open, 1 replied, 2 closed
    urgent     boolean NOT NULL,
    messages   bigint NOT NULL,
    unread     bigint NOT NULL,
    unread_at  bigint NOT NULL,   -- since when something is unread; 0: nothing is
    opened_at  bigint NOT NULL,
    changed_at bigint NOT NULL,
    read_at    bigint NOT NULL,
    told_at    bigint NOT NULL,   -- when people were last told of what is unread; 0: not since it was read
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX threads_who ON threads (group_id, who);
CREATE INDEX threads_over ON threads (changed_at);
CREATE INDEX threads_open ON threads (opened_at) WHERE state = 0;
CREATE INDEX threads_unread ON threads (unread_at) WHERE unread_at > 0;

CREATE TABLE thread_replies (
    group_id    uuid NOT NULL,
    thread_id   uuid NOT NULL,
    id          uuid NOT NULL, -- of the broadcast that carries it
    sealed_for  uuid,          -- as of inbounds
    text_sealed bytea NOT NULL,
    locale      text NOT NULL,
    author      text NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (group_id, thread_id, id)
);
CREATE INDEX thread_replies_over ON thread_replies (at);
ALTER TABLE thread_replies SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);

ALTER TABLE inbounds ADD COLUMN thread_id uuid; -- null: it is in no conversation
ALTER TABLE inbounds ADD COLUMN reply_to text NOT NULL DEFAULT ''; -- the provider's id of the part that it answers
CREATE INDEX inbounds_thread ON inbounds (group_id, thread_id, id) WHERE thread_id IS NOT NULL;
CREATE INDEX inbounds_commands ON inbounds (at) WHERE text_sealed IS NOT NULL AND thread_id IS NULL AND meaning <> '';
