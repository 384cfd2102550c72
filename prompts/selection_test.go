package prompts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/prompts"
)

func bodies(t *testing.T, catalog []server.ServerPrompt) (texts []string) {
	t.Helper()
	for _, p := range catalog {
		got, err := p.Handler(t.Context(), mcp.GetPromptRequest{})
		require.NoError(t, err)
		texts = append(texts, got.Messages[0].Content.(mcp.TextContent).Text)
	}
	return texts
}

// req: X6. Whatever the operator selects, nothing names a tool there is not.
func TestReq_X6_NoTextNamesAToolThereIsNot(t *testing.T) {
	t.Parallel()
	for selection := range 1 << len(everything) {
		var offered, missing []string
		for i, name := range everything {
			if selection>>i&1 == 1 {
				offered = append(offered, name)
			} else {
				missing = append(missing, name)
			}
		}
		texts := append(bodies(t, prompts.Catalog(offered, consent.PolicyAsk)), prompts.Instructions(offered, consent.PolicyAsk))
		for _, s := range prompts.Skills(offered, consent.PolicyAsk) {
			texts = append([]string{s.Text()}, texts...) // the instructions stay the last
		}
		for _, text := range texts {
			for _, name := range missing {
				require.NotContains(t, text, name, "%v", offered)
			}
		}
		for _, name := range offered {
			if name == "book_slot" || name == "check_calendar_access" {
				assert.Contains(t, texts[len(texts)-1], name)
			}
		}
	}
}

// The skill for scheduling names polls and links where their toolsets are offered, and asks for consent to them.
func TestReq_P11_TheSkillNamesPollsAndLinks(t *testing.T) {
	t.Parallel()
	text := func(offered []string) string {
		return prompts.Skills(offered, consent.PolicyHuman)[0].Text()
	}
	require.Contains(t, text(everything), "name: schedule-a-meeting")
	for tool, sentence := range map[string]string{
		"propose_times": "propose_times asks them, and get_proposal shows their answers. It needs a person's consent",
		"share_link":    "share_link makes a link through which anybody who has it can book. It needs a person's consent",
	} {
		assert.Contains(t, text(everything), sentence)
		assert.NotContains(t, text(slices.DeleteFunc(slices.Clone(everything), func(name string) bool { return name == tool })), tool)
	}
}

// req: C1, C10. No prompt tells an agent to skip consent; those that write ask
// for it before they name the call.
func TestReq_C10_PromptsAskBeforeTheyWrite(t *testing.T) {
	t.Parallel()
	all := prompts.Catalog(everything, consent.PolicyAsk)
	for i, text := range bodies(t, all) {
		name := all[i].Prompt.Name
		assert.LessOrEqual(t, len(strings.Fields(text)), 150, name)
		writer := slices.IndexFunc([]string{"book_slot", "reschedule_booking", "cancel_booking"}, func(tool string) bool { return strings.Contains(text, tool) })
		if writer < 0 {
			assert.Regexp(t, `Do not (book|change) anything\.$`, text, name)
			continue
		}
		assert.Contains(t, text, "wait for my explicit yes before you call", name)
	}
	filled := written(t, "cancel_meeting", map[string]string{"meeting": "with Ada", "scope": "series"})
	assert.Contains(t, filled, `Cancel a meeting: "with Ada".`)
	assert.Contains(t, filled, `How much of a series: "series"`)
	assert.Contains(t, written(t, "daily_agenda", nil), "What is booked today?")
}
