-- What people were asked, what they agreed to, and what became of it.
-- Instants are RFC 3339 texts in UTC to the millisecond; salts and hashes are hexadecimal. Instants are compared and
-- sorted by their bytes (COLLATE "C"), whatever language the database speaks.

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
    seq        BIGINT PRIMARY KEY,
    at         TEXT COLLATE "C" NOT NULL,
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    commitment TEXT NOT NULL,
    prev       TEXT NOT NULL UNIQUE,
    hash       TEXT NOT NULL UNIQUE
);

-- The ledger's last entry: without this, cutting off its end would not show.
CREATE TABLE head (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO head (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- What an entry says in full. Erasing deletes from here and never from entries.
CREATE TABLE details (
    seq  BIGINT PRIMARY KEY REFERENCES entries (seq),
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
    seq        BIGINT NOT NULL REFERENCES entries (seq),
    at         TEXT COLLATE "C" NOT NULL,
    expires    TEXT COLLATE "C" NOT NULL,
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
    at         TEXT COLLATE "C" NOT NULL,
    expires    TEXT COLLATE "C" NOT NULL,
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
    n        BIGINT NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (grant_id, n)
);

-- +goose StatementBegin
CREATE FUNCTION entry_is_appended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM head WHERE seq + 1 = NEW.seq AND hash = NEW.prev) THEN
        RAISE EXCEPTION 'the ledger is appended to at its end';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION ledger_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is never %', TG_ARGV[0];
END $$;
-- +goose StatementEnd

CREATE TRIGGER entries_are_appended BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION entry_is_appended();
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries FOR EACH ROW EXECUTE FUNCTION ledger_is_kept('changed');
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries FOR EACH ROW EXECUTE FUNCTION ledger_is_kept('cut');
CREATE TRIGGER entries_are_not_emptied BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_kept('cut');
CREATE TRIGGER details_are_not_changed BEFORE UPDATE ON details FOR EACH ROW EXECUTE FUNCTION ledger_is_kept('changed');
CREATE TRIGGER details_are_not_emptied BEFORE TRUNCATE ON details FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_kept('cut');
