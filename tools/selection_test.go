package tools_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// req: X6. Whatever the operator selects, no tool's description or arguments name
// a sibling there is not, but for the one without which it is of no use; and what
// is left still says what the tool does.
func TestReq_X6_NoToolNamesOneThereIsNot(t *testing.T) {
	t.Parallel()
	every := tools.Names(tools.Catalog(tools.Deps{Selection: everyToolset()}))
	needs := map[string]string{"book_slot": "find_slots", "reschedule_booking": "find_slots", "propose_times": "find_slots", "respond_to_proposal": "find_slots"}
	for choice := 1; choice < 1<<len(every); choice++ {
		var names []string
		for i, name := range every {
			if choice>>i&1 == 1 {
				names = append(names, name)
			}
		}
		catalog := tools.Catalog(tools.Deps{Selection: tools.Selection{Names: names}})
		require.Equal(t, names, tools.Names(catalog))
		for _, tool := range catalog {
			for _, name := range every {
				if !slices.Contains(names, name) && needs[tool.Name] != name {
					require.NotContains(t, tool.Description+string(tool.RawInputSchema)+string(tool.RawOutputSchema), name, "%s, of %v", tool.Name, names)
				}
			}
			require.GreaterOrEqual(t, len(strings.Fields(tool.Description)), 15, tool.Description)
			require.Regexp(t, `^[A-Z][^;]+(; [^;]+)*\.$`, tool.Description)
		}
	}
}

func TestAReaderIsToldOfReadersAlone(t *testing.T) {
	t.Parallel()
	for _, tool := range tools.Catalog(tools.Deps{Selection: tools.Selection{ReadOnly: true}}) {
		if tool.Name == "find_slots" {
			assert.Equal(t, "Find free times of hosts. Call before each booking and when asked if a host is free; only reads. Returns slots in words for the person, who chooses.", tool.Description)
		}
		if tool.Name == "list_bookings" {
			assert.Contains(t, tool.Description, "get_booking for one in full; find_slots for free times.")
		}
	}
}

// req: X6. Nor does what an error says to do next.
func TestReq_X6_NoErrorNamesAToolThereIsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Selection = tools.Selection{Names: []string{"find_slots"}}
	w.connect()
	w.vennio.FailNext(1, http.StatusForbidden)
	got := w.find(args{})
	assert.Equal(t, schemas.CodeForbidden, got.Code)
	assert.Contains(t, got.Text, "Next: Ask the owner to grant access, or the operator for a key with the scope.")
	assert.NotContains(t, got.Text, "check_calendar_access")
}

// req: X6, T1. Toolsets and names add up, names alone stand for themselves, and read-only outranks both.
func TestReq_X6_ToolsetsAreCombinedWithNames(t *testing.T) {
	t.Parallel()
	offered := func(s tools.Selection) []string { return tools.Names(tools.Catalog(tools.Deps{Selection: s})) }
	scheduling := offered(tools.Selection{Toolsets: []string{"scheduling"}})
	assert.Equal(t, scheduling, offered(tools.Selection{}), "the default")
	assert.Equal(t, []string{"propose_times"}, offered(tools.Selection{Names: []string{"propose_times"}}))
	assert.Contains(t, offered(tools.Selection{Toolsets: []string{"negotiation"}}), "find_slots", "without it propose_times is of no use")
	assert.NotContains(t, offered(tools.Selection{Toolsets: []string{"negotiation"}}), "book_slot")
	assert.Equal(t, append(slices.Clone(scheduling), "propose_times"), offered(tools.Selection{Toolsets: []string{"scheduling"}, Names: []string{"propose_times"}}))
	for _, tool := range tools.Catalog(tools.Deps{Selection: tools.Selection{Toolsets: tools.Toolsets(), Names: []string{"book_slot"}, ReadOnly: true}}) {
		assert.True(t, *tool.Annotations.ReadOnlyHint, tool.Name)
	}
	_, err := tools.SelectToolsets("scheduling, negotiaton")
	require.ErrorContains(t, err, `"negotiaton" is no toolset, did you mean negotiation?`)
	_, err = tools.Select("propose_time")
	require.ErrorContains(t, err, "did you mean propose_times?")
}
