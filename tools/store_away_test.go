package tools_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: E1, I3. Where the store is away, the agent is told that nothing was sent
// and that the same call may succeed; once it is back, it does.
func TestReq_E1_AStoreThatIsAwayIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, here := agreed(w.slot().SlotID), w.deps.Ledger
	nobody := sqldb.OpenWith("postgres://vennio@127.0.0.1:1/none?sslmode=disable", sqldb.Options{Patience: time.Millisecond})
	t.Cleanup(func() { require.NoError(t, nobody.Close()) })
	w.deps.Ledger = consent.New(nobody, w.deps.Now)
	w.connect()
	refused := w.book(booking)
	assert.Equal(t, schemas.CodeStoreAway, refused.Code, refused.Text)
	assert.Contains(t, refused.Text, "sent nothing to Vennio")
	assert.Contains(t, refused.Text, "retryable: the same call may succeed later")
	assert.NotContains(t, refused.Text, "127.0.0.1", "req: E3: no internal address")
	assert.Zero(t, w.vennio.Writes())
	require.ErrorIs(t, w.failed, consent.ErrAway, "the operator sees the cause")
	w.deps.Ledger = here
	w.connect()
	assert.Equal(t, "confirmed", w.book(booking).Data.Status)
}

// field: read-only database; full disk. Every tool that writes says that nothing was
// sent and that the same call may succeed.
func TestAStoreThatTakesNoWritesIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"query_only = 1", "max_page_count = 1"} {
		for _, policy := range []consent.Policy{consent.PolicyAttested, consent.PolicyHuman} {
			w, db := newWorld(t), sqldb.Open("")
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			w.deps.Ledger, w.deps.Policy = consent.New(db, w.deps.Now), policy
			w.connect()
			booking := agreed(w.slot().SlotID)
			require.NoError(t, db.Probe(t.Context()))
			storetest.Pragma(t, db, fault)
			booking["notes"] = strings.Repeat("x", 2000)
			for range 20 { // a page may have room left
				if refused := w.book(booking); refused.Code == schemas.CodeStoreAway {
					break
				}
				booking = agreed(w.slot().SlotID)
				booking["notes"] = strings.Repeat("x", 2000)
			}
			before := w.vennio.Writes()
			refused := w.book(booking)
			assert.Equal(t, schemas.CodeStoreAway, refused.Code, "%s, %s: %s", fault, policy, refused.Text)
			assert.Contains(t, refused.Text, "retryable: the same call may succeed later")
			assert.Equal(t, before, w.vennio.Writes())
		}
	}
}
