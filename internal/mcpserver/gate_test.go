package mcpserver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The one moment that cannot be had from outside: a call's turn comes after it
// was cancelled and before it noticed.
func TestAPlaceThatComesTooLateIsPassedOn(t *testing.T) {
	t.Parallel()
	g := newGate(1, 2, 10)
	inside, ok := g.take(1)
	require.True(t, ok)
	late, ok := g.take(1)
	require.True(t, ok)
	next, ok := g.take(1)
	require.True(t, ok)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errCancelled)
	inside.release() // lets late in
	require.ErrorIs(t, late.wait(ctx), errCancelled)
	require.NoError(t, next.wait(t.Context()), "it was passed on")
	next.release()
	assert.Equal(t, 1, g.free)
	assert.Zero(t, g.held)
}
