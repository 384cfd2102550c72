package rpcerr_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
)

// req: E3. Only errors that are meant for clients are found; no other text leaves the server.
func TestOnlyMarkedErrorsAreTold(t *testing.T) {
	t.Parallel()
	e := rpcerr.Error{Code: -32002, Message: "No booking -1 here: look again."}
	got, ok := rpcerr.Parse(e.Error())
	assert.True(t, ok)
	assert.Equal(t, e, got)
	for _, text := range []string{"", "told -32002 x", "disk on fire", "\x00told", "\x00told x y", "\x00told -32002", "wrapped: " + e.Error()} {
		_, ok := rpcerr.Parse(text)
		assert.False(t, ok, "%q", text)
	}
}
