-- Which signing secret this database is used with, by fingerprints: slot ids and questions under way of a process that
-- has another one would be unknown to the others.

-- +goose Up

-- signs: of the secret that the process which started last signs with. takes: of all that it takes, with blanks between.
-- origin: setting, or folder where the secret is kept in the state folder.
CREATE TABLE signing_secret (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    signs  TEXT NOT NULL,
    takes  TEXT NOT NULL,
    origin TEXT NOT NULL
);
