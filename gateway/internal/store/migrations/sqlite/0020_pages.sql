-- +goose Up
-- Links to members' own pages. A code is what something that cannot be undone asks for besides.
CREATE TABLE page_links (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    member_id   BLOB NOT NULL,
    point_id    BLOB NOT NULL,
    digest      BLOB NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    codes       INTEGER NOT NULL DEFAULT 0, -- that were sent
    code_digest BLOB,                       -- of the newest; NULL: none, or it was used
    code_until  INTEGER NOT NULL DEFAULT 0,
    code_tries  INTEGER NOT NULL DEFAULT 0, -- that were wrong
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX page_links_member ON page_links (group_id, member_id);
CREATE INDEX page_links_age ON page_links (expires_at);

-- Addresses that are yet to be proven, by when they were named.
CREATE INDEX contact_points_proving ON contact_points (id) WHERE state = 6;
