-- Keys with which an approval card answers a proposal. card_key: a SHA-256 of the key; empty if none was issued or it was voided.
-- card_holder: a keyed hash of the caller to whom it was issued. card_misses: wrong keys that this caller has sent since.

-- +goose Up

ALTER TABLE proposals ADD COLUMN card_key TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN card_holder TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN card_misses INTEGER NOT NULL DEFAULT 0;
