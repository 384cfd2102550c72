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

// anyLedger returns what a store keeps of a short ledger.
func anyLedger(t *testing.T) []sqldb.Entry {
	t.Helper()
	db := sqldb.Open(storetest.Memory(t))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	l := New(db, func() time.Time { return time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC) })
	act := Act{Tool: "book_slot", SlotID: "s1", Title: "Intro call"}
	g, err := l.Attest(t.Context(), act, "Ada", "yes")
	require.NoError(t, err)
	g, err = l.Send(t.Context(), g)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), g, Done, "bk_1", "req_1", ""))
	var entries []sqldb.Entry
	require.NoError(t, l.look(t.Context(), func(w *work) (err error) {
		entries, err = w.Entries(0, 10)
		return err
	}))
	return entries
}

// checked returns the number of the entry at which a ledger is found broken; 0 if none.
func checked(entries []sqldb.Entry) int64 {
	c := newChecker()
	for _, e := range entries {
		if broken, ok := errors.AsType[*BrokenError](c.check(e)); ok {
			return broken.Seq
		}
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
		for f := range reflect.TypeFor[sqldb.Entry]().NumField() {
			name, field := reflect.TypeFor[sqldb.Entry]().Field(f).Name, reflect.ValueOf(&entries[i]).Elem().Field(f)
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

func TestNothingMovesFromOneFieldToTheNext(t *testing.T) {
	t.Parallel()
	for _, move := range []func(*sqldb.Entry){
		func(e *sqldb.Entry) { e.Kind, e.Digest = e.Kind+"\n"+e.Digest, "" },
		func(e *sqldb.Entry) { e.Kind, e.At = "", e.At+"\n"+e.Kind },
		func(e *sqldb.Entry) { e.Salt, e.Details = e.Salt[:63], e.Salt[63:]+e.Details },
		func(e *sqldb.Entry) { e.Salt, e.Details = e.Salt+e.Details[:1], e.Details[1:] },
		func(e *sqldb.Entry) { e.Salt, e.Details = e.Salt+e.Details, "" },
		func(e *sqldb.Entry) { e.Salt, e.Details = "", e.Salt+e.Details },
	} {
		entries := anyLedger(t)
		move(&entries[1])
		assert.EqualValues(t, 2, checked(entries))
	}
}

func TestTheLedgersDigestDependsOnActAndSalt(t *testing.T) {
	t.Parallel()
	one := sqldb.Act{ID: "a", Digest: "d", Salt: "s"}
	assert.Equal(t, blind(one), blind(sqldb.Act{ID: "b", Digest: "d", Salt: "s"}))
	assert.NotEqual(t, blind(one), blind(sqldb.Act{Digest: "other", Salt: "s"}), "it tells which act")
	assert.NotEqual(t, blind(one), blind(sqldb.Act{Digest: "d", Salt: "other"}), "it cannot be guessed")
	assert.Empty(t, blind(sqldb.Act{}))
}
