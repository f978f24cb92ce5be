-- +goose Up
-- Invitations. Of a code there is a blind index under the group's key, of a link's secret a digest.
CREATE TABLE invitations (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    code_index  bytea NOT NULL,
    link_digest bytea NOT NULL UNIQUE,
    label       text NOT NULL,
    author      text NOT NULL,
    topics      text NOT NULL,
    tags        text NOT NULL,
    locale      text NOT NULL,
    uses        integer NOT NULL,
    used        integer NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    revoked_at  bigint NOT NULL, -- 0: it is not
    PRIMARY KEY (group_id, id),
    UNIQUE (group_id, code_index)
);

-- Who came by an invitation, and what she was asked. Her yes sets confirmed_at.
CREATE TABLE enrolments (
    group_id      uuid NOT NULL,
    member_id     uuid NOT NULL,
    invitation_id uuid NOT NULL,
    point_id      uuid NOT NULL,
    topics        text NOT NULL,
    wording       text NOT NULL,
    locale        text NOT NULL,
    made          boolean NOT NULL, -- she was not a member before
    at            bigint NOT NULL,
    confirmed_at  bigint NOT NULL, -- 0: she has not answered
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX enrolments_by ON enrolments (group_id, invitation_id, member_id);
CREATE INDEX enrolments_open ON enrolments (at) WHERE confirmed_at = 0;

-- What everybody was asked who had not agreed, by broadcast.
CREATE TABLE asks (
    group_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    topics       text NOT NULL,
    wording      text NOT NULL,
    at           bigint NOT NULL,
    PRIMARY KEY (group_id, broadcast_id)
);

-- How often something was tried, by blind index.
CREATE TABLE tries (
    key      bytea PRIMARY KEY,
    n        integer NOT NULL,
    until_at bigint NOT NULL
);
CREATE INDEX tries_over ON tries (until_at);
