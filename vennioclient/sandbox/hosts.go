package sandbox

import (
	"net/http"
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
	// Price is what one booking costs, as "amount CURRENCY", or "" where it is free.
	Price string `json:"price,omitempty"`
	// Connected says whether the host's calendar is connected to begin with.
	Connected bool `json:"connected"`
}

// host adds what the wire does not show: business hours, Monday to Friday, in
// minutes after local midnight.
type host struct {
	Host
	opens, closes int
}

// The hours are chosen so that London shares at least an hour of every weekday
// with New York and with Tokyo, in winter as in summer.
var hosts = []*host{
	{Host{ID: "619c8492-3849-4201-abd3-6d668d3f30b3", Name: "Alice Marlow", Email: "alice@example.com", Timezone: "Europe/London", Connected: true}, 9 * 60, 17*60 + 30},
	{Host{ID: "f722f8b1-782f-43ed-a69c-21728c6e4ce5", Name: "Bob Castellano", Email: "bob@example.com", Timezone: "America/New_York", Connected: true}, 9 * 60, 17 * 60},
	{Host{ID: "c74b81d2-91f5-444b-a345-e039addf1183", Name: "Haruka Sato", Email: "haruka@example.com", Timezone: "Asia/Tokyo", Price: "5000 JPY", Connected: true}, 10 * 60, 19 * 60},
	{Host{ID: "d05610e0-5fa0-4ff2-b4c3-d29471386498", Name: "Dana Whitfield", Email: "dana@example.com", Timezone: "Europe/Berlin"}, 9 * 60, 17 * 60},
}

// account is who every key belongs to: the caller, a party of its own.
var account = partyJSON{ID: "39f919ab-5dc7-4cde-b54d-b358cdeedaef", Name: "You", Email: "you@example.com"}

// Hosts lists the people of the sandbox. The first (London) is the default of
// calls that name no host, the second works in New York, the third in Tokyo and
// charges, and the calendar of the fourth is not connected.
func Hosts() []Host {
	out := make([]Host, len(hosts))
	for i, h := range hosts {
		out[i] = h.Host
	}
	return out
}

// DefaultKey is a secret test key that every sandbox accepts. So is any other
// key that is not malformed: see the package documentation.
func DefaultKey() string { return "vennio_sk_test_5bQ2wT9fLkX0aZsandbox" }

// listHosts answers GET /v1/hosts.
func (s *Server) listHosts(c *call) (answer, error) {
	f := newForm(c.query, "limit", "cursor")
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	found, more, err := paginate(hosts, page, func(h *host) string { return h.ID }, func(*host) bool { return true })
	if err != nil {
		return answer{}, err
	}
	created := s.born.UTC().Truncate(time.Hour).AddDate(0, 0, -30)
	out := hostPage{Hosts: make([]hostJSON, 0, len(found)), Pagination: more}
	for _, h := range found {
		out.Hosts = append(out.Hosts, hostJSON{h.ID, h.Name, "active", !s.disconnected[h.ID], stamp(created, time.UTC)})
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// findHost resolves a host's UUID or e-mail address, with or without the
// "user:" that the guide puts in front of participants.
func findHost(ref string) *host {
	ref = bare(ref)
	for _, h := range hosts {
		if strings.EqualFold(h.ID, ref) || strings.EqualFold(h.Email, ref) {
			return h
		}
	}
	return nil
}

// bare drops the kind from "kind:name".
func bare(ref string) string {
	if _, name, found := strings.Cut(ref, ":"); found {
		ref = name
	}
	return strings.TrimSpace(ref)
}

func (h *host) party() partyJSON { return partyJSON{ID: h.ID, Name: h.Name, Email: h.Email} }

func (h *host) location() *time.Location {
	loc, err := loadZone(h.Timezone)
	if err != nil { // unreachable: the zones are linked in
		return time.UTC
	}
	return loc
}

// zones remembers loaded zones; it grows no larger than the zone database.
var zones sync.Map

// loadZone reads an IANA zone. The machine's own "Local" is not one.
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
