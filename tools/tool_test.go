package tools

import (
	"context"
	"errors"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// req: E1
func TestReq_E1_EveryCodeAndKindHasAdvice(t *testing.T) {
	t.Parallel()
	for _, code := range schemas.Codes() {
		said, ok := codeTexts[code]
		assert.True(t, ok && said.message != "" && said.next != "", code)
	}
	assert.Len(t, codeTexts, len(schemas.Codes()))
	for _, kind := range vennioclient.Kinds() {
		assert.Contains(t, schemas.Codes(), codes[kind], kind)
	}
	assert.Len(t, codes, len(vennioclient.Kinds()))
}

// req: E3. Internal causes are logged and never shown to the model.
func TestCausesReachMiddlewareAndAdviceReachesTheModel(t *testing.T) {
	t.Parallel()
	type in = schemas.CheckCalendarAccessInput
	type out = *schemas.CheckCalendarAccessResult
	for name, tc := range map[string]struct {
		handle func(context.Context, in) (out, error)
		seen   string
	}{
		"error": {func(context.Context, in) (out, error) { return nil, errors.New("disk on fire") }, "disk on fire"},
		"panic": {func(context.Context, in) (out, error) { panic("disk on fire") }, "panic in github.com/vennio-mcp/vennio-mcp/tools.TestCauses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen error
			watch := func(_ string, next Run) Run {
				return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					result, err := next(ctx, req)
					seen = err
					return result, err
				}
			}
			got, err := define(new(Deps), spec{name: "t", effect: reads}, tc.handle).Bind(watch).Handler(t.Context(), mcp.CallToolRequest{})
			require.NoError(t, err)
			assert.True(t, got.IsError)
			assert.NotContains(t, got.Content[0].(mcp.TextContent).Text, "fire")
			assert.ErrorContains(t, seen, tc.seen)
			assert.NotContains(t, seen.Error(), "goroutine")
		})
	}
}
