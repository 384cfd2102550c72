-- What a booking costs does not depend on how many there were before: each lookup has an index, and the bookings that
-- count towards a daily limit are kept as sums.

-- +goose Up

-- subject: the booking that the act changes or cancels, empty if it makes one; 'unknown' for grants of before, and of
-- processes of the version before that still run. bookings: how many bookings the act makes. slice: the quarter of an
-- hour in which the grant was given; every time zone's day begins with one.
ALTER TABLE grants ADD COLUMN subject TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE grants ADD COLUMN bookings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN slice TEXT GENERATED ALWAYS AS (
    substr(at, 1, 14) || CASE WHEN substr(at, 15, 2) < '15' THEN '00' WHEN substr(at, 15, 2) < '30' THEN '15'
    WHEN substr(at, 15, 2) < '45' THEN '30' ELSE '45' END || ':00.000Z') VIRTUAL;

CREATE INDEX grants_of_act ON grants (act);
CREATE INDEX grants_not_sent ON grants (expires) WHERE outcome = '';
CREATE INDEX grants_without_slot ON grants (tenant, subject, at) WHERE slot = '' AND outcome IN ('sent', 'done', 'unknown');
CREATE INDEX proposals_of_entry ON proposals (seq);
CREATE INDEX proposals_open ON proposals (expires) WHERE state = 'open';

-- How many bookings each act makes: a series counts with each of its days, an act on a booking that exists makes none,
-- and one whose person was erased counts as one.
CREATE VIEW act_bookings AS SELECT id, CASE
    WHEN json IS NULL OR NOT json_valid(json) THEN 1
    WHEN json_extract(json, '$.booking_id') IS NOT NULL THEN 0
    ELSE max(1, COALESCE(json_extract(json, '$.count'), 1)) END AS n FROM acts;

-- The sums: the bookings that were sent and are not known to have failed.
CREATE TABLE sent_bookings (
    tenant TEXT NOT NULL,
    slice  TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (tenant, slice)
);
UPDATE grants SET bookings = (SELECT n FROM act_bookings WHERE act_bookings.id = grants.act);
INSERT INTO sent_bookings SELECT tenant, slice, SUM(bookings) FROM grants
WHERE bookings > 0 AND outcome IN ('sent', 'done', 'unknown') GROUP BY tenant, slice;

-- The sums are kept by triggers, so that processes of the version before keep them too.
-- +goose StatementBegin
CREATE TRIGGER bookings_of_new_grants AFTER INSERT ON grants
BEGIN
    UPDATE grants SET bookings = COALESCE((SELECT n FROM act_bookings WHERE act_bookings.id = NEW.act), 1) WHERE id = NEW.id;
    INSERT INTO sent_bookings SELECT tenant, slice, bookings FROM grants
    WHERE id = NEW.id AND bookings > 0 AND outcome IN ('sent', 'done', 'unknown')
    ON CONFLICT (tenant, slice) DO UPDATE SET n = n + excluded.n;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER bookings_of_grants AFTER UPDATE OF outcome ON grants
WHEN NEW.bookings > 0 AND (OLD.outcome IN ('sent', 'done', 'unknown')) <> (NEW.outcome IN ('sent', 'done', 'unknown'))
BEGIN
    INSERT INTO sent_bookings
    VALUES (NEW.tenant, NEW.slice, CASE WHEN NEW.outcome IN ('sent', 'done', 'unknown') THEN NEW.bookings ELSE -NEW.bookings END)
    ON CONFLICT (tenant, slice) DO UPDATE SET n = n + excluded.n;
END;
-- +goose StatementEnd
