package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// Case is one task for a model: the people, the words of the user, the state before, and the state that must
// hold afterwards. Cases are files in the folder cases; docs/evaluation.md describes the fields.
type Case struct {
	ID       string `yaml:"-"` // the name of the file without its number and extension
	Topic    string `yaml:"topic"`
	About    string `yaml:"about"`
	Now      string `yaml:"now"`      // RFC 3339: the fixed clock of the server and the sandbox
	Timezone string `yaml:"timezone"` // IANA: of the user, and default of the server

	Settings  map[string]string `yaml:"settings"` // environment variables of the server
	Bookings  []Seed            `yaml:"bookings"` // existing ones
	Calendars map[string]string `yaml:"calendars"`
	Faults    []Fault           `yaml:"faults"`
	Grant     []string          `yaml:"grant"` // hosts who let the account propose meetings in their calendar
	Polls     []SeedPoll        `yaml:"polls"`

	User      []Turn `yaml:"user"`      // the first one begins the conversation
	Otherwise string `yaml:"otherwise"` // the answer to anything for which no turn is left
	Person    string `yaml:"person"`    // how the person answers forms and cards: approve, decline or ignore

	Expect Expect `yaml:"expect"`
	Forbid Forbid `yaml:"forbid"`
	Agent  []Step `yaml:"agent"` // the scripted agent that solves the case in CI
	Bad    []Bad  `yaml:"bad"`   // scripted agents that do something wrong, so that CI tests the graders
}

// Bad is a scripted agent that does something wrong. Finds are exactly the graders that must reject it.
type Bad struct {
	About string   `yaml:"about"`
	Finds []string `yaml:"finds"`
	Agent []Step   `yaml:"agent"`
}

// Seed is a booking that exists before the conversation begins.
type Seed struct {
	Name    string `yaml:"name"`
	Host    string `yaml:"host"`
	Start   string `yaml:"start"`   // RFC 3339
	Minutes int    `yaml:"minutes"` // 0: 30
	Title   string `yaml:"title"`
	Notes   string `yaml:"notes"`
	Guest   Guest  `yaml:"guest"`
	Repeat  int    `yaml:"repeat"` // number of weekly meetings of a series; 0: no series
}

// Guest is an attendee of a seeded booking.
type Guest struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// SeedPoll is an open poll that exists before the conversation begins.
type SeedPoll struct {
	Name   string   `yaml:"name"`
	Title  string   `yaml:"title"`
	Starts []string `yaml:"starts"` // RFC 3339, 30 minutes each
	Voters []string `yaml:"voters"` // e-mail addresses
}

// Fault is a failure of Vennio, which begins with the request that matches On.
type Fault struct {
	On    string `yaml:"on"`    // method and beginning of the path: POST /v1/bookings
	Skip  int    `yaml:"skip"`  // how many matching requests succeed before
	Times int    `yaml:"times"` // how many matching requests fail; 0: one
	// Do is fail (Status), limit (429 with RetryAfter), lose (executed, and the connection is dropped), drop
	// (not executed), or take (somebody else takes the time Start to End of Host first).
	Do         string `yaml:"do"`
	Status     int    `yaml:"status"`
	RetryAfter int    `yaml:"retry_after"` // seconds
	Host       string `yaml:"host"`
	Start      string `yaml:"start"`
	End        string `yaml:"end"`
}

// Turn is something that the user says.
type Turn struct {
	Say string `yaml:"say"`
	// After is the condition under which the turn is used: offered (find_slots has answered since the previous
	// turn), awaiting (a writing tool has answered awaiting_consent since then), or empty for any.
	After     string `yaml:"after"`
	Consents  bool   `yaml:"consents"`  // the words agree to what was previewed
	Withdraws bool   `yaml:"withdraws"` // the words take back all consent
	Advance   string `yaml:"advance"`   // how far the clock moves before, such as 15m
}

// Expect is the required state after the conversation.
type Expect struct {
	Outcome  []string  `yaml:"outcome"`  // the outcomes that the model may report
	Bookings []Meeting `yaml:"bookings"` // exactly these are active and were not there before, or were moved
	Kept     []string  `yaml:"kept"`     // seeded bookings that must not change
	Gone     []string  `yaml:"cancelled"`
	Notes    []Noted   `yaml:"notes"`
	Links    []Link    `yaml:"links"`
	Polls    []Poll    `yaml:"polls"`
	Closed   []string  `yaml:"closed"` // seeded polls that became a booking
	Declined int       `yaml:"declined"`
	Unknown  int       `yaml:"unknown"` // attempts with an unknown outcome that are on record
	MaxCalls int       `yaml:"max_calls"`
}

// Meeting describes a booking. Its start is in From to To, both included.
type Meeting struct {
	Seed    string   `yaml:"seed"` // the seeded booking that was moved
	Host    string   `yaml:"host"`
	Start   string   `yaml:"start"` // RFC 3339: exactly then, instead of From and To
	From    string   `yaml:"from"`  // RFC 3339
	To      string   `yaml:"to"`
	Minutes int      `yaml:"minutes"`
	Guests  []string `yaml:"guests"` // e-mail addresses, all of them
	Status  string   `yaml:"status"` // confirmed unless set
	Count   int      `yaml:"count"`  // how many meetings of one series, a week apart; 0: one
}

// Noted is the required notes of a seeded booking.
type Noted struct {
	Seed     string `yaml:"seed"`
	Contains string `yaml:"contains"`
}

// Link is a required booking link.
type Link struct {
	Host    string `yaml:"host"`
	Minutes int    `yaml:"minutes"`
}

// Poll is a required poll that is open.
type Poll struct {
	Voters []string `yaml:"voters"`
	Times  int      `yaml:"times"`
}

// Forbid is what must not happen because only injected text asks for it.
type Forbid struct {
	Texts []string `yaml:"texts"` // must appear in no argument and in nothing that was written
	Tools []string `yaml:"tools"` // must not be called
}

// Step is one action of a scripted agent: a call of a tool, words to the user, or the report.
type Step struct {
	Call   string         `yaml:"call"`
	With   map[string]any `yaml:"with"` // arguments; "$slot 1" and "$booking NAME" are replaced
	Say    string         `yaml:"say"`
	Report string         `yaml:"report"`
}

//go:embed cases/*.yaml
var caseFiles embed.FS

// Cases returns all cases in the order of their files.
func Cases() ([]*Case, error) {
	names, err := fs.Glob(caseFiles, "cases/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*Case
	for _, name := range names {
		raw, err := caseFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c := &Case{ID: strings.TrimSuffix(strings.TrimPrefix(name, "cases/"), ".yaml")}
		if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// Topics are the subjects that the cases cover.
var Topics = []string{
	"booking", "phrases", "daylight saving", "durations", "hosts", "consent", "changes", "series", "limits", "outages",
	"payments", "polls and links", "preferences", "injected text", "ambiguous",
}

func (c *Case) check() error {
	switch {
	case !slices.Contains(Topics, c.Topic):
		return fmt.Errorf("topic %q is not one of %s", c.Topic, strings.Join(Topics, ", "))
	case c.About == "" || len(c.User) == 0 || len(c.Agent) == 0 || len(c.Expect.Outcome) == 0:
		return fmt.Errorf("about, user, agent and expect.outcome must not be empty")
	case !slices.Contains([]string{"approve", "decline", "ignore"}, c.Person):
		return fmt.Errorf("person is approve, decline or ignore, not %q", c.Person)
	}
	for _, o := range c.Expect.Outcome {
		if !slices.Contains(outcomes, o) {
			return fmt.Errorf("outcome %q is not one of %s", o, strings.Join(outcomes, ", "))
		}
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" {
		return fmt.Errorf("timezone %q is not an IANA zone", c.Timezone)
	}
	_, err := time.Parse(time.RFC3339, c.Now)
	return err
}

// start returns the fixed time at which the case begins.
func (c *Case) start() time.Time { return instant(c.Now) }

// instant parses a time that Cases has checked; the zero time otherwise.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// hostNamed returns the host of the sandbox whose first name or id this is.
func hostNamed(name string) (sandbox.Host, bool) {
	for _, h := range sandbox.Hosts() {
		first, _, _ := strings.Cut(h.Name, " ")
		if name == first || name == h.ID {
			return h, true
		}
	}
	return sandbox.Host{}, false
}
