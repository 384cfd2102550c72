package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/internal/store/storetest"
)

// disarmed returns a ledger of several entries in which everything can be
// changed, as by someone who owns the file and removes its guards.
func disarmed(t *testing.T) (*store.DB, *consent.Ledger, int64) {
	t.Helper()
	db := open(t, storetest.Memory(t))
	l := consent.New(db, func() time.Time { return time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC) })
	for _, person := range []string{"Bob", "Ada"} {
		act := consent.Act{Tool: "book_slot", SlotID: person, Attendees: []consent.Attendee{{Name: person}}}
		p, err := l.Propose(t.Context(), act)
		require.NoError(t, err)
		_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: person, Rung: consent.OnPage})
		require.NoError(t, err)
		g, _, err := l.Standing(t.Context(), act)
		require.NoError(t, err)
		_, err = l.Send(t.Context(), *g)
		require.NoError(t, err)
	}
	_, err := l.Erase(t.Context(), "Bob")
	require.NoError(t, err)
	for _, statement := range disarming(db) {
		require.NoError(t, db.Raw(t.Context(), statement), statement)
	}
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	return db, l, n
}

// disarming removes every guard of the ledger.
func disarming(db *store.DB) []string {
	if db.Shared() {
		return []string{
			`ALTER TABLE entries DISABLE TRIGGER USER`, `ALTER TABLE details DISABLE TRIGGER USER`,
			`ALTER TABLE details DROP CONSTRAINT details_seq_fkey`, `ALTER TABLE details DROP CONSTRAINT details_act_fkey`,
			`ALTER TABLE proposals DROP CONSTRAINT proposals_seq_fkey`,
		}
	}
	return []string{
		`PRAGMA foreign_keys = OFF`, `DROP TRIGGER entries_are_appended`, `DROP TRIGGER entries_are_not_changed`,
		`DROP TRIGGER entries_are_not_deleted`, `DROP TRIGGER details_are_not_changed`, `DROP TRIGGER details_are_not_replaced`,
	}
}

// brokenAt asserts where the ledger is found broken.
func brokenAt(t *testing.T, l *consent.Ledger, seq int64, what ...any) {
	t.Helper()
	_, err := l.Verify(t.Context())
	broken, ok := errors.AsType[*consent.BrokenError](err)
	if assert.True(t, ok, append([]any{err}, what...)...) {
		assert.Equal(t, seq, broken.Seq, what...)
	}
}

// bar: O4
func TestBar_O4_AChangedByteIsFound(t *testing.T) {
	t.Parallel()
	const stride = 7 // every byte is the matter of the chain's own test
	db, l, n := disarmed(t)
	tried := 0
	for seq := int64(1); seq <= n; seq++ {
		for _, column := range []string{"entries.at", "entries.kind", "entries.digest", "entries.commitment", "entries.prev", "entries.hash", "details.act", "details.salt", "details.json"} {
			table, name, _ := strings.Cut(column, ".")
			texts, err := db.Texts(t.Context(), fmt.Sprintf(`SELECT COALESCE(%s, '') FROM %s WHERE seq = ?`, name, table), seq)
			require.NoError(t, err)
			if len(texts) == 0 {
				require.LessOrEqual(t, seq, int64(3), "erased")
				continue
			}
			set := fmt.Sprintf(`UPDATE %s SET %s = ? WHERE seq = ?`, table, name)
			for i := int(seq) % stride; i < len(texts[0]); i += stride {
				changed := texts[0][:i] + string(rune(texts[0][i]^1)) + texts[0][i+1:]
				require.NoError(t, db.Raw(t.Context(), set, changed, seq))
				brokenAt(t, l, seq, column, i)
				tried++
			}
			for _, changed := range []string{texts[0] + "0", texts[0] + "\n", ""} {
				if changed != texts[0] {
					require.NoError(t, db.Raw(t.Context(), set, changed, seq))
					brokenAt(t, l, seq, column, changed)
				}
			}
			require.NoError(t, db.Raw(t.Context(), set, texts[0], seq))
		}
	}
	assert.Greater(t, tried, 300)
	_, err := l.Verify(t.Context())
	require.NoError(t, err, "all is as it was")
}

func TestWhatIsCutMovedOrAddedIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		statements []string
		at         int64
	}{
		"the end cut":      {[]string{`DELETE FROM entries WHERE seq = 7`}, 7},
		"the middle cut":   {[]string{`DELETE FROM entries WHERE seq = 4`}, 4},
		"closed up":        {[]string{`DELETE FROM entries WHERE seq = 4`, `UPDATE entries SET seq = seq - 1 WHERE seq > 4`}, 4},
		"everything cut":   {[]string{`DELETE FROM entries`}, 1},
		"swapped":          {[]string{`UPDATE entries SET seq = 99 WHERE seq = 4`, `UPDATE entries SET seq = 4 WHERE seq = 5`, `UPDATE entries SET seq = 5 WHERE seq = 99`}, 4},
		"added":            {[]string{`INSERT INTO entries SELECT 8, at, kind, digest, commitment, hash, 'x' FROM entries WHERE seq = 7`}, 8},
		"details gone":     {[]string{`DELETE FROM details WHERE seq = 5`}, 5},
		"details emptied":  {[]string{`UPDATE details SET salt = '', json = '' WHERE seq = 5`}, 5},
		"details swapped":  {[]string{`UPDATE details SET seq = 99 WHERE seq = 5`, `UPDATE details SET seq = 5 WHERE seq = 6`, `UPDATE details SET seq = 6 WHERE seq = 99`}, 5},
		"salt and text":    {[]string{`UPDATE details SET salt = substr(salt, 1, 63), json = substr(salt, 64) || json WHERE seq = 5`}, 5},
		"erasure gone":     {[]string{`DELETE FROM details WHERE seq = 7`}, 7},
		"the end unknown":  {[]string{`DELETE FROM head`}, 8},
		"the end moved":    {[]string{`UPDATE head SET seq = 9`}, 8},
		"the end set back": {[]string{`UPDATE head SET seq = 6`}, 7},
		"the end's hash":   {[]string{`UPDATE head SET hash = 'x'`}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l, _ := disarmed(t)
			for _, s := range tc.statements {
				require.NoError(t, db.Raw(t.Context(), s))
			}
			brokenAt(t, l, tc.at)
		})
	}
}

func TestAnEntryWrittenAnewWithItsHashIsFound(t *testing.T) {
	t.Parallel()
	db, l, _ := disarmed(t)
	texts, err := db.Texts(t.Context(), strings.ReplaceAll(`SELECT prev || LF || seq || LF || at || LF || 'declined' || LF || digest || LF || commitment FROM entries WHERE seq = 5`, "LF", "'\n'"))
	require.NoError(t, err)
	require.Len(t, texts, 1)
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(texts[0])))
	require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET kind = 'declined', hash = ? WHERE seq = 5`, hash))
	brokenAt(t, l, 6)
}
