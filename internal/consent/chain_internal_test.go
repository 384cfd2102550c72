package consent

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// Public returns p without its unexported columns, to be compared with a literal.
func (p Proposal) Public() Proposal {
	return Proposal{ID: p.ID, Act: p.Act, At: p.At, Expires: p.Expires, State: p.State, Client: p.Client, Unanswered: p.Unanswered, Account: p.Account, Policy: p.Policy}
}

// Public returns g without its unexported columns, to be compared with a literal.
func (g Grant) Public() Grant {
	return Grant{
		ID: g.ID, GivenBy: g.GivenBy, Words: g.Words, Method: g.Method, At: g.At, Expires: g.Expires, ProposalID: g.ProposalID,
		Outcome: g.Outcome, Attempt: g.Attempt, BookingID: g.BookingID, RequestID: g.RequestID, Detail: g.Detail,
	}
}

// anyLedger returns the entries of a short ledger.
func anyLedger(t *testing.T) []Entry {
	t.Helper()
	db := sqldb.Open(storetest.Memory(t))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	l := New(db, func() time.Time { return time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC) })
	act := Act{Tool: "book_slot", Tenant: "acme", SlotID: "s1", Title: "Intro call"}
	g, err := l.Attest(t.Context(), act, "Ada", "yes")
	require.NoError(t, err)
	g, err = l.Send(t.Context(), g)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), g, Done, "bk_1", "req_1", ""))
	var entries []Entry
	require.NoError(t, l.read(t.Context(), func(tx *transaction) (err error) {
		entries, err = tx.entriesAfter(0, 10)
		return err
	}))
	return entries
}

// checked returns the number of the entry at which a ledger is found broken; 0 if none.
func checked(entries []Entry) int64 {
	c, end := newEntryVerifier(newPasskeyHistory(nil)), chainEnd{0, noEntry}
	for _, e := range entries {
		if broken, ok := errors.AsType[*BrokenError](c.verify(e)); ok {
			return broken.Seq
		}
		if follows(e, end) != "" {
			return e.Seq
		}
		end = chainEnd{e.N, e.Hash}
	}
	return 0
}

// req: O4
func TestReq_O4_AChangeOfAnyByteIsFound(t *testing.T) {
	t.Parallel()
	entries := anyLedger(t)
	require.Len(t, entries, 3)
	require.Zero(t, checked(entries))
	for i := range entries {
		good := entries[i]
		for f := range reflect.TypeFor[Entry]().NumField() {
			name, field := reflect.TypeFor[Entry]().Field(f).Name, reflect.ValueOf(&entries[i]).Elem().Field(f)
			if field.Kind() != reflect.String {
				continue
			}
			text := field.String()
			require.NotEmpty(t, text, name)
			for at := range text {
				for bit := range 8 {
					changed := []byte(text)
					changed[at] ^= 1 << bit
					field.SetString(string(changed))
					assert.Equal(t, good.Seq, checked(entries), "%s, byte %d, bit %d", name, at, bit)
				}
				field.SetString(text[:at] + text[at+1:])
				assert.Equal(t, good.Seq, checked(entries), "%s without byte %d", name, at)
			}
			entries[i] = good
		}
	}
	assert.Zero(t, checked(entries), "all is as it was")
}

func TestNoTextMovesFromOneFieldToTheNext(t *testing.T) {
	t.Parallel()
	for _, move := range []func(*Entry){
		func(e *Entry) { e.Kind, e.Digest = e.Kind+"\n"+e.Digest, "" },
		func(e *Entry) { e.Kind, e.At = "", e.At+"\n"+e.Kind },
		func(e *Entry) { e.Salt, e.Details = e.Salt[:63], e.Salt[63:]+e.Details },
		func(e *Entry) { e.Salt, e.Details = e.Salt+e.Details[:1], e.Details[1:] },
		func(e *Entry) { e.Salt, e.Details = e.Salt+e.Details, "" },
		func(e *Entry) { e.Salt, e.Details = "", e.Salt+e.Details },
	} {
		entries := anyLedger(t)
		move(&entries[1])
		assert.EqualValues(t, 2, checked(entries))
	}
}

func TestTheMaskedDigestDependsOnActAndSalt(t *testing.T) {
	t.Parallel()
	one := storedAct{id: "a", digest: "d", salt: "s"}
	assert.Equal(t, maskedDigest(one), maskedDigest(storedAct{id: "b", digest: "d", salt: "s"}))
	assert.NotEqual(t, maskedDigest(one), maskedDigest(storedAct{digest: "other", salt: "s"}), "it tells which act")
	assert.NotEqual(t, maskedDigest(one), maskedDigest(storedAct{digest: "d", salt: "other"}), "it cannot be guessed")
	assert.Empty(t, maskedDigest(storedAct{}))
}

// An entry with a smaller number that is committed while others are sealed does not delay their seal.
func TestAnEntryThatIsCommittedLateHasALaterSeal(t *testing.T) {
	t.Parallel()
	where := storetest.Memory(t)
	db := sqldb.Open(where)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	l, ctx := New(db, nil), t.Context()
	attest := func(slot string) {
		_, err := l.Attest(ctx, Act{Tool: "book_slot", Tenant: "acme", SlotID: slot}, "Ada", "yes")
		require.NoError(t, err)
	}
	attest("s1")
	late := func() {}
	if db.Shared() { // only there do entries not become visible in the order of their numbers
		other := sqldb.Open(where)
		t.Cleanup(func() { require.NoError(t, other.Close()) })
		late = func() {
			require.NoError(t, other.Decide(ctx, func(tx *sqldb.Tx) error {
				return tx.Exec(`INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash, tenant, chain, n) VALUES (2, '', '', '', '', '', 'late', 'acme', 'late', 1)`)
			}))
		}
		require.NoError(t, db.Decide(ctx, func(tx *sqldb.Tx) error { return tx.Exec(`SELECT nextval(pg_get_serial_sequence('entries', 'seq'))`) }))
	}
	attest("s2")
	runs := 0
	require.NoError(t, l.update(ctx, func(tx *transaction) error {
		runs++
		_, err := tx.seal()
		late()
		return err
	}))
	assert.Equal(t, 1, runs)
	require.NoError(t, l.Seal(ctx))
	require.NoError(t, l.read(ctx, func(tx *transaction) error {
		seals, err := tx.sealsAfter(0, 10)
		require.NotEmpty(t, seals)
		assert.EqualValues(t, 2, seals[0].Entries)
		if db.Shared() {
			require.Len(t, seals, 2)
			assert.EqualValues(t, 1, seals[1].Entries)
		}
		left, err2 := sqldb.One(tx.Tx, sqldb.Column[int], `SELECT COUNT(*) FROM entries WHERE seal IS NULL`)
		assert.Zero(t, *left)
		return errors.Join(err, err2)
	}))
}
