package consent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// req: C3. An answer given elsewhere, on another replica's page or in the
// terminal, ends the wait.
func TestAnAnswerGivenElsewhereIsNoticed(t *testing.T) {
	t.Parallel()
	where, c := storetest.Folder(t), newClock()
	here, elsewhere := ledgerIn(t, where, c.now), ledgerIn(t, where, c.now)
	p, err := here.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- here.Wait(t.Context(), p.ID) }()
	_, err = elsewhere.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		assert.Fail(t, "the answer was not noticed")
	}
}
