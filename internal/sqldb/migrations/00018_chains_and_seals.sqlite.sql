-- Entries about different acts are written at the same time: each act has its own chain of entries, and seals, written a moment
-- later, fix all entries in one order. Entries from before keep their one chain, which ends at the row of head.

-- +goose Up

-- tenant: whose act it is; empty for the default tenant. chain: the id of the act, or "passkeys:" and the tenant. n: the number in
-- its chain, from 1. seal: the number of its seal, NULL until it has one. All four are NULL for entries of the old chain.
--
-- SQLite cannot drop what is unique in a table: it is made anew. The rows that refer to it are checked again when the entries are
-- inserted.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE old_entries AS SELECT * FROM entries;
DROP TABLE entries;
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    commitment TEXT NOT NULL,
    prev       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    tenant     TEXT,
    chain      TEXT,
    n          INTEGER,
    seal       INTEGER,
    UNIQUE (chain, n)
);
INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash) SELECT seq, at, kind, digest, commitment, prev, hash FROM old_entries ORDER BY seq;
DROP TABLE old_entries;
CREATE INDEX removed_passkeys ON entries (seq) WHERE kind = 'passkey_removed';
CREATE INDEX entries_by_seal ON entries (seal, seq) WHERE n IS NOT NULL;

-- n: 1, 2, 3. entries: how many it seals. prev: the hash of the seal before; of the first one, that of head.
CREATE TABLE seals (
    n       INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    entries INTEGER NOT NULL,
    prev    TEXT NOT NULL,
    hash    TEXT NOT NULL
);

-- +goose StatementBegin
CREATE TRIGGER entries_are_of_this_version BEFORE INSERT ON entries
WHEN NEW.n IS NULL
BEGIN
    SELECT RAISE(ABORT, 'a newer version of vennio-mcp has changed the ledger, so this version can no longer write to it: upgrade this program');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER entries_are_appended BEFORE INSERT ON entries
WHEN NEW.n IS NOT NULL AND (NEW.tenant IS NULL OR NEW.chain IS NULL OR NEW.seal IS NOT NULL OR NEW.n < 1
    OR NEW.seq > 0 AND (NEW.seq <= (SELECT seq FROM head) OR EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq))
    OR EXISTS (SELECT 1 FROM entries WHERE chain = NEW.chain AND n = NEW.n)
    OR NEW.n > 1 AND NOT EXISTS (SELECT 1 FROM entries WHERE chain = NEW.chain AND n = NEW.n - 1 AND hash = NEW.prev))
BEGIN
    SELECT RAISE(ABORT, 'the ledger is appended to at its end');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
WHEN OLD.n IS NULL OR OLD.seal IS NOT NULL
    OR (NEW.seq, NEW.at, NEW.kind, NEW.digest, NEW.commitment, NEW.prev, NEW.hash, NEW.tenant, NEW.chain, NEW.n)
        IS NOT (OLD.seq, OLD.at, OLD.kind, OLD.digest, OLD.commitment, OLD.prev, OLD.hash, OLD.tenant, OLD.chain, OLD.n)
    OR NOT EXISTS (SELECT 1 FROM seals WHERE n = NEW.seal)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never cut');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER seals_are_not_changed BEFORE UPDATE ON seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER seals_are_not_replaced BEFORE INSERT ON seals
WHEN EXISTS (SELECT 1 FROM seals WHERE n = NEW.n)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER seals_are_not_deleted BEFORE DELETE ON seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never cut');
END;
-- +goose StatementEnd
