package tools_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: C7. A question asked before the secret was rotated can be answered while
// both are taken, and no longer afterwards.
func TestAQuestionAskedBeforeTheRotationIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, old := agreed(w.slot().SlotID), w.deps.Secret
	state := w.post(w.server(), toolCall(canAsk, "book_slot", booking, nil)).Result.RequestState
	w.deps.Secret = []byte("the next secret")
	assert.Equal(t, schemas.CodeConsentRequired, w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state))).code())
	w.deps.Others = [][]byte{old}
	got := w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state)))
	assert.Equal(t, "confirmed", got.Result.StructuredContent.Status)
}
