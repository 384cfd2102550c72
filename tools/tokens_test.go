package tools_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// tokens counts as o200k does, the vocabulary of recent models.
func tokens(t *testing.T, text string) int {
	t.Helper()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	require.NoError(t, err)
	n, err := codec.Count(text)
	require.NoError(t, err)
	return n
}

// visible is what a model is shown of a tool: name, description, input schema.
func visible(t *testing.T, tool tools.Tool) string {
	t.Helper()
	raw, err := json.Marshal(struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"inputSchema"`
	}{tool.Name, tool.Description, tool.RawInputSchema})
	require.NoError(t, err)
	return string(raw)
}

// req: T2. The committed figures are the gate: at most 5 % over them passes.
func TestReq_T2_TokensStayWithinTheirBudget(t *testing.T) {
	file := filepath.Join("testdata", "tokens.json")
	got := map[string]int{"instructions": tokens(t, prompts.Instructions(tools.Names(tools.Catalog(tools.Deps{})), consent.PolicyAsk))}
	for _, tool := range everyTool() {
		got[tool.Name] = tokens(t, visible(t, tool))
		most := 350
		if tool.Name == "find_slots" { // the bare frames of its 17 arguments, without a word of prose, take 375
			most = 700
		}
		for _, policy := range consent.Policies() {
			for _, same := range tools.Catalog(tools.Deps{Selection: everyToolset(), Conversation: tools.Conversation{Policy: policy}}) {
				if same.Name == tool.Name {
					assert.LessOrEqual(t, tokens(t, visible(t, same)), most, "%s under %s", tool.Name, policy)
				}
			}
		}
		got["output schemas"] += tokens(t, string(tool.RawOutputSchema)) // reported; models seldom see them
		assert.LessOrEqual(t, got[tool.Name], most, tool.Name)
	}
	for _, tool := range tools.Catalog(tools.Deps{}) {
		got["all tools"] += got[tool.Name]
	}
	_, forCards := tools.CatalogWithCards(tools.Deps{Conversation: tools.Conversation{Card: tools.CardOn}})
	for _, tool := range forCards {
		got["tools of cards"] += got[tool.Name] // hosts show them to no model (SEP-1865, visibility)
	}
	for _, set := range tools.Toolsets() {
		for _, tool := range tools.Catalog(tools.Deps{Selection: tools.Selection{Toolsets: []string{set}}}) {
			got["toolset "+set] += got[tool.Name]
		}
	}
	assert.LessOrEqual(t, got["instructions"], 400)
	for _, policy := range consent.Policies() {
		all := prompts.Instructions(tools.Names(tools.Catalog(tools.Deps{Selection: everyToolset()})), policy)
		assert.LessOrEqual(t, tokens(t, all), 400, "with all toolsets, under %s", policy)
	}
	assert.LessOrEqual(t, got["all tools"], 2500)
	pretty, err := json.MarshalIndent(got, "", "  ")
	require.NoError(t, err)
	t.Logf("tokens (o200k):\n%s", pretty)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, append(pretty, '\n'), 0o644))
	}
	raw, err := os.ReadFile(file)
	require.NoError(t, err, "run make golden")
	var committed map[string]int
	require.NoError(t, json.Unmarshal(raw, &committed))
	require.Len(t, got, len(committed), "run make golden")
	for name, n := range got {
		assert.LessOrEqual(t, float64(n), 1.05*float64(committed[name]), "%s grew; worth it? then make golden", name)
	}
}

// req: T8
func TestReq_T8_ResultsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	usual := w.find(args{"hosts": []string{"Alice"}, "timezone": "Europe/London"})
	require.Len(t, usual.Data.Slots, 3)
	assert.LessOrEqual(t, tokens(t, usual.Text), 400, usual.Text)
	largest := w.find(args{"limit": 10, "duration_minutes": 15, "timezone": "America/Argentina/Buenos_Aires", "guest_timezone": "Asia/Kolkata"})
	require.Len(t, largest.Data.Slots, 10)
	assert.LessOrEqual(t, tokens(t, largest.Text), 2000)
	assert.True(t, largest.Data.More)
	assert.Contains(t, largest.Text, "narrow from and to", "a cut answer says how to go on")
	crowd := make([]any, 20)
	for i := range crowd {
		crowd[i] = map[string]any{"email": fmt.Sprintf("guest.number.%d@example.com", i), "name": fmt.Sprintf("Guest Number %d", i)}
	}
	proposal := w.book(agreed(usual.Data.Slots[0].SlotID).with("consent", notYet).with("attendees", crowd).with("notes", strings.Repeat("会議の議題 ", 300)))
	require.Equal(t, schemas.CodeConsentRequired, proposal.Code)
	booked := w.book(agreed(usual.Data.Slots[0].SlotID))
	require.False(t, booked.IsError, booked.Text)
	assert.LessOrEqual(t, tokens(t, booked.Text), 400, booked.Text)
	var sizes []string
	for name, text := range map[string]string{
		"find_slots": usual.Text, "find_slots structured": string(usual.Raw), "largest": largest.Text,
		"proposal": proposal.Text, "proposal structured": string(proposal.Raw),
		"largest structured": string(largest.Raw), "book_slot": booked.Text, "book_slot structured": string(booked.Raw),
	} {
		sizes = append(sizes, fmt.Sprintf("%s %d", name, tokens(t, text)))
		assert.LessOrEqual(t, tokens(t, text), 2000, name)
	}
	t.Log("tokens of results: ", strings.Join(sizes, ", "))
}
