package tools_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

var update = flag.Bool("update", false, "rewrite golden files")

var golden = filepath.Join("..", "schemas", "golden")

// everyTool lists the tools of all toolsets and those for cards, as a server with the default settings
// offers them.
func everyTool() []tools.Tool {
	d := tools.Deps{Selection: everyToolset(), Conversation: tools.Conversation{Card: tools.CardOn}}
	return slices.Concat(tools.CatalogWithCards(d))
}

// req: T7
func TestReq_T7_EachToolHasItsGoldenFile(t *testing.T) {
	wanted := map[string]bool{}
	for _, tool := range everyTool() {
		file := filepath.Join(golden, tool.Name+".json")
		wanted[file] = true
		got, err := json.Marshal(tool)
		require.NoError(t, err, "docs/library-notes.md, 1: a tool that cannot be marshalled empties the whole list")
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, got, "", "  "))
		pretty.WriteByte('\n')
		if *update {
			require.NoError(t, os.MkdirAll(golden, 0o755))
			require.NoError(t, os.WriteFile(file, pretty.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "a new tool? run make golden and read the file")
		assert.Equal(t, string(want), pretty.String(), "changed on purpose? run make golden and read the diff")
	}
	files, err := filepath.Glob(filepath.Join(golden, "*.json"))
	require.NoError(t, err)
	for _, f := range files {
		assert.True(t, wanted[f], "%s has no tool", f)
	}
}

// node is a place in a JSON Schema.
type node = map[string]any

// walk visits every sub-schema of a schema.
func walk(t *testing.T, at string, schema any, visit func(at string, s node)) {
	t.Helper()
	s, ok := schema.(node)
	require.True(t, ok, "%s is a boolean schema, which makes tools vanish in some clients", at)
	visit(at, s)
	if properties, ok := s["properties"].(node); ok {
		for name, child := range properties {
			walk(t, at+"."+name, child, visit)
		}
	}
	if items, ok := s["items"]; ok {
		walk(t, at+"[]", items, visit)
	}
}

func parsed(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var s any
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}

// req: T3, T4
func TestReq_T3_T4_SchemasAreWholeAndPlain(t *testing.T) {
	t.Parallel()
	for _, tool := range everyTool() {
		for kind, raw := range map[string]json.RawMessage{"input": tool.RawInputSchema, "output": tool.RawOutputSchema} {
			compile(t, raw)
			schema := parsed(t, raw)
			for _, keyword := range []string{"$ref", "$defs", "$id", "anyOf", "oneOf", "allOf", "not", "if"} {
				assert.NotContains(t, string(raw), `"`+keyword+`"`, "%s %s", tool.Name, kind)
			}
			walk(t, tool.Name+" "+kind, schema, func(at string, s node) {
				assert.NotEmpty(t, s["type"], at)
				if kind == "input" && s["type"] == "object" {
					assert.Equal(t, false, s["additionalProperties"], "%s is open", at)
				}
			})
			if kind == "input" {
				described(t, tool.Name, schema)
			}
		}
	}
}

// described: each parameter has a description and its limits.
func described(t *testing.T, tool string, schema any) {
	t.Helper()
	walk(t, tool, schema, func(at string, s node) {
		if at != tool && !strings.HasSuffix(at, "[]") {
			assert.NotEmpty(t, s["description"], at)
		}
		switch s["type"] {
		case "integer":
			assert.Contains(t, s, "minimum", at)
			assert.Contains(t, s, "maximum", at)
		case "array":
			assert.Contains(t, s, "maxItems", at)
		case "string":
			if s["enum"] == nil && !strings.HasSuffix(at, "[]") {
				assert.Contains(t, s, "maxLength", at)
			}
		}
	})
}

// req: T5
func TestReq_T5_EveryToolHasTitleOutputAndHints(t *testing.T) {
	t.Parallel()
	readers := map[string]bool{"get_proposal": true, "find_slots": true, "get_booking": true, "list_bookings": true, "check_calendar_access": true, "show_consent": true}
	for _, tool := range everyTool() {
		assert.NotEmpty(t, tool.Title)
		assert.NotEmpty(t, tool.RawOutputSchema)
		hints := tool.Annotations
		assert.Equal(t, readers[tool.Name], *hints.ReadOnlyHint)
		for _, hint := range []*bool{hints.DestructiveHint, hints.IdempotentHint, hints.OpenWorldHint} {
			assert.NotNil(t, hint, tool.Name)
		}
	}
}

// Only the two tools of the main task are exempt from tool search. No result comes near the 50,000
// characters beyond which Claude Code replaces it with a file (T8), so no tool raises that limit. A tool
// that declares itself an approval request is passed to an automatic reviewer by Codex.
//
// req: T5
func TestReq_T5_VendorsMetadataIsWhatItHasToBe(t *testing.T) {
	t.Parallel()
	for _, policy := range consent.Policies() {
		for _, tool := range tools.Catalog(tools.Deps{Selection: everyToolset(), Conversation: tools.Conversation{Policy: policy}}) {
			wire, err := json.Marshal(tool.Tool)
			require.NoError(t, err)
			var got struct {
				Meta  map[string]any `json:"_meta"`
				Icons []any
			}
			require.NoError(t, json.Unmarshal(wire, &got))
			assert.Empty(t, got.Icons, tool.Name)
			assert.Equal(t, tool.Name == "find_slots" || tool.Name == "book_slot", got.Meta["anthropic/alwaysLoad"] == true, tool.Name)
			assert.Equal(t, !*tool.Annotations.ReadOnlyHint && policy != consent.PolicyAttested, got.Meta["anthropic/requiresUserInteraction"] == true, tool.Name)
			for _, absent := range []string{"maxResultSizeChars", "codex_request_type"} {
				assert.NotContains(t, string(wire), absent, tool.Name)
			}
		}
	}
}

// req: T1, T6
func TestReq_T1_T6_FewToolsAndNoOperatorsArguments(t *testing.T) {
	t.Parallel()
	catalog := tools.Catalog(tools.Deps{})
	assert.LessOrEqual(t, len(catalog), 10)
	for _, tool := range everyTool() {
		for _, word := range []string{"api_key", "apikey", "token", "secret", "tenant", "base_url", "http://", "https://", "api.vennio"} {
			assert.NotContains(t, strings.ToLower(string(tool.RawInputSchema)), word, tool.Name)
		}
	}
}

// req: T9, as far as words can be counted; the limits of tokens bound the rest
func TestReq_T9_DescriptionsAreOfUsefulLength(t *testing.T) {
	t.Parallel()
	for _, tool := range everyTool() {
		assert.GreaterOrEqual(t, len(strings.Fields(tool.Description)), 25, tool.Name)
	}
}

// req: T2, T3
// field: descriptions without keywords
func TestReq_T3_DescriptionsSayWhatKeywordsSay(t *testing.T) {
	t.Parallel()
	for _, tool := range everyTool() {
		walk(t, tool.Name, parsed(t, tool.RawInputSchema), func(at string, s node) {
			says, _ := s["description"].(string)
			for _, keyword := range []string{"minimum", "maximum", "default"} {
				if value, ok := s[keyword]; ok {
					assert.Contains(t, says, fmt.Sprint(value), "%s: %s", at, keyword)
				}
			}
			assert.NotContains(t, s, "format", at)
		})
	}
}

// requireFits checks a result against the schema that its tool declares. A success must have all
// fields that are not optional.
func requireFits(t *testing.T, tool string, raw json.RawMessage) {
	t.Helper()
	for _, declared := range everyTool() {
		if declared.Name == tool {
			requireValid(t, declared.RawOutputSchema, raw)
		}
	}
	var failure schemas.Failure
	require.NoError(t, json.Unmarshal(raw, &failure))
	if failure.Error != nil || failure.Reason != "" {
		return
	}
	result, known := map[string]any{
		"find_slots":            schemas.FindSlotsResult{},
		"book_slot":             schemas.BookSlotResult{},
		"reschedule_booking":    schemas.ChangeResult{},
		"cancel_booking":        schemas.ChangeResult{},
		"get_booking":           schemas.GetBookingResult{},
		"list_bookings":         schemas.ListBookingsResult{},
		"check_calendar_access": schemas.CheckCalendarAccessResult{},
		"propose_times":         schemas.ProposeTimesResult{},
		"get_proposal":          schemas.GetProposalResult{},
		"update_booking":        schemas.ChangeResult{},
		"respond_to_proposal":   schemas.ProposalChangeResult{},
		"close_poll":            schemas.ProposalChangeResult{},
		"share_link":            schemas.ShareLinkResult{},
	}[tool]
	require.True(t, known, tool)
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &fields))
	for _, name := range requiredFields(reflect.TypeOf(result)) {
		require.Contains(t, fields, name)
	}
}

// requiredFields are the JSON names of the fields that a success always has.
func requiredFields(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		name, options, tagged := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			names = append(names, requiredFields(field.Type)...)
		case field.IsExported() && name != "-" && !tagged && options != "omitempty":
			names = append(names, name)
		}
	}
	return names
}

func requireValid(t *testing.T, schema, raw json.RawMessage) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	require.NoError(t, compile(t, schema).Validate(doc), string(raw))
}

func compile(t *testing.T, raw json.RawMessage) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(t, err)
	return s
}
