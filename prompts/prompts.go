// Package prompts has the server's instructions for agents, the prompts that a person can start, and the
// skills that an agent loads. The texts are embedded as Markdown, and what several of them say is written
// once, as a named template in the file of the instructions or of a prompt.
package prompts

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

//go:embed *.md skills/*.md
var files embed.FS

// Instructions returns the text that every client receives when it connects. It mentions only the given
// tools, and says which consent to send under the policy.
func Instructions(tools []string, policy consent.Policy) string {
	return text("instructions.md", functions(tools, policy, person), "instructions.md")
}

// text executes an embedded template without arguments. It may use the named templates of the files that match
// patterns, which must match file too.
func text(file string, functions template.FuncMap, patterns ...string) string {
	all := template.Must(template.New("").Funcs(functions).ParseFS(files, patterns...))
	var b strings.Builder
	if err := all.ExecuteTemplate(&b, file, nil); err != nil {
		panic(err) // embedded, and tested with every selection
	}
	return strings.TrimSpace(b.String())
}

// speaker is the one for whom a text is written: a prompt speaks as the person, a skill about the user.
type speaker struct{ i, me, my, approves string }

var (
	person = speaker{"I", "me", "my", "I approve"}
	user   = speaker{"the user", "the user", "the user's", "the user approves"}
)

// functions are those that the templates may call.
func functions(tools []string, policy consent.Policy, by speaker) template.FuncMap {
	has := func(name string) bool { return slices.Contains(tools, name) }
	return template.FuncMap{
		"has": has, "policy": func() string { return string(policy) }, "phrase": phrase, "line": line,
		"moves": func() bool { return has("find_slots") && has("reschedule_booking") },
		"I":     func() string { return by.i }, "me": func() string { return by.me },
		"My":  func() string { return strings.ToUpper(by.my[:1]) + by.my[1:] },
		"ask": func(tool, show string) string { return ask(policy, by, tool, show) },
	}
}

// argument is an argument of a prompt.
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

// Catalog returns the prompts that need only the given tools, in the order in which a person would need
// them, with the consent rule of the policy.
func Catalog(tools []string, policy consent.Policy) (all []server.ServerPrompt) {
	prompt := func(name, heading, description string, arguments ...argument) server.ServerPrompt {
		return newPrompt(functions(tools, policy, person), name, heading, description, arguments...)
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

func newPrompt(functions template.FuncMap, name, heading, description string, arguments ...argument) server.ServerPrompt {
	options := []mcp.PromptOption{mcp.WithPromptTitle(heading), mcp.WithPromptDescription(description)}
	for _, a := range arguments {
		options = append(options, mcp.WithArgument(a.name, mcp.ArgumentDescription(a.description)))
	}
	body := sync.OnceValue(func() *template.Template { // most sessions use no prompt
		return template.Must(template.New(name+".md").Funcs(functions).Option("missingkey=zero").ParseFS(files, name+".md"))
	})
	return server.ServerPrompt{
		Prompt: mcp.NewPrompt(name, options...),
		Handler: func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text, err := fill(body(), r.Params.Arguments)
			if err != nil {
				return nil, fmt.Errorf("prompt %s could not be written", name)
			}
			message := mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text))
			return mcp.NewGetPromptResult(description, []mcp.PromptMessage{message}), nil
		},
	}
}

// ask says how to obtain a person's consent before a tool writes. show names what it would write.
func ask(policy consent.Policy, by speaker, tool, show string) string {
	agree := "wait for " + by.my + " explicit yes before you call "
	switch policy {
	case consent.PolicyAttested:
		return "Show " + by.me + " " + show + ", and " + agree + tool + " with consent {granted: true}."
	case consent.PolicyHuman:
		return "Call " + tool + " with consent {granted: false}: " + by.approves + " it in this client, or on the page whose address you give " + by.me + "."
	case consent.PolicySigned:
		return "Call " + tool + " with consent {granted: false}: " + by.approves + " it with a passkey on the page whose address you give " + by.me + "."
	default:
		return "Call " + tool + " with consent {granted: false}: the server asks " + by.me + ", or returns a preview. Then show " + by.me + " " + show + ", and " + agree + "it again with granted: true."
	}
}

// fill inserts the arguments into the text, each as one quoted line.
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

// Completer completes the arguments of prompts: time zones, host names, scopes, days and common lengths.
// It implements mcp-go's PromptCompletionProvider.
type Completer struct {
	Hosts func(context.Context) []string // returns the names of the configured hosts
}

// maxValues is the maximum number of values in a completion (MCP, completion/complete).
const maxValues = 100

// CompletePromptArgument returns the values that begin with the given text.
func (c Completer) CompletePromptArgument(
	ctx context.Context, _ string, a mcp.CompleteArgument, _ mcp.CompleteContext,
) (*mcp.Completion, error) {
	var values []string
	switch a.Name {
	case zone.name:
		values = times.SuggestZones(a.Value, maxValues)
	case host.name:
		values = beginning(c.Hosts(ctx), a.Value)
	case scope.name:
		values = beginning([]string{"single", "series"}, a.Value)
	case day.name:
		values = beginning([]string{"today", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}, a.Value)
	case duration.name:
		values = beginning([]string{"15", "30", "45", "60", "90"}, a.Value)
	}
	return &mcp.Completion{Values: values[:min(len(values), maxValues)], Total: len(values), HasMore: len(values) == maxValues}, nil
}

func beginning(names []string, prefix string) []string {
	found := []string{}
	for _, name := range names {
		if strings.Contains(" "+strings.ToLower(name), " "+strings.ToLower(prefix)) {
			found = append(found, name)
		}
	}
	return found
}
