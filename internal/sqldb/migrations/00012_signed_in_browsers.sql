-- Browsers that were paired by signing in at the issuer of the settings. subject: what the issuer calls the person; empty
-- where the browser was paired by a link.

-- +goose Up

ALTER TABLE paired_browsers ADD COLUMN subject TEXT NOT NULL DEFAULT '';
