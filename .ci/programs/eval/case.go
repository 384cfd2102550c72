package main

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
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

	Settings  map[string]string `yaml:"settings"`  // environment variables of the server
	Bookings  []Seed            `yaml:"bookings"`  // existing ones
	Calendars map[string]string `yaml:"calendars"` // texts of the sandbox, and what replaces them in its answers
	Faults    []Fault           `yaml:"faults"`

	User      []Turn   `yaml:"user"`      // the first one begins the conversation
	Otherwise string   `yaml:"otherwise"` // the answer to anything for which no turn is left
	Person    []string `yaml:"person"`    // how the person answers forms and cards, in order: approve, decline or ignore; the last one is repeated

	Expect Expect `yaml:"expect"`
	Forbid Forbid `yaml:"forbid"`
	Agent  []Step `yaml:"agent"` // the scripted agent that solves the case in CI

	// Scripted agents that test the graders in CI: those that do something wrong, and those that solve the case in an
	// unusual way.
	Bad  []Planted `yaml:"bad"`
	Good []Planted `yaml:"good"`
}

// Planted is a scripted agent. Finds are exactly the graders that must reject it.
type Planted struct {
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
	Repeat  int    `yaml:"repeat"` // number of weekly meetings of a series, which are called "NAME 1" and so on; 0: no series
}

// Guest is an attendee of a seeded booking.
type Guest struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// Fault is a failure of Vennio.
type Fault struct {
	On    string `yaml:"on"`    // method and beginning of the path of the requests that fail: POST /v1/bookings
	Times int    `yaml:"times"` // how many of them fail; 0: one
	// Do is fail (with Status), lose (the request is executed and the connection dropped), drop (the connection is
	// dropped), or take (somebody else takes the time Start to End of Host before the request is executed).
	Do     string `yaml:"do"`
	Status int    `yaml:"status"`
	Host   string `yaml:"host"`
	Start  string `yaml:"start"` // RFC 3339
	End    string `yaml:"end"`
}

// Turn is something that the user says.
type Turn struct {
	Say       string `yaml:"say"`
	After     string `yaml:"after"`     // awaiting: only after a tool has answered awaiting_consent since the previous turn
	Consents  bool   `yaml:"consents"`  // the words agree to everything that was previewed
	Withdraws bool   `yaml:"withdraws"` // the words decline, or take back, everything that was previewed
}

// afterAwaiting is the value of Turn.After.
const afterAwaiting = "awaiting"

// Expect is the required state after the conversation.
type Expect struct {
	Outcome   []string   `yaml:"outcome"`   // the outcomes that the model may report
	Bookings  []Meeting  `yaml:"bookings"`  // exactly these are new or were moved
	Cancelled []string   `yaml:"cancelled"` // seeded bookings; all other seeded bookings must stay as they are
	Notes     []Noted    `yaml:"notes"`
	Links     []Link     `yaml:"links"`
	Polls     []Poll     `yaml:"polls"`
	Tried     [][]string `yaml:"tried"`    // of each list, one tool must be called ("TOOL CODE": refused with that code), or the user must have replied to "words"
	Unknown   int        `yaml:"unknown"`  // attempts of which the ledger records at least as often that their outcome was unknown
	NotDone   int        `yaml:"not_done"` // or that they failed
}

// words stands in Expect.Tried for a message to which the user replied.
const words = "words"

// Meeting describes a booking.
type Meeting struct {
	Seed    string   `yaml:"seed"` // the seeded booking that was moved
	Host    string   `yaml:"host"`
	Start   string   `yaml:"start"`   // RFC 3339
	From    string   `yaml:"from"`    // RFC 3339: instead of Start, the first possible start
	To      string   `yaml:"to"`      // and the last one
	Minutes int      `yaml:"minutes"` // 0: 30
	Guests  []string `yaml:"guests"`  // e-mail addresses, all of them
	With    []string `yaml:"with"`    // further hosts
	Title   string   `yaml:"title"`   // part of the title, in any case; any title unless set
	Status  string   `yaml:"status"`  // confirmed unless set
	Count   int      `yaml:"count"`   // how many meetings of one weekly series; 0: one

	week int // of one meeting of a series: how many weeks after the first
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
	Title   string `yaml:"title"` // part of the title, in any case
}

// Poll is a required poll.
type Poll struct {
	Voters  []string `yaml:"voters"`
	Title   string   `yaml:"title"`   // part of the title, in any case
	Starts  []string `yaml:"starts"`  // RFC 3339, in order
	Minutes int      `yaml:"minutes"` // 0: 30
}

// Forbid is what must not happen because only injected text asks for it.
type Forbid struct {
	Texts []string `yaml:"texts"` // must appear in no argument and in nothing that was written
	Tools []string `yaml:"tools"` // must not be called
}

// Step is one action of a scripted agent: a call of a tool, words to the user, or the report.
type Step struct {
	Call   string         `yaml:"call"`
	With   map[string]any `yaml:"with"` // arguments; "$slot 1" is replaced by the first slot id of the last search, "$booking 1" likewise
	Say    string         `yaml:"say"`
	Report string         `yaml:"report"`
}

//go:embed cases/*.yaml
var caseFiles embed.FS

// Cases returns all cases in the order of their files. The caller must not change them.
var Cases = sync.OnceValues(readCases)

func readCases() ([]*Case, error) {
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
	case len(c.Person) == 0 || slices.ContainsFunc(c.Person, func(p string) bool { return p != approves && p != declines && p != ignores }):
		return fmt.Errorf("person lists %s, %s and %s, not %q", approves, declines, ignores, c.Person)
	}
	if c.Expect.writes() == 0 && len(c.Expect.Tried) == 0 {
		return fmt.Errorf("where nothing is to be written, expect.tried says what a model must try, so that it is not enough to do nothing")
	}
	for _, turn := range c.User {
		if turn.After != "" && turn.After != afterAwaiting {
			return fmt.Errorf("after is %s, not %q", afterAwaiting, turn.After)
		}
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

// says reports whether the words of the user contain a text.
func (c *Case) says(text string) bool {
	return containsFold(c.Otherwise, text) || slices.ContainsFunc(c.User, func(t Turn) bool { return containsFold(strings.Join(strings.Fields(t.Say), " "), text) })
}

// now returns the fixed time of the case.
func (c *Case) now() time.Time { return instant(c.Now) }

// instant parses a time that Cases has checked; the zero time otherwise.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// later returns a time of the meeting, so many weeks later by the clock of its host.
func (m Meeting) later(text string) time.Time {
	host, _ := hostNamed(m.Host)
	zone, err := time.LoadLocation(host.Timezone)
	if err != nil {
		zone = time.UTC
	}
	return instant(text).In(zone).AddDate(0, 0, 7*m.week)
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
