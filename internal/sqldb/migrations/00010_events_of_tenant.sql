-- The newest events of one tenant are found without reading those of the others.

-- +goose Up

CREATE INDEX events_of_tenant ON events (tenant, received);
