// Package prompts is what an agent can be told: the server's instructions and
// the prompts a person starts from, embedded as Markdown.
package prompts

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

//go:embed *.md
var files embed.FS

// Instructions is what every client is told at the start.
func Instructions() string {
	raw, err := files.ReadFile("instructions.md")
	if err != nil {
		panic(err) // embedded: it is there
	}
	return strings.TrimSpace(string(raw))
}

// argument names, in the order they are offered.
type argument struct{ name, description string }

var (
	host     = argument{"host", "Whose time: a host's name or id"}
	guest    = argument{"guest", "Who the meeting is for"}
	title    = argument{"title", "What the meeting is called"}
	duration = argument{"duration_minutes", "Length in minutes, 5 to 480"}
	when     = argument{"when", "Which days or hours, in your own words"}
	zone     = argument{"timezone", "Your IANA time zone, such as Europe/Paris"}
)

// Catalog is every prompt, in the order a person would meet them.
func Catalog() []server.ServerPrompt {
	return []server.ServerPrompt{
		prompt("find_time", "Find a time", "Look for free times, without booking", host, duration, when, zone),
		prompt("schedule_meeting", "Schedule a meeting", "Find a time and book it, once you have agreed", host, guest, title, duration, when, zone),
	}
}

func prompt(name, heading, description string, arguments ...argument) server.ServerPrompt {
	options := []mcp.PromptOption{mcp.WithPromptTitle(heading), mcp.WithPromptDescription(description)}
	for _, a := range arguments {
		options = append(options, mcp.WithArgument(a.name, mcp.ArgumentDescription(a.description)))
	}
	body := template.Must(template.New(name+".md").Funcs(template.FuncMap{"phrase": phrase, "line": line}).Option("missingkey=zero").ParseFS(files, name+".md"))
	return server.ServerPrompt{
		Prompt: mcp.NewPrompt(name, options...),
		Handler: func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text, err := fill(body, r.Params.Arguments)
			if err != nil {
				return nil, fmt.Errorf("prompt %s could not be written", name)
			}
			message := mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text))
			return mcp.NewGetPromptResult(description, []mcp.PromptMessage{message}), nil
		},
	}
}

// fill writes the arguments into the text, each as one quoted line.
func fill(body *template.Template, given map[string]string) (string, error) {
	arguments := map[string]string{}
	for name, value := range given {
		if value = plain.Line(value, 200); value != "" {
			arguments[name] = plain.Quote(value, 200)
		}
	}
	var b strings.Builder
	err := body.Execute(&b, arguments)
	return strings.TrimSpace(b.String()), err
}

func line(label, value string) string {
	if value == "" {
		return ""
	}
	return "- " + label + ": " + value + "\n"
}

func phrase(before, value string) string {
	if value == "" {
		return ""
	}
	return before + value
}
