package tools_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// bar: E1, I3. Where the store is away, the agent is told that nothing was sent
// and that the same call may succeed; once it is back, it does.
func TestBar_E1_AStoreThatIsAwayIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, here := agreed(w.slot().SlotID), w.deps.Ledger
	nobody := store.Open("postgres://vennio@127.0.0.1:1/none?sslmode=disable")
	t.Cleanup(func() { require.NoError(t, nobody.Close()) })
	w.deps.Ledger = consent.New(nobody, w.deps.Now)
	w.connect()
	refused := w.book(booking)
	assert.Equal(t, schemas.CodeStoreAway, refused.Code, refused.Text)
	assert.Contains(t, refused.Text, "sent nothing to Vennio")
	assert.Contains(t, refused.Text, "retryable: the same call may succeed later")
	assert.NotContains(t, refused.Text, "127.0.0.1", "bar: E3: no internal address")
	assert.Zero(t, w.vennio.Writes())
	require.ErrorIs(t, w.failed, consent.ErrAway, "the operator sees the cause")
	w.deps.Ledger = here
	w.connect()
	assert.Equal(t, "confirmed", w.book(booking).Data.Status)
}
