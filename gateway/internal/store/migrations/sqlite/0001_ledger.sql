-- +goose Up
-- Identifiers are UUIDv7 as 16 bytes; times are integer microseconds UTC; sealed columns end in _sealed.
-- Tables are clustered on time-ordered keys, so that planning appends.

CREATE TABLE groups (
    id         BLOB PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    locale     TEXT NOT NULL,
    fallback   TEXT NOT NULL, -- JSON array
    zone       TEXT NOT NULL,
    region     TEXT NOT NULL,
    topics     TEXT NOT NULL, -- JSON array; a topic's place is its bit, for ever
    floor      INTEGER NOT NULL,
    key_id     TEXT NOT NULL, -- of the ring key that wraps key_sealed
    key_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE members (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    import_id   BLOB,             -- invisible until that import is published; null: visible
    line        INTEGER NOT NULL, -- of that import
    locale      TEXT NOT NULL,
    fallback    TEXT NOT NULL,    -- comma-separated
    zone        TEXT NOT NULL,
    neutral     INTEGER NOT NULL,
    tags        TEXT NOT NULL,    -- ",one,two,"
    key_sealed  BLOB NOT NULL,    -- her key, wrapped by the group's; erasing it erases her
    name_sealed BLOB,
    ref_sealed  BLOB,
    ref_index   BLOB,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX members_ref ON members (group_id, ref_index) WHERE ref_index IS NOT NULL;
CREATE INDEX members_import ON members (group_id, import_id) WHERE import_id IS NOT NULL;

CREATE TABLE contact_points (
    group_id       BLOB NOT NULL,
    member_id      BLOB NOT NULL,
    id             BLOB NOT NULL,
    position       INTEGER NOT NULL, -- her order of preference, from 0
    kind           TEXT NOT NULL,
    state          INTEGER NOT NULL,
    topics         INTEGER NOT NULL, -- bits of the topics with consent: the projection of consents
    address_sealed BLOB NOT NULL,
    address_index  BLOB NOT NULL,
    note           TEXT NOT NULL,
    PRIMARY KEY (group_id, member_id, id)
) WITHOUT ROWID;
CREATE INDEX contact_points_address ON contact_points (group_id, kind, address_index);

CREATE TABLE consents (
    group_id     BLOB NOT NULL,
    member_id    BLOB NOT NULL,
    id           BLOB NOT NULL,
    point_id     BLOB NOT NULL,
    topic        TEXT NOT NULL,
    granted      INTEGER NOT NULL,
    wording      TEXT NOT NULL,
    locale       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    proof_sealed BLOB,
    source       TEXT NOT NULL,
    PRIMARY KEY (group_id, member_id, id)
) WITHOUT ROWID;

-- STOP outlives import and erasure: the index is under a key of its own.
CREATE TABLE suppressions (
    group_id      BLOB NOT NULL,
    kind          TEXT NOT NULL,
    address_index BLOB NOT NULL,
    at            INTEGER NOT NULL,
    source        TEXT NOT NULL,
    PRIMARY KEY (group_id, kind, address_index)
) WITHOUT ROWID;

CREATE TABLE suppressions_everywhere (
    kind          TEXT NOT NULL,
    address_index BLOB NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (kind, address_index)
) WITHOUT ROWID;

CREATE TABLE imports (
    group_id BLOB NOT NULL,
    id       BLOB NOT NULL,
    author   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    state    TEXT NOT NULL, -- open, publishing, published, discarding, discarded
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX imports_unfinished ON imports (state) WHERE state NOT IN ('published', 'discarded');

-- Changes to members that are there already wait here until their import is published.
CREATE TABLE import_changes (
    group_id   BLOB NOT NULL,
    import_id  BLOB NOT NULL,
    member_id  BLOB NOT NULL,
    line       INTEGER NOT NULL,
    row_sealed BLOB NOT NULL,
    PRIMARY KEY (group_id, import_id, member_id)
) WITHOUT ROWID;

CREATE TABLE channels (
    id             BLOB PRIMARY KEY,
    group_id       BLOB NOT NULL, -- zero: the operator's
    name           TEXT NOT NULL UNIQUE,
    adapter        TEXT NOT NULL,
    kind           TEXT NOT NULL,
    groups         TEXT NOT NULL, -- JSON array of slugs
    senders        INTEGER NOT NULL,
    key_id         TEXT NOT NULL,
    options_sealed BLOB NOT NULL,
    paused         TEXT NOT NULL,
    paused_until   INTEGER NOT NULL,
    code           TEXT NOT NULL,
    detail         TEXT NOT NULL,
    since          INTEGER NOT NULL,
    cursor         TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE broadcasts (
    group_id      BLOB NOT NULL,
    id            BLOB NOT NULL,
    key           TEXT NOT NULL,
    fingerprint   BLOB NOT NULL,
    kind          TEXT NOT NULL,
    class         TEXT NOT NULL,
    audience      TEXT NOT NULL, -- JSON; holds ids and labels, no addresses
    words_sealed  BLOB,          -- null once its time is over
    sensitive     INTEGER NOT NULL,
    author        TEXT NOT NULL,
    state         TEXT NOT NULL,
    stopped       INTEGER NOT NULL,
    policy        TEXT NOT NULL, -- JSON
    lane          INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    start_at      INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    forget_at     INTEGER NOT NULL, -- texts are deleted then
    planned       INTEGER NOT NULL,
    cursor        BLOB NOT NULL,
    lapsed        INTEGER NOT NULL, -- 1: nothing of it waits any more after its expiry
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX broadcasts_key ON broadcasts (group_id, key);
CREATE INDEX broadcasts_unplanned ON broadcasts (start_at) WHERE state = 'planning' AND stopped = 0;
CREATE INDEX broadcasts_lapsing ON broadcasts (expires_at) WHERE lapsed = 0;
CREATE INDEX broadcasts_forgetting ON broadcasts (forget_at) WHERE words_sealed IS NOT NULL;

CREATE TABLE renderings (
    group_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    locale       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    neutral      INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    parts        INTEGER NOT NULL,
    parts_sealed BLOB NOT NULL,
    PRIMARY KEY (group_id, broadcast_id, locale, kind, neutral)
) WITHOUT ROWID;

-- state: 0 waiting, 1 follows its newest attempt, 2 ended, 3 arrived by an attempt before the newest. due_at null while waiting: held by a stopped broadcast.
CREATE TABLE deliveries (
    id           BLOB PRIMARY KEY,
    group_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    member_id    BLOB NOT NULL,
    locale       TEXT NOT NULL,
    neutral      INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    channel_id   BLOB,
    point_id     BLOB,
    lane         INTEGER NOT NULL,
    due_at       INTEGER,
    move_at      INTEGER, -- not handed over by then: next contact point
    attempt_id   BLOB,    -- the newest
    attempts     INTEGER NOT NULL,
    tries        INTEGER NOT NULL,
    resends      INTEGER NOT NULL,
    first_part   INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    detail       TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX deliveries_once ON deliveries (group_id, broadcast_id, member_id);
CREATE INDEX deliveries_due ON deliveries (channel_id, lane, due_at, id) WHERE state = 0 AND due_at IS NOT NULL;
CREATE INDEX deliveries_move ON deliveries (move_at) WHERE state = 0 AND move_at IS NOT NULL;

-- refs: the provider's ids of the parts, separated by spaces. arrived: bits of the parts that a receipt says arrived.
CREATE TABLE attempts (
    id           BLOB PRIMARY KEY,
    group_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    delivery_id  BLOB NOT NULL,
    previous_id  BLOB,
    channel_id   BLOB NOT NULL,
    point_id     BLOB NOT NULL,
    no           INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    token        INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,
    parts        INTEGER NOT NULL,
    first_part   INTEGER NOT NULL, -- parts before it were handed over by an earlier attempt
    left_behind  INTEGER NOT NULL, -- 1: its delivery went on without it
    refs         TEXT NOT NULL,
    arrived      INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    confirm_by   INTEGER,
    look_at      INTEGER,
    claimed_at   INTEGER NOT NULL,
    settled_at   INTEGER NOT NULL,
    class        TEXT NOT NULL,
    scope        TEXT NOT NULL,
    code         TEXT NOT NULL,
    detail       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempts_claimed ON attempts (lease_until) WHERE state = 1;
CREATE INDEX attempts_doubt ON attempts (look_at) WHERE state = 2 AND look_at IS NOT NULL;
CREATE INDEX attempts_unconfirmed ON attempts (confirm_by) WHERE state = 3 AND confirm_by IS NOT NULL;

-- The provider's ids of parts whose receipts are polled.
CREATE TABLE refs (
    channel_id BLOB NOT NULL,
    ref        TEXT NOT NULL,
    group_id   BLOB NOT NULL,
    attempt_id BLOB NOT NULL,
    part       INTEGER NOT NULL,
    PRIMARY KEY (channel_id, ref)
) WITHOUT ROWID;

CREATE TABLE tallies (
    group_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    channel_id   BLOB NOT NULL, -- zero: none
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    n            INTEGER NOT NULL,
    PRIMARY KEY (group_id, broadcast_id, channel_id, state, reason)
) WITHOUT ROWID;

CREATE TABLE inbounds (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    channel_id  BLOB NOT NULL,
    event_id    TEXT, -- the provider's; null: it has none
    members     TEXT NOT NULL, -- JSON array of ids
    kind        TEXT NOT NULL,
    from_sealed BLOB,
    text_sealed BLOB,
    meaning     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX inbounds_forgetting ON inbounds (at) WHERE text_sealed IS NOT NULL;
CREATE UNIQUE INDEX inbounds_once ON inbounds (channel_id, event_id) WHERE event_id IS NOT NULL;

CREATE TABLE wordings (
    group_id       BLOB NOT NULL,
    name           TEXT NOT NULL,
    sources_sealed BLOB NOT NULL,
    PRIMARY KEY (group_id, name)
) WITHOUT ROWID;

CREATE TABLE tokens (
    id         BLOB PRIMARY KEY,
    group_id   BLOB NOT NULL, -- zero: the operator's
    role       TEXT NOT NULL,
    label      TEXT NOT NULL,
    digest     BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE requests (
    token_id    BLOB NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    begun_at    INTEGER NOT NULL,
    status      INTEGER NOT NULL, -- 0: still at work
    type        TEXT NOT NULL,
    body        BLOB,
    PRIMARY KEY (token_id, key)
) WITHOUT ROWID;
CREATE INDEX requests_age ON requests (begun_at);

-- What the last apply of a coalition file wrote, item by item, so that the next one sees what people changed since.
CREATE TABLE applied (
    group_id BLOB NOT NULL, -- zero: the operator's
    item     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (group_id, item)
) WITHOUT ROWID;
