package resources

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// The resource of free times before an instant. {host} is a name or an id, or default; {before} is an
// RFC 3339 time.
const (
	openings    = "vennio://openings/"
	uriOpenings = openings + "{host}/{minutes}/{+before}" // RFC 6570: colons need no escaping

	defaultHost = "default"
)

// What the watch of openings costs at most: maxOpenings searches every eventPause, and only while clients
// subscribe. Vennio reads calendars every pollPause (vennio-api.md, Availability).
const (
	maxOpenings = 20
	eventPause  = 5 * time.Minute
	pollPause   = 15 * time.Minute
)

// openingSearch returns the search that the URI of an opening names.
func openingSearch(uri string) (in schemas.FindSlotsInput, ok bool) {
	rest, ok := strings.CutPrefix(uri, openings)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return in, false
	}
	host, err1 := url.PathUnescape(parts[0])
	minutes, err2 := strconv.Atoi(parts[1])
	before, err3 := url.PathUnescape(parts[2])
	_, err4 := time.Parse(time.RFC3339, before)
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || host == "" || minutes < 5 || minutes > 480 {
		return in, false
	}
	if host != defaultHost {
		in.Hosts = []schemas.HostRef{schemas.HostRef(host)}
	}
	in.DurationMinutes, in.To, in.Limit = minutes, before, 10
	return in, true
}

func opening(find server.ServerTool) server.ResourceTemplateHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		in, ok := openingSearch(r.Params.URI)
		if !ok {
			return nil, protocolError(ctx, schemas.Problem{
				Code: schemas.CodeInvalidArguments, Message: "This is no address of openings.", Next: "Use vennio://openings/default/30/2026-12-04T09:00:00Z: a host or default, minutes from 5 to 480, and an RFC 3339 time.",
			})
		}
		return read(ctx, r.Params.URI, find, in)
	}
}

// Openings notifies the clients that subscribed to openings when a free time opens that is earlier than
// the earliest one before. It is safe for concurrent use.
type Openings struct {
	// Subscribed returns the URIs with a prefix to which clients subscribe.
	Subscribed func(prefix string) []string
	// Updated notifies the subscribers of resources; it must not wait.
	Updated func(uris ...string)
	// Earliest returns the start of the first free time of a search; zero if there is none.
	Earliest func(context.Context, schemas.FindSlotsInput) (time.Time, error)
	Now      func() time.Time

	mu       sync.Mutex
	changed  bool // a booking was changed since the last check of all
	checked  time.Time
	earliest map[string]time.Time // by URI, as of the last check
}

// BookingChanged makes the next checks due earlier, because a time may have opened.
func (o *Openings) BookingChanged() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed = true
}

// Check searches for openings, if that is due, and notifies of earlier ones. An error of one search leaves
// its last result. Without subscribers it calls nothing.
func (o *Openings) Check(ctx context.Context) {
	for _, uri := range o.due() {
		in, ok := openingSearch(uri)
		if before, err := time.Parse(time.RFC3339, in.To); !ok || err != nil || !before.After(o.Now()) {
			continue
		}
		first, err := o.Earliest(ctx, in)
		if err != nil {
			continue
		}
		o.mu.Lock()
		last, known := o.earliest[uri]
		o.earliest[uri] = first
		o.mu.Unlock()
		if known && !first.IsZero() && (last.IsZero() || first.Before(last)) {
			o.Updated(uri)
		}
	}
}

// due returns the URIs to check now: new ones at once, and all of them after eventPause if a booking was
// changed, otherwise after pollPause.
func (o *Openings) due() (uris []string) {
	subscribed := o.Subscribed(openings)
	subscribed = subscribed[:min(len(subscribed), maxOpenings)]
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.earliest == nil {
		o.earliest = map[string]time.Time{}
	}
	maps.DeleteFunc(o.earliest, func(uri string, _ time.Time) bool { return !slices.Contains(subscribed, uri) })
	age := o.Now().Sub(o.checked)
	if age >= pollPause || o.changed && age >= eventPause {
		o.changed, o.checked = false, o.Now()
		return subscribed
	}
	return slices.DeleteFunc(subscribed, func(uri string) bool {
		_, known := o.earliest[uri]
		return known
	})
}
