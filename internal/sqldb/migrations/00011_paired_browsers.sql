-- Browsers that a person has paired with this server, and links by which one can be paired. Both are kept by their hash
-- alone: who reads the database can neither pair a browser nor pass for one.

-- +goose Up

CREATE TABLE pairing_links (
    hash    TEXT PRIMARY KEY,
    tenant  TEXT NOT NULL,
    expires TEXT NOT NULL
);

-- id: names the pairing to its operator. hash: of the cookie, which one browser uses for several tenants.
CREATE TABLE paired_browsers (
    id      TEXT PRIMARY KEY,
    hash    TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    at      TEXT NOT NULL,
    expires TEXT NOT NULL,
    UNIQUE (hash, tenant)
);
