-- What a booking costs does not depend on how many there were before: each lookup has an index, and the bookings that
-- count towards a daily limit are kept as sums.

-- +goose Up

-- subject: the booking that the act changes or cancels, empty if it makes one; 'unknown' for grants of before, and of
-- processes of the version before that still run. bookings: how many bookings the act makes. slice: the quarter of an
-- hour in which the grant was given; every time zone's day begins with one.
ALTER TABLE grants ADD COLUMN subject TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE grants ADD COLUMN bookings BIGINT NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN slice TEXT COLLATE "C" GENERATED ALWAYS AS (
    substr(at, 1, 14) || CASE WHEN substr(at, 15, 2) < '15' THEN '00' WHEN substr(at, 15, 2) < '30' THEN '15'
    WHEN substr(at, 15, 2) < '45' THEN '30' ELSE '45' END || ':00.000Z') STORED;

CREATE INDEX grants_of_act ON grants (act);
CREATE INDEX grants_not_sent ON grants (expires) WHERE outcome = '';
CREATE INDEX grants_without_slot ON grants (tenant, subject, at) WHERE slot = '' AND outcome IN ('sent', 'done', 'unknown');
CREATE INDEX proposals_of_entry ON proposals (seq);
CREATE INDEX proposals_open ON proposals (expires) WHERE state = 'open';

-- How many bookings each act makes: a series counts with each of its days, an act on a booking that exists makes none,
-- and one whose person was erased counts as one. The JSON is canonical, with the count at its end, and quotation marks
-- inside its texts are escaped. It is not parsed, since PostgreSQL refuses some characters that a text may have.
CREATE VIEW act_bookings AS SELECT id, CASE
    WHEN json IS NULL THEN 1
    WHEN position('"booking_id":"' IN json) > 0 THEN 0
    ELSE greatest(1, COALESCE(substring(json FROM ',"count":([0-9]{1,9})[}]$')::BIGINT, 1)) END AS n FROM acts;

-- The sums: the bookings that were sent and are not known to have failed.
CREATE TABLE sent_bookings (
    tenant TEXT NOT NULL,
    slice  TEXT COLLATE "C" NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (tenant, slice)
);
UPDATE grants SET bookings = (SELECT n FROM act_bookings WHERE act_bookings.id = grants.act);
INSERT INTO sent_bookings SELECT tenant, slice, SUM(bookings) FROM grants
WHERE bookings > 0 AND outcome IN ('sent', 'done', 'unknown') GROUP BY tenant, slice;

-- The sums are kept by triggers, so that processes of the version before keep them too.
-- +goose StatementBegin
CREATE FUNCTION bookings_of_new_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.bookings := COALESCE((SELECT n FROM act_bookings WHERE act_bookings.id = NEW.act), 1);
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION count_sent_bookings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    more BIGINT := 0;
BEGIN
    IF NEW.outcome IN ('sent', 'done', 'unknown') THEN
        more := NEW.bookings;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.outcome IN ('sent', 'done', 'unknown') THEN
        more := more - OLD.bookings;
    END IF;
    IF more <> 0 THEN
        INSERT INTO sent_bookings AS sums VALUES (NEW.tenant, NEW.slice, more)
        ON CONFLICT (tenant, slice) DO UPDATE SET n = sums.n + excluded.n;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER bookings_of_new_grants BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION bookings_of_new_grant();
CREATE TRIGGER bookings_of_grants AFTER INSERT OR UPDATE OF outcome ON grants FOR EACH ROW EXECUTE FUNCTION count_sent_bookings();
