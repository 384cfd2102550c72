// Package prompts is what an agent can be told: the server's instructions and
// the prompts a person starts from, embedded as Markdown.
package prompts

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

//go:embed *.md
var files embed.FS

// Instructions are sent to every client at the start. They name only the tools given, and say which
// consent to send under the policy.
func Instructions(tools []string, policy consent.Policy) string {
	has := func(name string) bool { return slices.Contains(tools, name) }
	functions := template.FuncMap{"has": has, "policy": func() string { return string(policy) }}
	body := template.Must(template.New("instructions.md").Funcs(functions).ParseFS(files, "instructions.md"))
	var b strings.Builder
	if err := body.Execute(&b, nil); err != nil {
		panic(err) // embedded, and tested with every selection
	}
	return strings.TrimSpace(b.String())
}

// argument names, in the order they are offered.
type argument struct{ name, description string }

var (
	host     = argument{"host", "Whose time: a host's name or id"}
	guest    = argument{"guest", "Who the meeting is for"}
	title    = argument{"title", "What the meeting is called"}
	duration = argument{"duration_minutes", "Length in minutes, 5 to 480"}
	when     = argument{"when", "Which days or hours, in your own words"}
	meeting  = argument{"meeting", "Which meeting: its title, its people or its time, in your own words"}
	newTime  = argument{"when", "To which days or hours, in your own words"}
	scope    = argument{"scope", "Of a series: single or series"}
	day      = argument{"day", "Which day: today, tomorrow, friday, in 3 days"}
	zone     = argument{"timezone", "Your IANA time zone, such as Europe/Paris"}
)

// Catalog is every prompt, in the order a person would meet them, that can be
// followed with the tools of those names under the policy.
func Catalog(tools []string, policy consent.Policy) (all []server.ServerPrompt) {
	prompt := func(name, heading, description string, arguments ...argument) server.ServerPrompt {
		return newPrompt(policy, name, heading, description, arguments...)
	}
	offer := func(p server.ServerPrompt, needs ...string) {
		if !slices.ContainsFunc(needs, func(name string) bool { return !slices.Contains(tools, name) }) {
			all = append(all, p)
		}
	}
	offer(prompt("find_time", "Find a time", "Look for free times, without booking", host, duration, when, zone), "find_slots")
	offer(prompt("schedule_meeting", "Schedule a meeting", "Find a time and book it, once you have agreed", host, guest, title, duration, when, zone),
		"find_slots", "book_slot")
	offer(prompt("reschedule_meeting", "Move a meeting", "Find another time and move a booking, once you have agreed", meeting, newTime, zone),
		"list_bookings", "find_slots", "reschedule_booking")
	offer(prompt("cancel_meeting", "Cancel a meeting", "Find a booking and cancel it, once you have agreed", meeting, scope), "list_bookings", "cancel_booking")
	offer(prompt("daily_agenda", "Daily agenda", "Tell what is booked on a day, without changing it", day, host, zone), "list_bookings")
	return all
}

func newPrompt(policy consent.Policy, name, heading, description string, arguments ...argument) server.ServerPrompt {
	options := []mcp.PromptOption{mcp.WithPromptTitle(heading), mcp.WithPromptDescription(description)}
	for _, a := range arguments {
		options = append(options, mcp.WithArgument(a.name, mcp.ArgumentDescription(a.description)))
	}
	body := template.Must(template.New(name+".md").Funcs(template.FuncMap{"phrase": phrase, "line": line, "ask": func(tool, show string) string { return ask(policy, tool, show) }}).Option("missingkey=zero").ParseFS(files, name+".md"))
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

// ask says how a person's consent is obtained before a tool writes: show is what it would write.
func ask(policy consent.Policy, tool, show string) string {
	switch policy {
	case consent.PolicyAttested:
		return "Show me " + show + ", and wait for my explicit yes before you call " + tool + " with consent {granted: true}."
	case consent.PolicyHuman:
		return "Call " + tool + " with consent {granted: false}: I approve it in this client, or on the page whose address you give me."
	default:
		return "Call " + tool + " with consent {granted: false}: the server asks me, or returns a preview. Then show me " + show + ", and wait for my explicit yes before you call it again with granted: true."
	}
}

// fill writes the arguments into the text, each as one quoted line.
func fill(body *template.Template, given map[string]string) (string, error) {
	arguments := map[string]string{}
	for name, value := range given {
		if value = sanitize.Line(value, 200); value != "" {
			arguments[name] = sanitize.Quote(value, 200)
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
