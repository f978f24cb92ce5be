-- +goose Up
-- Invitations. Of a code there is a blind index under the group's key, of a link's secret a digest.
CREATE TABLE invitations (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    code_index  BLOB NOT NULL,
    link_digest BLOB NOT NULL UNIQUE,
    label       TEXT NOT NULL,
    author      TEXT NOT NULL,
    topics      TEXT NOT NULL,
    tags        TEXT NOT NULL,
    locale      TEXT NOT NULL,
    uses        INTEGER NOT NULL,
    used        INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER NOT NULL, -- 0: it is not
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, code_index)
) WITHOUT ROWID;

-- Who came by an invitation, and what she was asked. Her yes sets confirmed_at.
CREATE TABLE enrolments (
    group_id      BLOB NOT NULL,
    member_id     BLOB NOT NULL,
    invitation_id BLOB NOT NULL,
    point_id      BLOB NOT NULL,
    topics        TEXT NOT NULL,
    wording       TEXT NOT NULL,
    locale        TEXT NOT NULL,
    made          INTEGER NOT NULL, -- she was not a member before
    at            INTEGER NOT NULL,
    confirmed_at  INTEGER NOT NULL, -- 0: she has not answered
    PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX enrolments_by ON enrolments (group_id, invitation_id, member_id);
CREATE INDEX enrolments_open ON enrolments (at) WHERE confirmed_at = 0;

-- What everybody was asked who had not agreed, by broadcast.
CREATE TABLE asks (
    group_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    topics       TEXT NOT NULL,
    wording      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (group_id, broadcast_id)
) WITHOUT ROWID;

-- How often something was tried, by blind index.
CREATE TABLE tries (
    key      BLOB PRIMARY KEY,
    n        INTEGER NOT NULL,
    until_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tries_over ON tries (until_at);
