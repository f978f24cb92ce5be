-- +goose Up
-- What messages cost, what a group may spend, and what is wrong with channels themselves. Amounts are whole millionths of
-- a currency's unit.

-- The country of an address (ISO 3166; ZZ: nobody can tell; empty: its kind has none). Null: not derived yet.
ALTER TABLE contact_points ADD COLUMN country TEXT;
CREATE INDEX contact_points_unplaced ON contact_points (group_id, member_id, id) WHERE country IS NULL;

ALTER TABLE groups ADD COLUMN budget TEXT NOT NULL DEFAULT ''; -- JSON; empty: none
ALTER TABLE groups ADD COLUMN countries TEXT NOT NULL DEFAULT ''; -- comma-separated; empty: all
ALTER TABLE channels ADD COLUMN routine_only INTEGER NOT NULL DEFAULT 0; -- 1: a pause that lets urgent messages pass
ALTER TABLE channels ADD COLUMN trip_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN trip_minutes INTEGER NOT NULL DEFAULT 0;

-- Of price_points, as it stood when the delivery was claimed; 0: nobody knows; -1: free.
ALTER TABLE attempts ADD COLUMN price_no INTEGER NOT NULL DEFAULT 0;

-- Every price that a message was ever sent at. Rows never change, so an attempt's price is frozen.
CREATE TABLE price_points (
    no       INTEGER PRIMARY KEY,
    currency TEXT NOT NULL,
    micros   INTEGER NOT NULL,
    UNIQUE (currency, micros)
);

CREATE TABLE prices (
    owner_id BLOB NOT NULL, -- a group; zero: the operator
    kind     TEXT NOT NULL,
    channel  TEXT NOT NULL, -- empty: all of the kind
    country  TEXT NOT NULL, -- empty: all without a price of their own
    currency TEXT NOT NULL,
    micros   INTEGER NOT NULL,
    PRIMARY KEY (owner_id, kind, channel, country)
) WITHOUT ROWID;

CREATE TABLE charges (
    group_no     INTEGER NOT NULL,
    broadcast_no INTEGER NOT NULL,
    channel_no   INTEGER NOT NULL,
    price_no     INTEGER NOT NULL,
    segments     INTEGER NOT NULL,
    PRIMARY KEY (group_no, broadcast_no, channel_no, price_no)
) WITHOUT ROWID;

CREATE TABLE spends (
    group_no INTEGER NOT NULL,
    month    TEXT NOT NULL, -- "2026-03", in the group's zone when it was spent
    price_no INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    PRIMARY KEY (group_no, month, price_no)
) WITHOUT ROWID;

-- A delivery in state 5, with the reason 'capped', waits because its group's cap is reached.
CREATE INDEX deliveries_capped ON deliveries (group_no) WHERE state = 5;

CREATE TABLE incidents (
    no         INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    channel_id BLOB NOT NULL,
    trouble    TEXT NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    deliveries INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER NOT NULL, -- 0: open
    closed_by  TEXT NOT NULL
);
CREATE UNIQUE INDEX incidents_open ON incidents (channel_id) WHERE closed_at = 0;
CREATE INDEX incidents_channel ON incidents (channel_id, no);

-- Deliveries that were refused for their channel's sake, until an incident opens or their time is over.
CREATE TABLE strikes (
    channel_id  BLOB NOT NULL,
    delivery_id BLOB NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (channel_id, delivery_id)
) WITHOUT ROWID;

CREATE TABLE channel_errors (
    channel_id BLOB NOT NULL,
    class      TEXT NOT NULL,
    scope      TEXT NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    trouble    TEXT NOT NULL,
    n          INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (channel_id, class, scope, code, detail)
) WITHOUT ROWID;

-- What owners must be told. It holds no names of people, no addresses and no texts of theirs.
CREATE TABLE owner_notices (
    id       BLOB PRIMARY KEY,
    once     TEXT NOT NULL UNIQUE,
    group_id BLOB NOT NULL, -- zero: the operator
    avoid    BLOB NOT NULL, -- a channel; zero: none
    wording  TEXT NOT NULL,
    data     TEXT NOT NULL, -- JSON
    at       INTEGER NOT NULL,
    told_at  INTEGER NOT NULL -- 0: not yet; -1: too late
) WITHOUT ROWID;
CREATE INDEX owner_notices_untold ON owner_notices (at) WHERE told_at = 0;
