-- A subscription is of one account. A tenant's name may come to mean another, whose deliveries are signed with other secrets.

-- +goose Up

-- account: tells the account's key apart from others'; empty for what was kept before.
ALTER TABLE subscriptions ADD COLUMN account TEXT NOT NULL DEFAULT '';
