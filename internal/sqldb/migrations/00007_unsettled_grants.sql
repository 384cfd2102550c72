-- What was sent and of which it is not known what became, and which bookings are a grant's: found without reading all grants.

-- +goose Up

CREATE INDEX grants_sent ON grants (at) WHERE outcome = 'sent';
CREATE INDEX grants_unknown ON grants (at) WHERE outcome = 'unknown';
CREATE INDEX grants_of_booking ON grants (tenant, booking) WHERE booking <> '';
