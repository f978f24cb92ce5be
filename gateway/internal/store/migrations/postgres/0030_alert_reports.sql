-- +goose Up
-- What members said of themselves during alerts: the newest of each.
CREATE TABLE alert_reports (
    group_id  uuid NOT NULL,
    alert_id  uuid NOT NULL,
    member_id uuid NOT NULL,
    answer    smallint NOT NULL, -- place among gateway.AlertAnswers
    way       text NOT NULL,     -- kind of contact point
    shared    boolean NOT NULL,  -- it came from an address that several members have
    at        bigint NOT NULL,
    PRIMARY KEY (group_id, alert_id, member_id)
);
CREATE INDEX alert_reports_member ON alert_reports (group_id, member_id);
CREATE INDEX alert_reports_age ON alert_reports (at);
