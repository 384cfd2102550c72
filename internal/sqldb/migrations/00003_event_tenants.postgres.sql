-- Each tenant has events, subscriptions and sinks of its own. What there was before belongs to the default tenant, whose
-- name is empty.

-- +goose Up

-- erased: when the body was emptied because it named somebody whose data was erased; empty if it was not.
ALTER TABLE events ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN erased TEXT NOT NULL DEFAULT '';
ALTER TABLE events DROP CONSTRAINT events_id_key;
ALTER TABLE events ADD UNIQUE (tenant, id);

ALTER TABLE externals ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE externals DROP CONSTRAINT externals_pkey;
ALTER TABLE externals ADD PRIMARY KEY (tenant, booking, sink);

ALTER TABLE subscriptions ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_id_key;
ALTER TABLE subscriptions ADD UNIQUE (tenant, id);
