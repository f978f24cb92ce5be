-- +goose Up
-- An alert. It changes by compare-and-set of its revision only.
CREATE TABLE alerts (
    group_id      BLOB NOT NULL,
    id            BLOB NOT NULL,
    reference     TEXT NOT NULL,
    recent        INTEGER NOT NULL, -- its texts are kept, and its reference is taken
    state         TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL, -- when the engine looks at it; 0: never
    forget_at     INTEGER NOT NULL, -- 0: it has not ended
    body_sealed   BLOB NOT NULL, -- JSON
    saying_sealed BLOB, -- JSON
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX alerts_reference ON alerts (group_id, reference) WHERE recent = 1;
CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at > 0;
CREATE INDEX alerts_unanswered ON alerts (group_id) WHERE state = 'nobody acknowledged';
CREATE INDEX alerts_forget ON alerts (forget_at) WHERE forget_at > 0;

-- What happened to an alert: rows are only added.
CREATE TABLE alert_events (
    group_id    BLOB NOT NULL,
    alert_id    BLOB NOT NULL,
    no          INTEGER NOT NULL,
    key         TEXT NOT NULL,
    body_sealed BLOB NOT NULL, -- JSON
    PRIMARY KEY (group_id, alert_id, no)
) WITHOUT ROWID;
CREATE UNIQUE INDEX alert_events_once ON alert_events (group_id, alert_id, key);

-- The broadcasts of an alert: those that say its text, and of these those that ask somebody to take charge.
CREATE TABLE alert_broadcasts (
    group_id     BLOB NOT NULL,
    alert_id     BLOB NOT NULL,
    broadcast_id BLOB NOT NULL,
    says         INTEGER NOT NULL,
    asks         INTEGER NOT NULL,
    PRIMARY KEY (group_id, alert_id, broadcast_id)
) WITHOUT ROWID;

CREATE TABLE alert_policies (
    group_id BLOB NOT NULL,
    id       BLOB NOT NULL,
    name     TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body     TEXT NOT NULL, -- JSON
    PRIMARY KEY (group_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX alert_policies_name ON alert_policies (group_id, name);
