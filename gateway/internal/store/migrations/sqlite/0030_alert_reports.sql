-- +goose Up
-- What members said of themselves during alerts: the newest of each.
CREATE TABLE alert_reports (
    group_id  BLOB NOT NULL,
    alert_id  BLOB NOT NULL,
    member_id BLOB NOT NULL,
    answer    INTEGER NOT NULL, -- place among gateway.AlertAnswers
    way       TEXT NOT NULL,    -- kind of contact point
    shared    INTEGER NOT NULL, -- it came from an address that several members have
    at        INTEGER NOT NULL,
    PRIMARY KEY (group_id, alert_id, member_id)
) WITHOUT ROWID;
CREATE INDEX alert_reports_member ON alert_reports (group_id, member_id);
CREATE INDEX alert_reports_age ON alert_reports (at);
