-- What people were asked, what they agreed to, and what became of it.
-- Instants are RFC 3339 texts in UTC to the millisecond; salts and hashes are hexadecimal.

-- +goose Up

-- What a person agrees to. Erasing a person's data empties digest, salt and json; the row stays.
CREATE TABLE acts (
    id     TEXT PRIMARY KEY,
    digest TEXT UNIQUE,
    salt   TEXT,
    json   TEXT
);

-- The ledger. It is only ever appended to.
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    commitment TEXT NOT NULL,
    prev       TEXT NOT NULL UNIQUE,
    hash       TEXT NOT NULL UNIQUE
);

-- The ledger's last entry: without this, cutting off its end would not show.
CREATE TABLE head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO head (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- What an entry says in full. Erasing deletes from here and never from entries.
CREATE TABLE details (
    seq  INTEGER PRIMARY KEY REFERENCES entries (seq),
    act  TEXT REFERENCES acts (id),
    salt TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX details_of_act ON details (act);

-- A question to a person: open, approved, declined, expired or used. seq: the entry it began with.
-- unanswered: why it brought no answer where it was asked first.
CREATE TABLE proposals (
    id         TEXT PRIMARY KEY,
    act        TEXT NOT NULL REFERENCES acts (id),
    seq        INTEGER NOT NULL REFERENCES entries (seq),
    at         TEXT NOT NULL,
    expires    TEXT NOT NULL,
    state      TEXT NOT NULL,
    unanswered TEXT NOT NULL
);
CREATE INDEX proposals_of_act ON proposals (act, seq);
CREATE UNIQUE INDEX one_open_proposal ON proposals (act) WHERE state = 'open';

-- A yes. outcome: empty (not sent yet), sent, done, not_done or unknown.
CREATE TABLE grants (
    id         TEXT PRIMARY KEY,
    act        TEXT NOT NULL REFERENCES acts (id),
    proposal   TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    slot       TEXT NOT NULL,
    given_by   TEXT NOT NULL,
    words      TEXT NOT NULL,
    rung       TEXT NOT NULL,
    at         TEXT NOT NULL,
    expires    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    booking    TEXT NOT NULL,
    request    TEXT NOT NULL,
    detail     TEXT NOT NULL
);
CREATE UNIQUE INDEX one_live_grant ON grants (act) WHERE outcome <> 'not_done';
CREATE UNIQUE INDEX one_act_sent_per_slot ON grants (tenant, slot) WHERE slot <> '' AND outcome IN ('sent', 'done', 'unknown');

-- Each time a grant's write was sent, and what became of that attempt: sent, done, not_done or unknown.
CREATE TABLE sends (
    grant_id TEXT NOT NULL REFERENCES grants (id),
    n        INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (grant_id, n)
);

-- +goose StatementBegin
CREATE TRIGGER entries_are_appended BEFORE INSERT ON entries
WHEN NEW.seq <> (SELECT seq + 1 FROM head) OR NEW.prev <> (SELECT hash FROM head)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is appended to at its end');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
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
CREATE TRIGGER details_are_not_changed BEFORE UPDATE ON details
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER details_are_not_replaced BEFORE INSERT ON details
WHEN EXISTS (SELECT 1 FROM details WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is never changed');
END;
-- +goose StatementEnd
