package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the hosts' zones must load wherever the sandbox runs
)

// Host is a person whose calendar can be booked.
type Host struct {
	ID    string `json:"id"` // a UUID: business_id or principal_id on the wire
	Name  string `json:"name"`
	Email string `json:"email"`
	// Timezone is an IANA name; the host's business hours are meant in it.
	Timezone string `json:"timezone"`
	// Price of one booking as "amount CURRENCY", or "" if it is free.
	Price string `json:"price,omitempty"`
	// Connected reports whether the host's calendar is connected initially.
	Connected bool `json:"connected"`
}

// host adds the business hours, Monday to Friday, in minutes after local midnight.
type host struct {
	Host
	opens, closes int
}

// The hours are chosen so that London shares at least an hour of every weekday with New
// York and with Tokyo, in winter and in summer.
var hosts = []*host{
	{Host{ID: "619c8492-3849-4201-abd3-6d668d3f30b3", Name: "Alice Marlow", Email: "alice@example.com", Timezone: "Europe/London", Connected: true}, 9 * 60, 17*60 + 30},
	{Host{ID: "f722f8b1-782f-43ed-a69c-21728c6e4ce5", Name: "Bob Castellano", Email: "bob@example.com", Timezone: "America/New_York", Connected: true}, 9 * 60, 17 * 60},
	{Host{ID: "c74b81d2-91f5-444b-a345-e039addf1183", Name: "Haruka Sato", Email: "haruka@example.com", Timezone: "Asia/Tokyo", Price: "5000 JPY", Connected: true}, 10 * 60, 19 * 60},
	{Host{ID: "d05610e0-5fa0-4ff2-b4c3-d29471386498", Name: "Dana Whitfield", Email: "dana@example.com", Timezone: "Europe/Berlin"}, 9 * 60, 17 * 60},
}

// account is the owner of every key.
var account = partyJSON{ID: "39f919ab-5dc7-4cde-b54d-b358cdeedaef", Name: "You", Email: "you@example.com"}

// Hosts returns the hosts of the sandbox. The first (London) is the default of calls that
// name no host, the second works in New York, the third in Tokyo and must be paid, and the
// calendar of the fourth is not connected.
func Hosts() []Host {
	out := make([]Host, len(hosts))
	for i, h := range hosts {
		out[i] = h.Host
	}
	return out
}

// DefaultKey returns a secret test key that every sandbox accepts. Other keys are accepted
// too: see the package documentation.
func DefaultKey() string { return "vennio_sk_test_5bQ2wT9fLkX0aZsandbox" }

func (s *Server) listHosts(c *call) (answer, error) {
	f := newForm(c.query, "limit", "cursor")
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	created := s.data.Created.UTC().Truncate(time.Hour).AddDate(0, 0, -30)
	return paginate(hosts, page, func(h *host) string { return h.ID }, nil, func(h *host) hostJSON {
		return hostJSON{h.ID, h.Name, "active", !s.data.Disconnected[h.ID], stamp(created, time.UTC)}
	}, func(all []hostJSON, end pagination) any { return hostPage{all, end} })
}

// me answers GET /v1/me with the owner of the key, who has no calendar here.
func (s *Server) me(c *call) (answer, error) {
	if err := newForm(c.query).err(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: principalJSON{account.ID, account.Name, account.Email}}, nil
}

// findHost returns the host with a UUID or e-mail address, which may have the guide's
// prefix "user:", or nil.
func findHost(ref string) *host {
	ref = bare(ref)
	return find(hosts, func(h *host) bool { return strings.EqualFold(h.ID, ref) || strings.EqualFold(h.Email, ref) })
}

// bare removes the kind from "kind:name".
func bare(ref string) string {
	if _, name, found := strings.Cut(ref, ":"); found {
		ref = name
	}
	return strings.TrimSpace(ref)
}

func (h *host) party() partyJSON { return partyJSON{ID: h.ID, Name: h.Name, Email: h.Email} }

func (h *host) location() *time.Location {
	loc, err := loadZone(h.Timezone)
	if err != nil { // unreachable, because time/tzdata is linked in
		return time.UTC
	}
	return loc
}

// zones caches loaded zones. It is bounded by the size of the zone database.
var zones sync.Map

// loadZone loads an IANA zone. It refuses "Local", which is not one.
func loadZone(name string) (*time.Location, error) {
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	if name == "" || name == "Local" {
		return nil, errNoZone
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errNoZone
	}
	zones.Store(name, loc)
	return loc, nil
}

// hostsOf returns the hosts of an availability call.
func (s *Server) hostsOf(f *form) ([]*host, error) {
	if ref, _ := f.first("business_id", "principal_id"); ref != "" {
		h := findHost(ref)
		if h == nil {
			return nil, unknownPrincipal(ref)
		}
		return []*host{h}, nil
	}
	participants := f.list("participants")
	if len(participants) == 0 && f.values.Has("duration_minutes") {
		return nil, invalid(map[string]string{"business_id": "is required"})
	}
	who, _, err := splitParticipants(participants)
	if len(who) == 0 {
		who = hosts[:1]
	}
	return who, err
}

// splitParticipants separates the hosts among the guide's participants from the guests. A
// guest must be an e-mail address.
func splitParticipants(participants []string) (who []*host, guests []string, err error) {
	for _, p := range participants {
		switch h := findHost(p); {
		case h != nil && !slices.Contains(who, h):
			who = append(who, h)
		case h != nil: // named twice
		case strings.Contains(p, "@"):
			guests = append(guests, bare(p))
		default:
			return nil, nil, unknownPrincipal(p)
		}
	}
	return who, guests, nil
}

// principals returns the hosts of a mutual availability call.
func principals(refs []string) ([]*host, error) {
	out := make([]*host, 0, len(refs))
	for _, ref := range refs {
		h := findHost(ref)
		if h == nil {
			return nil, unknownPrincipal(ref)
		}
		if slices.Contains(out, h) {
			return nil, invalid(map[string]string{"principal_ids": "must name each principal once"})
		}
		out = append(out, h)
	}
	return out, nil
}

func unknownPrincipal(ref string) error {
	return refuse(notFound, "There is no principal "+bare(ref)+".")
}

func (s *Server) connected(who []*host) error {
	for _, h := range who {
		if s.data.Disconnected[h.ID] {
			return refuse(notConnected, "The calendar of "+h.Name+" is not connected.")
		}
	}
	return nil
}

// zoneFor returns the zone of an answer: the requested one, that of the only host, or UTC.
func zoneFor(asked *time.Location, who []*host) *time.Location {
	switch {
	case asked != nil:
		return asked
	case len(who) == 1:
		return who[0].location()
	default:
		return time.UTC
	}
}

type calendarJSON struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Provider string `json:"provider"`
	Primary  bool   `json:"primary"`
	Selected bool   `json:"selected"`
}

type providerJSON struct {
	Name          string `json:"name"`
	Connected     bool   `json:"connected"`
	CalendarCount int    `json:"calendar_count"`
}

type calendarsJSON struct {
	Calendars []calendarJSON `json:"calendars"`
	Providers []providerJSON `json:"providers"`
}

type syncJSON struct {
	EventsSynced int    `json:"events_synced"`
	LastSync     string `json:"last_sync"`
}

// syncHorizon is the period for which a sync reads events.
const syncHorizon = 14 * 24 * time.Hour

// calendars answers with one calendar for each connected host.
func (s *Server) calendars(c *call) (answer, error) {
	if err := newForm(c.query).err(); err != nil {
		return answer{}, err
	}
	out := calendarsJSON{Calendars: []calendarJSON{}}
	for _, h := range s.connectedHosts() {
		out.Calendars = append(out.Calendars, calendarJSON{
			ID: h.Email, Name: h.Name, Provider: "google", Primary: h == hosts[0], Selected: true,
		})
	}
	n := len(out.Calendars)
	out.Providers = []providerJSON{{"google", n > 0, n}, {"microsoft", false, 0}}
	return answer{status: http.StatusOK, body: out}, nil
}

// syncCalendars answers with the number of events. It changes nothing.
func (s *Server) syncCalendars(c *call) (answer, error) {
	out := syncJSON{LastSync: stamp(c.now, time.UTC)}
	for _, h := range s.connectedHosts() {
		out.EventsSynced += len(h.events(s.seed, span{c.now, c.now.Add(syncHorizon)}))
	}
	return answer{status: http.StatusOK, body: out}, nil
}

func (s *Server) connectedHosts() []*host {
	var out []*host
	for _, h := range hosts {
		if !s.data.Disconnected[h.ID] {
			out = append(out, h)
		}
	}
	return out
}
