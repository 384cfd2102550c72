-- The passkeys with which people sign what they agree to, and single-use links that lead to the page on which one is added or
-- removed. Links are stored by their hash only, so reading the database does not suffice to use one.

-- +goose Up

-- id: of the credential, base64url. added and removed: numbers of the ledger's entries; removed is 0 for a passkey that counts.
-- how: how it was added. name is empty once the owner's data is erased.
CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    public_key TEXT NOT NULL,
    name       TEXT NOT NULL,
    rp         TEXT NOT NULL,
    how        TEXT NOT NULL,
    added      BIGINT NOT NULL,
    removed    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX passkeys_of_tenant ON passkeys (tenant, added);

-- The counter of a passkey, enrolled or pinned in the settings file, at its last signature.
CREATE TABLE passkey_counters (
    id      TEXT PRIMARY KEY,
    counter BIGINT NOT NULL
);

-- name: of the person whose passkey is added. remove: the id of the passkey that is removed; empty if one is added.
CREATE TABLE passkey_links (
    hash    TEXT PRIMARY KEY,
    tenant  TEXT NOT NULL,
    name    TEXT NOT NULL,
    remove  TEXT NOT NULL,
    expires TEXT NOT NULL
);
