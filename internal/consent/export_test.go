package consent_test

import (
	"bytes"
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

// proven checks an export by the documentation of Entry alone.
func proven(t *testing.T, export string) (entries, bare int) {
	t.Helper()
	hash := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return hex.EncodeToString(h[:])
	}
	prev := strings.Repeat("0", 64)
	for line := range strings.Lines(export) {
		var e struct {
			Seq                                                     int
			At, Kind, Digest, Commitment, Prev, Hash, Salt, Details string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		entries++
		assert.Equal(t, entries, e.Seq)
		assert.Equal(t, prev, e.Prev)
		assert.Equal(t, hash(fmt.Sprintf("%s\n%d\n%s\n%s\n%s\n%s", e.Prev, e.Seq, e.At, e.Kind, e.Digest, e.Commitment)), e.Hash)
		if e.Details == "" {
			bare++
		} else {
			assert.Equal(t, hash(e.Salt+e.Details), e.Commitment)
		}
		prev = e.Hash
	}
	return entries, bare
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
		_, err := l.Attest(t.Context(), meeting(fmt.Sprint(i), name, "someone@example.com"), name, "yes <&> \u2028 \"it is\"")
		require.NoError(t, err)
		c.advance(1)
	}
	export := func() string {
		var out bytes.Buffer
		require.NoError(t, l.Export(t.Context(), &out))
		return out.String()
	}
	entries, bare := proven(t, export())
	assert.Equal(t, []int{many, 0}, []int{entries, bare})
	_, _, err := l.Erase(t.Context(), "Bob")
	require.NoError(t, err)
	entries, bare = proven(t, export())
	assert.Equal(t, []int{many + 1, many / 2}, []int{entries, bare})
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, many+1, n)
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
