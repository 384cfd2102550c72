package main

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bare connects without asking what the instructions say.
func bare(t *testing.T, transport string, env []string) (*client.Client, string) {
	t.Helper()
	c := transports[transport](t, env)
	client.WithDiscoverTimeout(patience)(c)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.Start(t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	got, err := c.Initialize(t.Context(), hello)
	require.NoError(t, err)
	return c, got.Instructions
}

// req: X6, P4. Under read-only no tool that writes is there, to see or to call,
// over any transport, and nothing that a model reads names one.
func TestReq_X6_ReadOnlyOffersNoToolThatWrites(t *testing.T) {
	t.Parallel()
	for transport := range transports {
		c, instructions := bare(t, transport, clean(t, "VENNIO_READ_ONLY=true"))
		assert.NotContains(t, instructions, "book_slot")
		list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
		require.NoError(t, err)
		assert.NotEmpty(t, list.Tools)
		for _, tool := range list.Tools {
			assert.True(t, *tool.Annotations.ReadOnlyHint, tool.Name)
		}
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = "book_slot", map[string]any{"slot_id": "s"}
		_, err = c.CallTool(t.Context(), req)
		require.ErrorContains(t, err, "not found", transport)
		offered, err := c.ListPrompts(t.Context(), mcp.ListPromptsRequest{})
		require.NoError(t, err)
		for _, p := range offered.Prompts {
			assert.NotContains(t, []string{"schedule_meeting", "reschedule_meeting", "cancel_meeting"}, p.Name)
		}
	}
}

// req: X6
func TestReq_X6_OnlySelectedToolsAreThere(t *testing.T) {
	t.Parallel()
	names := func(settings ...string) (all []string) {
		code, out, errs := run(t, clean(t, settings...), "tools", "--json")
		require.Zero(t, code, errs)
		var list []struct{ Name string }
		require.NoError(t, json.Unmarshal([]byte(out), &list))
		for _, tool := range list {
			all = append(all, tool.Name)
		}
		return all
	}
	assert.Contains(t, names(), "book_slot")
	assert.NotContains(t, names("VENNIO_READ_ONLY=true"), "book_slot")
	assert.Equal(t, []string{"find_slots", "get_booking"}, names("VENNIO_TOOLS=get_booking,find_slots"), "in the catalogue's order")
	assert.NotContains(t, names(), "propose_times")
	assert.Subset(t, names("VENNIO_TOOLSETS=scheduling,negotiation"), []string{"book_slot", "propose_times", "get_proposal"})
	assert.NotContains(t, names("VENNIO_TOOLSETS=scheduling,negotiation", "VENNIO_READ_ONLY=true"), "propose_times")
	c, _ := bare(t, "stdio", clean(t, "VENNIO_TOOLS=list_bookings"))
	list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
	require.NoError(t, err)
	require.Len(t, list.Tools, 1)
	code, _, errs := run(t, clean(t), "stdio", "--tools", "book_slots")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, `"book_slots" is no tool, did you mean book_slot?`)
	code, _, errs = run(t, clean(t), "stdio", "--toolsets", "scheduling,negotations")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, `"negotations" is no toolset, did you mean negotiation?`)
	code, _, errs = run(t, clean(t, "VENNIO_READ_ONLY=on"), "tools")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "want true or false")
}
