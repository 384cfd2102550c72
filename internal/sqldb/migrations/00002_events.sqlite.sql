-- What Vennio told us, and what came of telling others. The follow-ups themselves are jobs, in the job engine's own tables.
-- Instants are RFC 3339 texts in UTC to the millisecond.

-- +goose Up

-- The inbox. at: when it happened, empty if Vennio does not say. booking: which one it is about, empty if none.
-- body: the bytes as they came.
CREATE TABLE events (
    n        INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    type     TEXT NOT NULL,
    at       TEXT NOT NULL,
    received TEXT NOT NULL,
    booking  TEXT NOT NULL,
    body     BLOB NOT NULL
);
CREATE INDEX events_by_time ON events (received);

-- What a sink calls a booking, as it answered.
CREATE TABLE externals (
    booking TEXT NOT NULL,
    sink    TEXT NOT NULL,
    id      TEXT NOT NULL,
    PRIMARY KEY (booking, sink)
);

-- Subscriptions made at Vennio, with the secret that it shows once.
CREATE TABLE subscriptions (
    n       INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    url     TEXT NOT NULL,
    secret  TEXT NOT NULL,
    created TEXT NOT NULL
);
