package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Some clients give a model only the text of results (Claude Desktop), others only the structured
// content (Claude Code). Such a model does here all that a user may ask for, and its client, as
// LangChain JS does, sends only what the schemas allow.

// seen is a result as a model sees it in one form.
type seen interface {
	slot(number int) (id, words string)
	state() string // awaiting, confirmed, repeated, moved, cancelled
	booking() string
	page() string
	next() string
	all() string
}

type onlyText string

func (s onlyText) find(pattern string) []string {
	if found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(string(s)); found != nil {
		return found[1:]
	}
	return []string{"", ""}
}

func (s onlyText) slot(number int) (id, words string) {
	found := s.find(fmt.Sprintf(`^%d\. (?:".*" = )?(.*?\)) · .*slot_id (\S+)$`, number))
	return found[1], found[0]
}

func (s onlyText) state() string {
	first, _, _ := strings.Cut(string(s), ": ")
	return map[string]string{
		"NOT BOOKED YET": "awaiting", "NOT MOVED YET": "awaiting", "NOT CANCELLED YET": "awaiting", "Booked": "confirmed", "Already booked": "repeated",
		"Moved": "moved", "Already moved": "repeated", "Cancelled": "cancelled", "Already cancelled": "repeated",
	}[first]
}
func (s onlyText) booking() string { return s.find(`(?:Booking|booking_id) ([0-9a-f-]{36})`)[0] }
func (s onlyText) page() string    { return s.find(`^(https?://\S+)$`)[0] }
func (s onlyText) next() string    { return s.find(`^Next: (.*)$`)[0] }
func (s onlyText) all() string     { return string(s) }

type onlyStructured struct {
	Status   string
	Repeated bool
	Changed  *bool
	Was      string
	ID       string `json:"booking_id"`
	Next     string
	Page     string `json:"approval_url"`
	Slots    []struct {
		Number   int
		ID       string `json:"slot_id"`
		Start    string `json:"start_local"`
		End      string `json:"end_local"`
		Timezone string
	}
	raw string
}

func (s onlyStructured) slot(number int) (id, words string) {
	for _, one := range s.Slots {
		if one.Number == number {
			return one.ID, one.Start + "–" + one.End + " (" + one.Timezone + ")"
		}
	}
	return "", ""
}

func (s onlyStructured) state() string {
	switch {
	case s.Status == "awaiting_consent":
		return "awaiting"
	case s.Repeated, s.Changed != nil && !*s.Changed:
		return "repeated"
	case s.Changed != nil && s.Status == "confirmed" && s.Was != "":
		return "moved"
	}
	return s.Status
}
func (s onlyStructured) booking() string { return s.ID }
func (s onlyStructured) page() string    { return s.Page }
func (s onlyStructured) next() string    { return s.Next }
func (s onlyStructured) all() string     { return s.raw }

// oneForm is a model behind a client that shows it one form of results.
type oneForm struct {
	t    *testing.T
	c    *client.Client
	form string
	env  []string
}

func (m oneForm) call(tool string, arguments map[string]any) seen {
	m.t.Helper()
	fitsSchema(m.t, m.c, tool, arguments)
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	got, err := m.c.CallTool(m.t.Context(), req)
	require.NoError(m.t, err)
	if m.form == "text" {
		return onlyText(got.Content[0].(mcp.TextContent).Text)
	}
	raw, err := json.Marshal(got.StructuredContent)
	require.NoError(m.t, err)
	out := onlyStructured{raw: string(raw)}
	require.NoError(m.t, json.Unmarshal(raw, &out))
	return out
}

// agreed calls a writing tool, shows the person what it sees, and follows the next step of the result.
func (m oneForm) agreed(tool string, arguments map[string]any, facts ...string) seen {
	m.t.Helper()
	arguments["consent"] = map[string]any{"granted": false}
	preview := m.call(tool, arguments)
	require.Equal(m.t, "awaiting", preview.state(), preview.all())
	for _, fact := range facts {
		require.Contains(m.t, preview.all(), fact, "the person is shown it")
	}
	switch next := preview.next(); {
	case strings.Contains(next, "the same call with consent {granted: true"):
		arguments["consent"] = map[string]any{"granted": true, "given_by": "Ada Byron", "statement": "Yes, please"}
	case strings.Contains(next, "make exactly the same call again"):
		address := preview.page()
		_, err := url.Parse(address)
		require.NoError(m.t, err)
		b := pairedBrowser(m.t, m.env)
		_, page := b.open(address)
		for _, fact := range facts {
			assert.Contains(m.t, page, strings.ReplaceAll(fact, "+", "&#43;"))
		}
		b.answer(address, "approve") // which carries it out
		done := m.call(tool, arguments)
		require.Equal(m.t, "repeated", done.state(), done.all())
		return done
	default:
		require.Fail(m.t, "no next step", preview.all())
	}
	done := m.call(tool, arguments)
	require.NotEqual(m.t, "repeated", done.state(), done.all())
	assert.Equal(m.t, "repeated", m.call(tool, arguments).state(), "the same call again says that it was done before")
	return done
}

// run finds, books, moves and cancels.
func (m oneForm) run() {
	m.t.Helper()
	found := m.call("find_slots", map[string]any{"timezone": "Europe/London", "hosts": []string{"Alice"}, "when": "next week"})
	slot, words := found.slot(2)
	require.NotEmpty(m.t, slot, found.all())
	booked := m.agreed("book_slot", map[string]any{
		"slot_id": slot, "title": "Analytical engines", "hosts": []string{"Alice"}, "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
	}, "Analytical engines", words, "Alice Marlow", "ada@example.com")
	require.Contains(m.t, []string{"confirmed", "repeated"}, booked.state(), booked.all())

	others := m.call("find_slots", map[string]any{"timezone": "Europe/London", "reschedule_of": booked.booking(), "when": "next week"})
	other, newWords := others.slot(1)
	require.NotEmpty(m.t, other, others.all())
	moved := m.agreed("reschedule_booking", map[string]any{"booking_id": booked.booking(), "slot_id": other}, "Analytical engines", words, newWords)
	require.Contains(m.t, []string{"moved", "repeated"}, moved.state(), moved.all())
	require.Contains(m.t, moved.all(), newWords)

	cancelled := m.agreed("cancel_booking", map[string]any{"booking_id": moved.booking()}, "Analytical engines", newWords)
	require.Contains(m.t, []string{"cancelled", "repeated"}, cancelled.state(), cancelled.all())
	require.Contains(m.t, strings.ToLower(m.call("get_booking", map[string]any{"booking_id": booked.booking(), "timezone": "Europe/London"}).all()), "cancelled")
}

// req: P10
// field: model that sees only text or only structured content
func TestReq_P10_AModelThatSeesOneFormDoesEverything(t *testing.T) {
	t.Parallel()
	for over := range transports {
		for _, protocol := range eras {
			for _, form := range []string{"text", "structured content"} {
				for _, policy := range []string{"attested", "human"} {
					t.Run(strings.Join([]string{over, protocol, form, policy}, " "), func(t *testing.T) {
						t.Parallel()
						env, vennio := humanEnv(t, "VENNIO_CONSENT="+policy)
						oneForm{t, connect(t, over, protocol, env), form, env}.run()
						_, state := newBrowser(t).open(vennio + "/_sandbox/state")
						assert.Regexp(t, `"writes": ?3\b`, state)
					})
				}
			}
		}
	}
}
