package resources

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
)

// Policy is what the operator has decided. It holds no key, address or id.
type Policy struct {
	Consent  consent.Policy `json:"consent"` // whose yes counts
	ReadOnly bool           `json:"read_only"`
	Tools    []string       `json:"tools"`    // their names
	Timezone string         `json:"timezone"` // IANA zone of calls that name none
	Hosts    []string       `json:"hosts"`    // their names; the first is the default
	Sandbox  bool           `json:"sandbox"`  // nothing real is booked

	// HostNames returns what Hosts is when the policy is read; nil: Hosts as it stands.
	HostNames func(context.Context) []string `json:"-"`

	Mail bool `json:"mail"` // Vennio e-mails people; not under a test key

	GuestDomains  []string `json:"guest_domains,omitempty"`  // whose addresses may attend; none: any
	Hours         string   `json:"hours,omitempty"`          // when bookings may lie, in the zone above; empty: at any time
	WorkingHours  string   `json:"working_hours,omitempty"`  // of the hosts, in the zone above: other times are offered last
	DailyBookings int      `json:"daily_bookings,omitempty"` // 0: any number
	MaxPrice      string   `json:"max_price,omitempty"`      // of one booking; empty: anything
}

// means describes each method in words.
var means = map[consent.Policy]string{
	consent.PolicyAttested: "the agent's word that a person agreed is enough",
	consent.PolicyAsk:      "the person is asked wherever the client can ask, elsewhere the agent's word is enough",
	consent.PolicyHuman:    "the person must agree themselves, an agent's word is never enough",
}

// limits are of the program, not of the operator; in minutes.
type limits struct {
	Slot    int `json:"slot_id_minutes"`
	Consent int `json:"consent_minutes"`
}

func (p Policy) read(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	if p.HostNames != nil {
		p.Hosts = p.HostNames(ctx)
	}
	told := struct {
		Policy
		Means  string `json:"consent_means"`
		Limits limits `json:"limits"`
	}{p, means[p.Consent], limits{int(slots.Lifetime.Minutes()), int(consent.Life.Minutes())}}
	return contents(r.Params.URI, told, p.text(told.Limits))
}

func (p Policy) text(l limits) string {
	lines := []string{
		fmt.Sprintf("Consent to book: %s: %s. A yes lives %d minutes and serves one booking.", p.Consent, means[p.Consent], l.Consent),
		fmt.Sprintf("Tools: %s.%s", strings.Join(p.Tools, ", "), map[bool]string{true: " Read-only: nothing can be booked or changed here."}[p.ReadOnly]),
		"Hosts: " + p.hosts(),
		fmt.Sprintf("Time zone of calls that name none: %s. A slot_id lives %d minutes.", p.Timezone, l.Slot),
	}
	lines = append(lines, p.allowed()...)
	if !p.Mail {
		lines = append(lines, "Vennio e-mails nobody here.")
	}
	if p.Sandbox {
		lines = append(lines, "Sandbox: nothing real is booked.")
	}
	return strings.Join(lines, "\n")
}

// allowed says the operator's limits.
func (p Policy) allowed() (say []string) {
	if len(p.GuestDomains) > 0 {
		say = append(say, "Only people of these domains may attend: "+strings.Join(p.GuestDomains, ", ")+".")
	}
	if p.Hours != "" {
		say = append(say, "Bookings lie within these hours: "+p.Hours+".")
	}
	if p.WorkingHours != "" {
		say = append(say, "Times outside the hosts' working hours are offered last: "+p.WorkingHours+".")
	}
	if p.DailyBookings > 0 {
		say = append(say, fmt.Sprintf("At most %d bookings a day.", p.DailyBookings))
	}
	if p.MaxPrice != "" {
		say = append(say, "A booking may cost at most "+p.MaxPrice+".")
	}
	return say
}

func (p Policy) hosts() string {
	if len(p.Hosts) == 0 {
		return "none is named; each call names its host by id."
	}
	return strings.Join(p.Hosts, ", ") + "; the first is the default."
}
