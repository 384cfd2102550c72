package consent_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// line is a line of an export: an entry, or a seal.
type line struct {
	Seq, N, Entries                                                        int
	At, Kind, Digest, Commitment, Prev, Hash, Salt, Details, Tenant, Chain string
}

// tally counts the lines of an export: entries, those without details, seals, and entries without a seal.
type tally struct{ entries, bare, seals, unsealed int }

// proven checks an export of a new ledger by the documentation of Entry and Seal alone.
func proven(t *testing.T, export string) (n tally) {
	t.Helper()
	hash := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return hex.EncodeToString(h[:])
	}
	lines := func(fields ...any) string {
		texts := make([]string, len(fields))
		for i, field := range fields {
			texts[i] = fmt.Sprint(field)
		}
		return hash(strings.Join(texts, "\n"))
	}
	first := strings.Repeat("0", 64)
	chains, lastSeal := map[string]line{}, line{Hash: first}
	var sealed []any // hashes since the last seal
	for text := range strings.Lines(export) {
		var e line
		require.NoError(t, json.Unmarshal([]byte(text), &e))
		if e.Kind == "seal" {
			assert.Equal(t, []any{lastSeal.N + 1, lastSeal.Hash, len(sealed)}, []any{e.N, e.Prev, e.Entries})
			assert.Equal(t, lines(append([]any{e.Prev, e.N, e.At, e.Entries}, sealed...)...), e.Hash)
			lastSeal, sealed = e, nil
			n.seals++
			continue
		}
		before := cmp.Or(chains[e.Chain], line{Hash: first})
		assert.Equal(t, []any{before.N + 1, before.Hash}, []any{e.N, e.Prev})
		chains[e.Chain] = e
		n.entries++
		assert.Equal(t, lines(e.Prev, e.Tenant, e.Chain, e.N, e.At, e.Kind, e.Digest, e.Commitment), e.Hash)
		if e.Details == "" {
			n.bare++
		} else {
			assert.Equal(t, hash(e.Salt+e.Details), e.Commitment)
		}
		sealed = append(sealed, e.Hash)
	}
	n.unsealed = len(sealed)
	return n
}

// req: O4
func TestReq_O4_AThirdPartyCanProveTheExport(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	const many = 120 // more than is read at once
	for i := range many {
		name := "Ada Lovelace"
		if i%2 == 1 {
			name = "Bob"
		}
		act := meeting(fmt.Sprint(i), name, "someone@example.com")
		act.Tenant = fmt.Sprint("tenant-", i%3)
		_, err := l.Attest(t.Context(), act, name, "yes <&> \u2028 \"it is\"")
		require.NoError(t, err)
		c.advance(1)
	}
	export := func() string {
		var out bytes.Buffer
		require.NoError(t, l.Export(t.Context(), &out))
		return out.String()
	}
	assert.Equal(t, tally{many, 0, 0, many}, proven(t, export()))
	require.NoError(t, l.Seal(t.Context()))
	assert.Equal(t, tally{many, 0, 1, 0}, proven(t, export()))
	_, _, err := l.Erase(t.Context(), "Bob")
	require.NoError(t, err)
	assert.Equal(t, tally{many + many/2, many / 2, 1, many / 2}, proven(t, export()))
	require.NoError(t, l.Seal(t.Context()))
	assert.Equal(t, tally{many + many/2, many / 2, 2, 0}, proven(t, export()))
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, many+many/2, n)
}

// req: O4
func TestReq_O4_TheLedgerItselfNamesNobody(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	g := sent(t, l, call("s1"))
	require.NoError(t, l.Settle(t.Context(), g, consent.Done, "bk_1", "", ""))
	sent(t, l, call("s2"))
	entries, err := l.Entries(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, entries, 5)
	for i, e := range entries {
		e.Details, e.Salt = "", ""
		told := fmt.Sprint(e)
		for _, secret := range []string{"Ada", "ada@example.com", "Intro call", "bk_1", g.ID, call("s1").Digest()} {
			assert.NotContains(t, told, secret)
		}
		assert.Equal(t, i < 3, e.Digest == entries[0].Digest, "entries about one act have the same digest")
	}
	some, err := l.Entries(t.Context(), 2, 2)
	require.NoError(t, err)
	assert.Equal(t, entries[2:4], some)
}

// broken is a writer that always fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestAnExportThatCannotBeWrittenFails(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	require.NoError(t, l.Export(t.Context(), broken{}), "there is nothing to write")
	sent(t, l, call("s1"))
	require.ErrorContains(t, l.Export(t.Context(), broken{}), "the disk is full")
}
