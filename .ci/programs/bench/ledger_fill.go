package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// fillBatch is the number of bookings that are written at once: PostgreSQL accepts 65,535 values in a statement.
const fillBatch = 1000

// entriesOfBooking is the number of entries of a booking with an agent's statement: attested, sent and settled.
const entriesOfBooking = 3

// pastBooking is a booking in the ledger.
type pastBooking struct{ act, grant, slot, id, at, expires string }

// filledBooking is what a past booking consists of. All copies are made from one that the ledger has recorded, with
// other ids, times, hashes and commitments.
type filledBooking struct {
	pastBooking
	actSalt, actJSON string
	entries          []consent.Entry
}

// fillLedger adds past bookings to the database at a location, with about the given number of entries. The entries
// verify, and are sealed.
func fillLedger(ctx context.Context, where string, entries int) (err error) {
	db := sqldb.Open(where)
	defer func() { err = errors.Join(err, db.Close()) }()
	if entries == 0 {
		return db.Read(ctx, func(*sqldb.Tx) error { return nil }) // creates the tables
	}
	began := time.Now().AddDate(0, -6, 0).Truncate(time.Second)
	original, err := recordOne(ctx, db, began)
	if err != nil {
		return err
	}
	for written := entriesOfBooking; written < entries; {
		var batch []filledBooking
		for range min(fillBatch, (entries-written+entriesOfBooking-1)/entriesOfBooking) {
			written += entriesOfBooking
			batch = append(batch, original.copied(began.Add(time.Duration(written)*5*time.Second)))
		}
		if err := db.Write(ctx, func(tx *sqldb.Tx) error { return insertBookings(tx, original, batch) }); err != nil {
			return err
		}
	}
	if err := consent.New(db, nil).Seal(ctx); err != nil {
		return err
	}
	// PostgreSQL does so by itself, a minute later; until then it does not know which tables are long.
	return db.Write(ctx, func(tx *sqldb.Tx) error { return tx.Exec(`ANALYZE`) })
}

// recordOne records a booking and reads what the database contains of it.
func recordOne(ctx context.Context, db *sqldb.DB, at time.Time) (b filledBooking, err error) {
	ledger := consent.New(db, func() time.Time { return at })
	act := consent.Act{
		Tool: "book_slot", Tenant: "tenant-0", SlotID: "slot-" + rand.Text(), Title: "Intro", Start: at.Add(time.Hour), End: at.Add(90 * time.Minute), Zone: "Europe/London",
		Hosts: []consent.Host{{Name: "Alice", ID: "619c8492-3849-4201-abd3-6d668d3f30b3"}}, Attendees: []consent.Attendee{{Name: "Ada", Email: "ada@example.com", Mailed: true}},
	}
	grant, err := ledger.Statement(ctx, act, "Ada", "Yes")
	if err != nil {
		return b, err
	}
	if grant, err = ledger.SendWithin(ctx, grant, consent.Quota{}); err != nil {
		return b, err
	}
	b.pastBooking = pastBooking{grant: grant.ID, slot: act.SlotID, id: "bk_" + rand.Text(), at: sqldb.Text(grant.At), expires: sqldb.Text(grant.Expires)}
	if err := ledger.Settle(ctx, grant, consent.Done, b.id, "req_1", ""); err != nil {
		return b, err
	}
	if b.entries, err = ledger.Entries(ctx, 0, entriesOfBooking); err != nil {
		return b, err
	}
	b.act = b.entries[0].Act
	return b, db.Read(ctx, func(tx *sqldb.Tx) error {
		_, err := sqldb.One(tx, func(*struct{}) []any { return []any{&b.actSalt, &b.actJSON} }, `SELECT salt, json FROM acts WHERE id = ?`, b.act)
		return err
	})
}

// copied returns the same booking at another time, of another slot.
func (b filledBooking) copied(at time.Time) filledBooking {
	next := pastBooking{act: rand.Text(), grant: rand.Text(), slot: "slot-" + rand.Text(), id: "bk_" + rand.Text(), at: sqldb.Text(at), expires: sqldb.Text(at.Add(consent.Lifetime))}
	change := strings.NewReplacer(b.act, next.act, b.grant, next.grant, b.slot, next.slot, b.id, next.id, b.at, next.at, b.expires, next.expires)
	c := filledBooking{pastBooking: next, actSalt: rand.Text()}
	c.actJSON = change.Replace(b.actJSON)
	prev := b.entries[0].Prev
	digest := hex.EncodeToString(tenant.SaltedHash(c.actSalt, hash(c.actJSON)))
	for _, e := range b.entries {
		e.At, e.Digest, e.Prev, e.Chain, e.Act, e.Salt, e.Details = next.at, digest, prev, next.act, next.act, rand.Text(), change.Replace(e.Details)
		e.Commitment = hash(e.Salt + e.Details)
		e.Hash = hash(strings.Join([]string{e.Prev, e.Tenant, e.Chain, fmt.Sprint(e.N), e.At, e.Kind, e.Digest, e.Commitment}, "\n"))
		prev = e.Hash
		c.entries = append(c.entries, e)
	}
	return c
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// rows are the values of several rows.
type rows []any

// insert inserts rows with values for the given columns; from is the rest of the statement, in which VALUES stands for
// the rows.
func (r rows) insert(tx *sqldb.Tx, columns int, statement string) error {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", columns), ", ") + "), "
	return tx.Exec(strings.Replace(statement, "VALUES", "VALUES "+strings.TrimSuffix(strings.Repeat(one, len(r)/columns), ", "), 1), r...)
}

// insertBookings inserts copies of a booking.
func insertBookings(tx *sqldb.Tx, original filledBooking, all []filledBooking) error {
	var acts, grants, sends, entries, details rows
	for _, b := range all {
		acts = append(acts, b.act, hash(b.actJSON), b.actSalt, b.actJSON)
		grants = append(grants, b.grant, b.act, b.slot, b.at, b.expires, b.id)
		sends = append(sends, b.grant)
		for _, e := range b.entries {
			entries = append(entries, e.At, e.Kind, e.Digest, e.Commitment, e.Prev, e.Hash, e.Tenant, e.Chain, e.N)
			details = append(details, e.Chain, fmt.Sprint(e.N), e.Salt, e.Details)
		}
	}
	return errors.Join(
		acts.insert(tx, 4, `INSERT INTO acts (id, digest, salt, json) VALUES`),
		grants.insert(tx, 6, `INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
			SELECT v.column1, v.column2, g.proposal, g.tenant, v.column3, g.given_by, g.words, g.rung, v.column4, v.column5, g.outcome, v.column6, g.request, g.detail, g.subject
			FROM (VALUES) AS v, grants g WHERE g.id = '`+original.grant+`'`),
		sends.insert(tx, 1, `INSERT INTO sends (grant_id, n, outcome) SELECT v.column1, 1, 'done' FROM (VALUES) AS v`),
		entries.insert(tx, 9, `INSERT INTO entries (at, kind, digest, commitment, prev, hash, tenant, chain, n) VALUES`),
		details.insert(tx, 4, `INSERT INTO details (seq, act, salt, json) SELECT e.seq, v.column1, v.column3, v.column4
			FROM (VALUES) AS v JOIN entries e ON e.chain = v.column1 AND e.n = CAST(v.column2 AS BIGINT)`),
	)
}
