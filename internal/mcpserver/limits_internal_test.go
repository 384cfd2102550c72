package mcpserver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A client cannot cause this situation: a call gets its turn after it was cancelled and
// before it notices the cancellation.
func TestATurnThatComesTooLateIsPassedOn(t *testing.T) {
	t.Parallel()
	l := newLimiter(1, 2, 10)
	inside, ok := l.take(1)
	require.True(t, ok)
	late, ok := l.take(1)
	require.True(t, ok)
	next, ok := l.take(1)
	require.True(t, ok)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCancelled)
	inside.release() // it is the turn of late
	require.ErrorIs(t, late.wait(ctx), errCancelled)
	require.NoError(t, next.wait(t.Context()), "the turn was passed on")
	next.release()
	assert.Equal(t, 1, l.free)
	assert.Zero(t, l.bytes)
}
