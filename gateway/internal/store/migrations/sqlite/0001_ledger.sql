-- +goose Up
-- Identifiers are UUIDv7 as 16 bytes; times are integer microseconds UTC, 0 for none; sealed columns end in _sealed.
-- A delivery and an attempt are keyed by the first half of their identifier, a whole number that rises with time (no);
-- the second half stands in tail. Groups, channels and broadcasts have numbers of their own, which stand for them in
-- the tables that every message passes through. So those rows are short, and planning and claiming append.

CREATE TABLE groups (
    no         INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
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
);

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
    no             INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE,
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
);

CREATE TABLE broadcasts (
    no            INTEGER PRIMARY KEY,
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
    lapsed        INTEGER NOT NULL  -- 1: nothing of it waits any more after its expiry
);
CREATE UNIQUE INDEX broadcasts_id ON broadcasts (group_id, id);
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

-- state: 0 waiting, 1 follows its newest attempt, 2 ended, 3 arrived by an attempt before the newest, 4 held by a
-- stopped broadcast. attempt_no is the newest attempt, or no itself while there is none: so the row keeps its length when
-- it is claimed.
CREATE TABLE deliveries (
    no           INTEGER PRIMARY KEY,
    tail         INTEGER NOT NULL,
    group_no     INTEGER NOT NULL,
    broadcast_no INTEGER NOT NULL,
    member_id    BLOB NOT NULL,
    point_id     BLOB,
    channel_no   INTEGER NOT NULL, -- 0: none
    lane         INTEGER NOT NULL,
    locale       TEXT NOT NULL,
    neutral      INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    move_at      INTEGER NOT NULL, -- not handed over by then: next contact point
    attempt_no   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    tries        INTEGER NOT NULL,
    resends      INTEGER NOT NULL,
    first_part   INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    detail       TEXT NOT NULL
);
CREATE UNIQUE INDEX deliveries_once ON deliveries (group_no, broadcast_no, member_id);
CREATE INDEX deliveries_due ON deliveries (channel_no, lane, due_at) WHERE state = 0;
CREATE INDEX deliveries_move ON deliveries (move_at) WHERE state = 0 AND move_at > 0;
CREATE INDEX deliveries_held ON deliveries (broadcast_no) WHERE state = 4;
CREATE INDEX deliveries_ended ON deliveries (broadcast_no, reason, no) WHERE state = 2;

-- state: as gateway.AttemptState. until: the lease of a claimed one, when to look for one in doubt, until when a receipt
-- is waited for by an accepted one; 0: never. refs: the provider's ids of the parts, each followed by a space; blanks
-- behind them keep room, so that the row keeps its length when it is settled. arrived: bits of the parts that arrived.
CREATE TABLE attempts (
    no           INTEGER PRIMARY KEY,
    tail         INTEGER NOT NULL,
    group_no     INTEGER NOT NULL,
    broadcast_no INTEGER NOT NULL,
    delivery_no  INTEGER NOT NULL,
    previous_no  INTEGER NOT NULL, -- 0: none
    channel_no   INTEGER NOT NULL,
    point_id     BLOB NOT NULL,
    nth          INTEGER NOT NULL, -- of its delivery, from 1
    state        INTEGER NOT NULL,
    token        INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    parts        INTEGER NOT NULL,
    first_part   INTEGER NOT NULL, -- parts before it were handed over by an earlier attempt
    left_behind  INTEGER NOT NULL, -- 1: its delivery went on without it
    arrived      INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    claimed_at   INTEGER NOT NULL,
    settled_at   INTEGER NOT NULL,
    refs         TEXT NOT NULL,
    refusal      TEXT              -- JSON; null: none
);
CREATE INDEX attempts_claimed ON attempts (until) WHERE state = 1;
CREATE INDEX attempts_doubt ON attempts (until) WHERE state = 2 AND until > 0;
CREATE INDEX attempts_unconfirmed ON attempts (until) WHERE state = 3 AND until > 0;

-- The provider's ids of parts whose receipts are polled.
CREATE TABLE refs (
    channel_no INTEGER NOT NULL,
    ref        TEXT NOT NULL,
    group_no   INTEGER NOT NULL,
    attempt_no INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    PRIMARY KEY (channel_no, ref, group_no)
) WITHOUT ROWID;

CREATE TABLE tallies (
    group_no     INTEGER NOT NULL,
    broadcast_no INTEGER NOT NULL,
    channel_no   INTEGER NOT NULL, -- 0: none
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    n            INTEGER NOT NULL,
    PRIMARY KEY (group_no, broadcast_no, channel_no, state, reason)
) WITHOUT ROWID;

CREATE TABLE inbounds (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    channel_id  BLOB NOT NULL,
    event_id    TEXT, -- the provider's; null: it has none
    members     TEXT NOT NULL, -- JSON array of ids
    sealed_for  BLOB, -- the member under whose key it is sealed; null: under the group's, for it comes from nobody known or from several
    kind        TEXT NOT NULL,
    from_sealed BLOB,
    text_sealed BLOB,
    meaning     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE INDEX inbounds_forgetting ON inbounds (at) WHERE text_sealed IS NOT NULL;
CREATE UNIQUE INDEX inbounds_once ON inbounds (channel_id, event_id) WHERE event_id IS NOT NULL;

-- Which messages to forget when a member is erased.
CREATE TABLE inbound_members (
    group_id   BLOB NOT NULL,
    member_id  BLOB NOT NULL,
    inbound_id BLOB NOT NULL,
    PRIMARY KEY (group_id, member_id, inbound_id)
) WITHOUT ROWID;

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
