-- +goose Up
-- A conversation of a group: with a member, or with an address that it does not know or that several share. who is her
-- id, or the index of the address.
CREATE TABLE threads (
    group_id   BLOB NOT NULL,
    id         BLOB NOT NULL,
    who        BLOB NOT NULL,
    member_id  BLOB,             -- whose it is; null: it is an address
    members    TEXT NOT NULL,    -- JSON array of ids: who may have written last
    kind       TEXT NOT NULL,    -- of the address written from last
    channel_id BLOB NOT NULL,
    state      INTEGER NOT NULL, -- 0 open, 1 replied, 2 closed
    urgent     INTEGER NOT NULL,
    messages   INTEGER NOT NULL,
    unread     INTEGER NOT NULL,
    unread_at  INTEGER NOT NULL, -- since when something is unread; 0: nothing is
    opened_at  INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    read_at    INTEGER NOT NULL,
    told_at    INTEGER NOT NULL, -- when people were last told of what is unread; 0: not since it was read
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX threads_who ON threads (group_id, who);
CREATE INDEX threads_over ON threads (changed_at);
CREATE INDEX threads_open ON threads (opened_at) WHERE state = 0;
CREATE INDEX threads_unread ON threads (unread_at) WHERE unread_at > 0;

CREATE TABLE thread_replies (
    group_id    BLOB NOT NULL,
    thread_id   BLOB NOT NULL,
    id          BLOB NOT NULL, -- of the broadcast that carries it
    sealed_for  BLOB,          -- as of inbounds
    text_sealed BLOB NOT NULL,
    locale      TEXT NOT NULL,
    author      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (group_id, thread_id, id)
) WITHOUT ROWID;
CREATE INDEX thread_replies_over ON thread_replies (at);

ALTER TABLE inbounds ADD COLUMN thread_id BLOB; -- null: it is in no conversation
ALTER TABLE inbounds ADD COLUMN reply_to TEXT NOT NULL DEFAULT ''; -- the provider's id of the part that it answers
CREATE INDEX inbounds_thread ON inbounds (group_id, thread_id, id) WHERE thread_id IS NOT NULL;
CREATE INDEX inbounds_commands ON inbounds (at) WHERE text_sealed IS NOT NULL AND thread_id IS NULL AND meaning <> '';
