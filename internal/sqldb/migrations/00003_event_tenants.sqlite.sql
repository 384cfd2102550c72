-- Each tenant has events, subscriptions and sinks of its own. What there was before belongs to the default tenant, whose
-- name is empty. SQLite cannot change what is unique in a table: each is made anew.

-- +goose Up

-- erased: when the body was emptied because it named somebody whose data was erased; empty if it was not.
CREATE TABLE events_of_tenants (
    n        INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL DEFAULT '',
    id       TEXT NOT NULL,
    type     TEXT NOT NULL,
    at       TEXT NOT NULL,
    received TEXT NOT NULL,
    booking  TEXT NOT NULL,
    body     BLOB NOT NULL,
    erased   TEXT NOT NULL DEFAULT '',
    UNIQUE (tenant, id)
);
INSERT INTO events_of_tenants (n, id, type, at, received, booking, body) SELECT n, id, type, at, received, booking, body FROM events;
DROP TABLE events;
ALTER TABLE events_of_tenants RENAME TO events;
CREATE INDEX events_by_time ON events (received);

CREATE TABLE externals_of_tenants (
    tenant  TEXT NOT NULL DEFAULT '',
    booking TEXT NOT NULL,
    sink    TEXT NOT NULL,
    id      TEXT NOT NULL,
    PRIMARY KEY (tenant, booking, sink)
);
INSERT INTO externals_of_tenants (booking, sink, id) SELECT booking, sink, id FROM externals;
DROP TABLE externals;
ALTER TABLE externals_of_tenants RENAME TO externals;

CREATE TABLE subscriptions_of_tenants (
    n       INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL DEFAULT '',
    id      TEXT NOT NULL,
    url     TEXT NOT NULL,
    secret  TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (tenant, id)
);
INSERT INTO subscriptions_of_tenants (n, id, url, secret, created) SELECT n, id, url, secret, created FROM subscriptions;
DROP TABLE subscriptions;
ALTER TABLE subscriptions_of_tenants RENAME TO subscriptions;
