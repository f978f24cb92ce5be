-- +goose Up
-- Links to members' own pages. A code is what something that cannot be undone asks for besides.
CREATE TABLE page_links (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    member_id   uuid NOT NULL,
    point_id    uuid NOT NULL,
    digest      bytea NOT NULL UNIQUE,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    codes       integer NOT NULL DEFAULT 0, -- that were sent
    code_digest bytea,                      -- of the newest; NULL: none, or it was used
    code_until  bigint NOT NULL DEFAULT 0,
    code_tries  integer NOT NULL DEFAULT 0, -- that were wrong
    PRIMARY KEY (group_id, id)
);
CREATE INDEX page_links_member ON page_links (group_id, member_id);
CREATE INDEX page_links_age ON page_links (expires_at);

-- Addresses that are yet to be proven, by when they were named.
CREATE INDEX contact_points_proving ON contact_points (id) WHERE state = 6;
