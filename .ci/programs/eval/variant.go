package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// Variant is a kind of client: which part of a result the model sees, what the client can show to the person, and
// which other tools it has.
type Variant struct {
	Name       string
	About      string
	Structured bool // the model sees the structured content of results only, otherwise the text only
	Forms      bool // the client shows forms (elicitation)
	Cards      bool // the client shows cards (MCP Apps)
	Unrelated  bool // the model also sees 40 tools that have nothing to do with the task
}

// Variants are all variants.
var Variants = []Variant{
	{Name: "text", About: "the model sees the text of results; the client shows no form"},
	{Name: "structured", About: "the model sees the structured content of results; the client shows no form", Structured: true},
	{Name: "forms", About: "text; the client shows forms (elicitation)", Forms: true},
	{Name: "structured-forms", About: "structured content; the client shows forms", Structured: true, Forms: true},
	{Name: "card", About: "text; the client shows cards (MCP Apps)", Cards: true},
	{Name: "unrelated-tools", About: "text; no form; 40 unrelated tools beside those of the server", Unrelated: true},
}

// show returns what a model sees of a result.
func (v Variant) show(r *mcp.CallToolResult) string {
	if v.Structured && r.StructuredContent != nil {
		raw, err := json.Marshal(r.StructuredContent)
		if err == nil {
			return string(raw)
		}
	}
	return textOf(r)
}

func textOf(r *mcp.CallToolResult) string {
	var parts []string
	for _, content := range r.Content {
		if text, ok := mcp.AsTextContent(content); ok {
			parts = append(parts, text.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// jsonText returns a text as it appears inside a JSON string.
func jsonText(text string) string {
	quoted := asJSON(text)
	return quoted[1 : len(quoted)-1]
}

const unrelatedPrefix = "office_"

// unrelatedTools are 40 tools as other servers of the same client would offer them.
func unrelatedTools() []Tool {
	var all []Tool
	for _, thing := range []string{"document", "spreadsheet", "ticket", "contact", "invoice", "expense", "task", "file"} {
		for _, verb := range []struct{ name, about, arguments string }{
			{"search", "Searches %ss by text and returns at most 20.", `{"query":{"type":"string","description":"Text to search for"}}`},
			{"get", "Returns one %s by its id.", `{"id":{"type":"string","description":"Id from a search"}}`},
			{"create", "Creates a %s.", `{"title":{"type":"string","description":"Title"},"body":{"type":"string","description":"Contents"}}`},
			{"update", "Changes the title or contents of a %s.", `{"id":{"type":"string","description":"Id from a search"},"title":{"type":"string"},"body":{"type":"string"}}`},
			{"delete", "Deletes a %s for good.", `{"id":{"type":"string","description":"Id from a search"}}`},
		} {
			all = append(all, Tool{unrelatedPrefix + verb.name + "_" + thing, fmt.Sprintf(verb.about, thing), json.RawMessage(`{"type":"object","properties":` + verb.arguments + `}`)})
		}
	}
	return all
}
