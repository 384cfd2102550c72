-- The account of the built-in sandbox. Only the database in the sandbox's own folder has a row here.

-- +goose Up

-- revision: random, and a new one with every change. account: JSON, as vennioclient/sandbox writes it.
CREATE TABLE sandbox (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision TEXT NOT NULL,
    account  BLOB NOT NULL
);
