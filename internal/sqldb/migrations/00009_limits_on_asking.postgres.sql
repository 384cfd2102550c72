-- Who asked people, about what, and what they declined, so that requests can be limited for each caller and tenant and a
-- refusal covers the whole slot or booking. Each lookup has an index.

-- +goose Up

-- caller: a keyed hash of who asked; empty for requests of earlier versions, whose other new columns are empty too.
-- starts: when the slot begins that would be taken, empty if none would be. subject: the booking that would be changed or
-- cancelled, empty if none. refused: when the person declined, empty if they did not.
ALTER TABLE proposals ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN starts TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN refused TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX proposals_of_caller ON proposals (caller, at) WHERE caller <> '';
CREATE INDEX proposals_of_tenant ON proposals (tenant, at) WHERE caller <> '';
CREATE INDEX proposals_open_of_caller ON proposals (caller, expires) WHERE state = 'open';
CREATE INDEX proposals_open_of_tenant ON proposals (tenant, expires) WHERE state = 'open';
CREATE INDEX proposals_of_slot ON proposals (tenant, starts, at) WHERE starts <> '';
CREATE INDEX proposals_of_booking ON proposals (tenant, subject, at) WHERE subject <> '';
CREATE INDEX proposals_refused_slot ON proposals (tenant, starts, refused) WHERE starts <> '' AND refused <> '';
CREATE INDEX proposals_refused_booking ON proposals (tenant, subject, refused) WHERE subject <> '' AND refused <> '';

-- Open requests are listed in pages, the newest first.
DROP INDEX proposals_open;
CREATE INDEX proposals_open ON proposals (expires, seq) WHERE state = 'open';
