-- Finds the removal of a passkey whenever it signs, so that a passkey that was restored in the table passkeys alone does not count.

-- +goose Up

CREATE INDEX removed_passkeys ON entries (seq) WHERE kind = 'passkey_removed';
