-- +goose Up
-- Identifiers are UUIDv7, the zero one for none where a column cannot be null; times are integer microseconds UTC, 0 for
-- none; sealed columns end in _sealed. Text is compared byte by byte (COLLATE "C" where its order or its uniqueness counts).
--
-- Tables and columns are named as in the other dialect, but a row is known by its identifier here, not by a number: the
-- first half of a UUIDv7 is unique within one process only. Deliveries and attempts are keyed by their identifier alone,
-- because whoever claims or reports has nothing else; every other unique key of a group's rows has the group in it.
--
-- autovacuum looks at a table by its size; the tables that every message passes through are looked at more often, and
-- cleaned without pauses that a server of any size can do without.

CREATE TABLE groups (
    id         uuid PRIMARY KEY,
    slug       text COLLATE "C" NOT NULL UNIQUE,
    name       text NOT NULL,
    locale     text NOT NULL,
    fallback   text NOT NULL, -- JSON array
    zone       text NOT NULL,
    region     text NOT NULL,
    topics     text NOT NULL, -- JSON array; a topic's place is its bit, for ever
    floor      integer NOT NULL,
    key_id     text NOT NULL, -- of the ring key that wraps key_sealed
    key_sealed bytea NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE members (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    import_id   uuid,             -- invisible until that import is published; null: visible
    line        integer NOT NULL, -- of that import
    locale      text NOT NULL,
    fallback    text NOT NULL,    -- comma-separated
    zone        text NOT NULL,
    neutral     boolean NOT NULL,
    tags        text NOT NULL,    -- ",one,two,"
    key_sealed  bytea NOT NULL,   -- her key, wrapped by the group's; erasing it erases her
    name_sealed bytea,
    ref_sealed  bytea,
    ref_index   bytea,
    created_at  bigint NOT NULL,
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX members_ref ON members (group_id, ref_index) WHERE ref_index IS NOT NULL;
CREATE INDEX members_import ON members (group_id, import_id) WHERE import_id IS NOT NULL;

CREATE TABLE contact_points (
    group_id       uuid NOT NULL,
    member_id      uuid NOT NULL,
    id             uuid NOT NULL,
    position       integer NOT NULL, -- her order of preference, from 0
    kind           text COLLATE "C" NOT NULL,
    state          smallint NOT NULL,
    topics         bigint NOT NULL,  -- bits of the topics with consent: the projection of consents
    address_sealed bytea NOT NULL,
    address_index  bytea NOT NULL,
    note           text NOT NULL,
    PRIMARY KEY (group_id, member_id, id)
);
CREATE INDEX contact_points_address ON contact_points (group_id, kind, address_index);

CREATE TABLE consents (
    group_id     uuid NOT NULL,
    member_id    uuid NOT NULL,
    id           uuid NOT NULL,
    point_id     uuid NOT NULL,
    topic        text NOT NULL,
    granted      boolean NOT NULL,
    wording      text NOT NULL,
    locale       text NOT NULL,
    at           bigint NOT NULL,
    proof_sealed bytea,
    source       text NOT NULL,
    PRIMARY KEY (group_id, member_id, id)
);

-- STOP outlives import and erasure: the index is under a key of its own.
CREATE TABLE suppressions (
    group_id      uuid NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    address_index bytea NOT NULL,
    at            bigint NOT NULL,
    source        text NOT NULL,
    PRIMARY KEY (group_id, kind, address_index)
);

CREATE TABLE suppressions_everywhere (
    kind          text COLLATE "C" NOT NULL,
    address_index bytea NOT NULL,
    at            bigint NOT NULL,
    PRIMARY KEY (kind, address_index)
);

CREATE TABLE imports (
    group_id uuid NOT NULL,
    id       uuid NOT NULL,
    author   text NOT NULL,
    at       bigint NOT NULL,
    state    text COLLATE "C" NOT NULL, -- open, publishing, published, discarding, discarded
    -- An open one whose lease is over was left behind by its process. The other dialect has no such column: there is one process.
    lease_until bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (group_id, id)
);
CREATE INDEX imports_unfinished ON imports (state) WHERE state NOT IN ('published', 'discarded');

-- Changes to members that are there already wait here until their import is published.
CREATE TABLE import_changes (
    group_id   uuid NOT NULL,
    import_id  uuid NOT NULL,
    member_id  uuid NOT NULL,
    line       integer NOT NULL,
    row_sealed bytea NOT NULL,
    PRIMARY KEY (group_id, import_id, member_id)
);

CREATE TABLE channels (
    id             uuid PRIMARY KEY,
    group_id       uuid NOT NULL, -- zero: the operator's
    name           text COLLATE "C" NOT NULL UNIQUE,
    adapter        text NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    groups         text NOT NULL, -- JSON array of slugs
    senders        integer NOT NULL,
    key_id         text NOT NULL,
    options_sealed bytea NOT NULL,
    paused         text NOT NULL,
    paused_until   bigint NOT NULL,
    code           text NOT NULL,
    detail         text NOT NULL,
    since          bigint NOT NULL,
    cursor         text NOT NULL
);

CREATE TABLE broadcasts (
    group_id      uuid NOT NULL,
    id            uuid NOT NULL,
    key           text COLLATE "C" NOT NULL,
    fingerprint   bytea NOT NULL,
    kind          text NOT NULL,
    class         text NOT NULL,
    audience      text NOT NULL, -- JSON; holds ids and labels, no addresses
    words_sealed  bytea,         -- null once its time is over
    sensitive     boolean NOT NULL,
    author        text NOT NULL,
    state         text COLLATE "C" NOT NULL,
    stopped       boolean NOT NULL,
    policy        text NOT NULL, -- JSON
    lane          smallint NOT NULL,
    created_at    bigint NOT NULL,
    start_at      bigint NOT NULL,
    expires_at    bigint NOT NULL,
    forget_at     bigint NOT NULL, -- texts are deleted then
    planned       bigint NOT NULL,
    cursor        uuid NOT NULL,
    lapsed        boolean NOT NULL, -- nothing of it waits any more after its expiry
    PRIMARY KEY (group_id, id),
    UNIQUE (key, group_id) -- in this order, so that no plan takes it for the identifier's index while the table is small
) WITH (fillfactor = 70);
CREATE INDEX broadcasts_unplanned ON broadcasts (lane, start_at) WHERE state = 'planning' AND NOT stopped;
CREATE INDEX broadcasts_lapsing ON broadcasts (expires_at) WHERE NOT lapsed;
CREATE INDEX broadcasts_forgetting ON broadcasts (forget_at) WHERE words_sealed IS NOT NULL;

CREATE TABLE renderings (
    group_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    locale       text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    neutral      boolean NOT NULL,
    cost         integer NOT NULL,
    parts        integer NOT NULL,
    parts_sealed bytea NOT NULL,
    PRIMARY KEY (group_id, broadcast_id, locale, kind, neutral)
);

-- state: 0 waiting, 1 follows its newest attempt, 2 ended, 3 arrived by an attempt before the newest, 4 held by a
-- stopped broadcast, 5 held by its group's cap. attempt_id is the newest attempt; zero while there is none.
CREATE TABLE deliveries (
    id           uuid PRIMARY KEY,
    group_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    member_id    uuid NOT NULL,
    point_id     uuid NOT NULL, -- zero: none
    channel_id   uuid NOT NULL, -- zero: none
    attempt_id   uuid NOT NULL,
    due_at       bigint NOT NULL,
    move_at      bigint NOT NULL, -- not handed over by then: next contact point
    attempts     integer NOT NULL,
    tries        integer NOT NULL,
    resends      integer NOT NULL,
    first_part   integer NOT NULL,
    lane         smallint NOT NULL,
    state        smallint NOT NULL,
    neutral      boolean NOT NULL,
    locale       text NOT NULL,
    reason       text COLLATE "C" NOT NULL,
    detail       text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_limit = 2000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);
CREATE UNIQUE INDEX deliveries_once ON deliveries (group_id, broadcast_id, member_id);
CREATE INDEX deliveries_move ON deliveries (move_at) WHERE state = 0 AND move_at > 0;
CREATE INDEX deliveries_held ON deliveries (group_id, broadcast_id) WHERE state = 4;
CREATE INDEX deliveries_ended ON deliveries (group_id, broadcast_id, reason, id) WHERE state = 2;

-- state: as gateway.AttemptState. until: the lease of a claimed one, when to look for one in doubt, until when a receipt
-- is waited for by an accepted one; 0: never. refs: the provider's ids of the parts, each followed by a space. arrived:
-- bits of the parts that arrived.
CREATE TABLE attempts (
    id           uuid PRIMARY KEY,
    group_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    delivery_id  uuid NOT NULL,
    previous_id  uuid NOT NULL, -- zero: none
    channel_id   uuid NOT NULL,
    point_id     uuid NOT NULL,
    token        bigint NOT NULL,
    until        bigint NOT NULL,
    arrived      bigint NOT NULL,
    claimed_at   bigint NOT NULL,
    settled_at   bigint NOT NULL,
    nth          integer NOT NULL, -- of its delivery, from 1
    parts        integer NOT NULL,
    first_part   integer NOT NULL, -- parts before it were handed over by an earlier attempt
    cost         integer NOT NULL,
    state        smallint NOT NULL,
    left_behind  boolean NOT NULL, -- its delivery went on without it
    refs         text NOT NULL,
    refusal      text NOT NULL     -- JSON; empty: none
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_limit = 2000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);
CREATE INDEX attempts_claimed ON attempts (until) WHERE state = 1;
CREATE INDEX attempts_doubt ON attempts (until) WHERE state = 2 AND until > 0;
CREATE INDEX attempts_unconfirmed ON attempts (until) WHERE state = 3 AND until > 0;

-- The provider's ids of parts whose receipts are polled.
CREATE TABLE refs (
    channel_id uuid NOT NULL,
    ref        text COLLATE "C" NOT NULL,
    group_id   uuid NOT NULL,
    attempt_id uuid NOT NULL,
    part       integer NOT NULL,
    PRIMARY KEY (channel_id, ref, group_id)
);

-- A counter is the sum of its shards: transactions that run side by side write different ones, so that none waits for
-- another's commit. One shard's n may be below zero.
CREATE TABLE tallies (
    group_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    channel_id   uuid NOT NULL, -- zero: none
    state        text COLLATE "C" NOT NULL,
    reason       text COLLATE "C" NOT NULL,
    shard        smallint NOT NULL,
    n            bigint NOT NULL,
    PRIMARY KEY (group_id, broadcast_id, channel_id, state, reason, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.2, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE inbounds (
    group_id    uuid NOT NULL,
    id          uuid NOT NULL,
    channel_id  uuid NOT NULL,
    event_id    text COLLATE "C", -- the provider's; null: it has none
    members     text NOT NULL,    -- JSON array of ids
    sealed_for  uuid, -- the member under whose key it is sealed; null: under the group's, for it comes from nobody known or from several
    kind        text NOT NULL,
    from_sealed bytea,
    text_sealed bytea,
    meaning     text NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (group_id, id)
);
CREATE INDEX inbounds_forgetting ON inbounds (at) WHERE text_sealed IS NOT NULL;
CREATE UNIQUE INDEX inbounds_once ON inbounds (group_id, channel_id, event_id) WHERE event_id IS NOT NULL;

-- Which messages to forget when a member is erased.
CREATE TABLE inbound_members (
    group_id   uuid NOT NULL,
    member_id  uuid NOT NULL,
    inbound_id uuid NOT NULL,
    PRIMARY KEY (group_id, member_id, inbound_id)
);

CREATE TABLE wordings (
    group_id       uuid NOT NULL,
    name           text COLLATE "C" NOT NULL,
    sources_sealed bytea NOT NULL,
    PRIMARY KEY (group_id, name)
);

CREATE TABLE tokens (
    id         uuid PRIMARY KEY,
    group_id   uuid NOT NULL, -- zero: the operator's
    role       text NOT NULL,
    label      text NOT NULL,
    digest     bytea NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE requests (
    token_id    uuid NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    begun_at    bigint NOT NULL,
    status      integer NOT NULL, -- 0: still at work
    type        text NOT NULL,
    body        bytea,
    PRIMARY KEY (token_id, key)
);
CREATE INDEX requests_age ON requests (begun_at);

-- What the last apply of a coalition file wrote, item by item, so that the next one sees what people changed since.
CREATE TABLE applied (
    group_id uuid NOT NULL, -- zero: the operator's
    item     text COLLATE "C" NOT NULL,
    digest   bytea NOT NULL,
    PRIMARY KEY (group_id, item)
);

-- What is deleted is to be cleaned out within minutes, not when a fifth of a table is dead: these hold what is sealed.
ALTER TABLE members SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
ALTER TABLE contact_points SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
ALTER TABLE consents SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
ALTER TABLE import_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE inbounds SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE renderings SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE broadcasts SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE wordings SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE groups SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
ALTER TABLE channels SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
