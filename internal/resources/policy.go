package resources

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
)

// Policy is the operator's configuration as agents may read it. It contains no key,
// address or id.
type Policy struct {
	Consent  consent.Policy `json:"consent"` // what counts as consent
	ReadOnly bool           `json:"read_only"`
	Tools    []string       `json:"tools"`    // their names
	Timezone string         `json:"timezone"` // IANA zone of calls that name none
	Hosts    []string       `json:"hosts"`    // their names; the first is the default
	Sandbox  bool           `json:"sandbox"`  // bookings are simulated

	// HostNames returns Hosts when the policy is read; nil: Hosts is used.
	HostNames func(context.Context) []string `json:"-"`

	Mail bool `json:"mail"` // Vennio sends e-mail; false with a test key

	GuestDomains []string `json:"guest_domains,omitempty"` // of attendees; none: any
	Hours        string   `json:"hours,omitempty"`         // in which bookings are allowed, in Timezone; empty: at any time
	WorkingHours string   `json:"working_hours,omitempty"` // of the hosts, in Timezone: other times are offered last
	Preferences  string   `json:"preferences,omitempty"`   // of all hosts; they exclude times unless a call ignores them
	Lengths      []int    `json:"preferred_minutes,omitempty"`
	// HostPreferences are those of hosts that differ from all hosts, by name: "no meetings on Wed (Europe/London)".
	HostPreferences map[string]string `json:"host_preferences,omitempty"`
	DailyBookings   int               `json:"daily_bookings,omitempty"` // 0: any number
	MaxPrice        string            `json:"max_price,omitempty"`      // of one booking; empty: no limit
}

// policyText describes each method in words.
var policyText = map[consent.Policy]string{
	consent.PolicyAttested: "the agent's statement that a person agreed is enough",
	consent.PolicyAsk:      "the person is asked wherever the client can ask, elsewhere the agent's statement is enough",
	consent.PolicyHuman:    "the person must approve, an agent's statement is never enough",
	consent.PolicySigned:   "the person must approve on a page and sign with a passkey, nothing else is enough",
}

// limits are those of the program, which the operator cannot change, in minutes.
type limits struct {
	Slot    int `json:"slot_id_minutes"`
	Consent int `json:"consent_minutes"`
}

func (p Policy) read(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	if p.HostNames != nil {
		p.Hosts = p.HostNames(ctx)
	}
	structured := struct {
		Policy
		Means  string `json:"consent_means"`
		Limits limits `json:"limits"`
	}{p, policyText[p.Consent], limits{int(slots.Lifetime.Minutes()), int(consent.Lifetime.Minutes())}}
	return contents(r.Params.URI, structured, p.text(structured.Limits))
}

func (p Policy) text(l limits) string {
	readOnly := ""
	if p.ReadOnly {
		readOnly = " Read-only: nothing can be booked or changed here."
	}
	lines := []string{
		fmt.Sprintf("Consent to book: %s: %s. An approval is valid for %d minutes and one booking.", p.Consent, policyText[p.Consent], l.Consent),
		"Tools: " + strings.Join(p.Tools, ", ") + "." + readOnly,
		"Hosts: " + p.hosts(),
		fmt.Sprintf("Time zone of calls that name none: %s. A slot_id is valid for %d minutes.", p.Timezone, l.Slot),
	}
	lines = append(lines, p.allowed()...)
	if !p.Mail {
		lines = append(lines, "Vennio sends no e-mail here.")
	}
	if p.Sandbox {
		lines = append(lines, "Sandbox: nothing real is booked.")
	}
	return strings.Join(lines, "\n")
}

// allowed describes the operator's limits.
func (p Policy) allowed() (lines []string) {
	if len(p.GuestDomains) > 0 {
		lines = append(lines, "Only people of these domains may attend: "+strings.Join(p.GuestDomains, ", ")+".")
	}
	if p.Hours != "" {
		lines = append(lines, "Bookings are allowed within these hours: "+p.Hours+".")
	}
	if p.WorkingHours != "" {
		lines = append(lines, "Times outside the hosts' working hours are offered last: "+p.WorkingHours+".")
	}
	lines = append(lines, p.preferences()...)
	if p.DailyBookings > 0 {
		lines = append(lines, fmt.Sprintf("At most %d bookings a day.", p.DailyBookings))
	}
	if p.MaxPrice != "" {
		lines = append(lines, "A booking may cost at most "+p.MaxPrice+".")
	}
	return lines
}

func (p Policy) preferences() (lines []string) {
	if p.Preferences != "" {
		lines = append(lines, "Hosts prefer "+p.Preferences+".")
	}
	for _, host := range slices.Sorted(maps.Keys(p.HostPreferences)) {
		lines = append(lines, "Preferences of "+host+": "+p.HostPreferences[host]+".")
	}
	if len(lines) > 0 {
		lines = append(lines, "find_slots leaves out other times unless the user asks for them and the call sends ignore_preferences true.")
	}
	if len(p.Lengths) > 0 {
		lines = append(lines, fmt.Sprintf("Preferred lengths of meetings, in minutes, the first being the default: %s.", strings.Trim(fmt.Sprint(p.Lengths), "[]")))
	}
	return lines
}

func (p Policy) hosts() string {
	if len(p.Hosts) == 0 {
		return "none is named; each call names its host by id."
	}
	return strings.Join(p.Hosts, ", ") + "; the first is the default."
}
