-- An approval is carried out only with the account for which it was asked, and taken only from whom the policy there allows:
-- processes with other keys and other policies may share a store.

-- +goose Up

-- account: tells the account's key apart from others'. policy: of the process that asked. Both are empty for what was kept before.
ALTER TABLE proposals ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN policy TEXT NOT NULL DEFAULT '';
