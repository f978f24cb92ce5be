-- +goose Up
-- An alert. It changes by compare-and-set of its revision only.
CREATE TABLE alerts (
    group_id      uuid NOT NULL,
    id            uuid NOT NULL,
    reference     text NOT NULL,
    recent        boolean NOT NULL, -- its texts are kept, and its reference is taken
    state         text NOT NULL,
    revision      bigint NOT NULL,
    due_at        bigint NOT NULL, -- when the engine looks at it; 0: never
    forget_at     bigint NOT NULL, -- 0: it has not ended
    body_sealed   bytea NOT NULL, -- JSON
    saying_sealed bytea, -- JSON
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX alerts_reference ON alerts (group_id, reference) WHERE recent;
CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at > 0;
CREATE INDEX alerts_unanswered ON alerts (group_id) WHERE state = 'nobody acknowledged';
CREATE INDEX alerts_forget ON alerts (forget_at) WHERE forget_at > 0;

-- What happened to an alert: rows are only added.
CREATE TABLE alert_events (
    group_id    uuid NOT NULL,
    alert_id    uuid NOT NULL,
    no          bigint NOT NULL,
    key         text NOT NULL,
    body_sealed bytea NOT NULL, -- JSON
    PRIMARY KEY (group_id, alert_id, no)
);
CREATE UNIQUE INDEX alert_events_once ON alert_events (group_id, alert_id, key);

-- The broadcasts of an alert: those that say its text, and of these those that ask somebody to take charge.
CREATE TABLE alert_broadcasts (
    group_id     uuid NOT NULL,
    alert_id     uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    says         boolean NOT NULL,
    asks         boolean NOT NULL,
    PRIMARY KEY (group_id, alert_id, broadcast_id)
);

CREATE TABLE alert_policies (
    group_id uuid NOT NULL,
    id       uuid NOT NULL,
    name     text NOT NULL,
    revision bigint NOT NULL,
    body     text NOT NULL, -- JSON
    PRIMARY KEY (group_id, id)
);
CREATE UNIQUE INDEX alert_policies_name ON alert_policies (group_id, name);
ALTER TABLE alerts SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
ALTER TABLE alert_events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 0);
