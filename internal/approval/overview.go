package approval

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// overview is the content of the overview page.
type overview struct {
	Waiting, Decided []row
	Upcoming         []row
	Unavailable      bool // Vennio did not return the upcoming bookings
}

// row is one line of the overview.
type row struct {
	Text, Small string
	Address     string // of its page; empty if it has none
	Calendar    string
	Done        bool
}

const (
	recentShown  = 50          // answered requests of each tenant, and as many open ones
	refreshEvery = 10          // seconds after which the overview reloads itself
	upcomingLife = time.Minute // of cached bookings; the overview reloads itself more often
)

// upcoming caches the next bookings of a tenant.
type upcoming struct {
	at       time.Time
	bookings []schemas.Booking
	failed   bool
}

// overview shows all requests and upcoming bookings of the tenants with which the browser is paired.
func (p *Pages) overview(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	known, err := p.Pairings.of(r)
	switch {
	case err != nil:
		failed(w, storeError(err))
		return
	case len(known) == 0 && p.reloadForCookie(w, r):
		return
	case len(known) == 0:
		write(w, http.StatusForbidden, page{
			Heading: "This browser is not paired", SignIn: p.signInLink(""),
			Lead: "Requests are shown in a browser that is paired with this server. " + p.orSignIn(),
		})
		return
	}
	shown := page{Heading: "Approvals", Sandbox: p.Sandbox, Refresh: refreshEvery, Overview: &overview{}}
	shown.Lead = "Requests of assistants, their results, and upcoming bookings. For " + sanitize.Name(known[0].Name, 100) + "."
	for _, b := range known {
		waiting, decided, err := p.ledger.Recent(r.Context(), b.Tenant, recentShown)
		if err != nil {
			failed(w, err)
			return
		}
		shown.Overview.add(r.Context(), waiting, decided)
	}
	for _, b := range known {
		p.addUpcoming(r, shown.Overview, b.Tenant, len(known) > 1)
	}
	write(w, http.StatusOK, shown)
}

// add adds the requests of a tenant.
func (o *overview) add(ctx context.Context, waiting []consent.Proposal, decided []consent.Decided) {
	line := func(p consent.Proposal) row {
		return row{Text: p.Act.Question(), Address: Path + p.ID, Small: "asked " + stamp(p)}
	}
	for _, p := range waiting {
		o.Waiting = append(o.Waiting, line(p))
	}
	for _, d := range decided {
		outcome, one := new(Pages).view(ctx, d.Proposal, d.Grant), line(d.Proposal)
		one.Small, one.Done = outcome.Heading+" · "+one.Small, outcome.Done
		o.Decided = append(o.Decided, one)
	}
}

func stamp(p consent.Proposal) string {
	loc, err := times.Zone(p.Act.Zone)
	if err != nil {
		loc = time.UTC
	}
	return times.Moment(p.At.Truncate(time.Minute), loc)
}

func (p *Pages) addUpcoming(r *http.Request, to *overview, tenant string, several bool) {
	found := p.upcoming(r, tenant)
	to.Unavailable = to.Unavailable || found.failed
	for _, b := range found.bookings {
		line := row{Text: sanitize.Quote(b.Title, 120) + ", " + b.Description, Small: strings.Join(b.Hosts, ", ") + " with " + strings.Join(b.Attendees, ", ")}
		if b.Title == "" {
			line.Text = b.Description
		}
		if several && tenant != "" {
			line.Small = tenant + " · " + line.Small
		}
		if b.Status != vennioclient.StatusConfirmed {
			line.Small = b.Status + " · " + line.Small
		} else if b.Start != "" {
			line.Calendar = bookingPath + b.BookingID + CalendarSuffix
		}
		line.Text, line.Small = sanitize.Mask(line.Text), sanitize.Mask(line.Small)
		to.Upcoming = append(to.Upcoming, line)
	}
}

// upcoming returns the next bookings of a tenant. It calls Vennio at most once a minute for each tenant.
func (p *Pages) upcoming(r *http.Request, tenant string) upcoming {
	now := p.Pairings.now()
	p.mu.Lock()
	known, ok := p.next[tenant]
	p.mu.Unlock()
	if ok && now.Sub(known.at) < upcomingLife && !now.Before(known.at) {
		return known
	}
	account := p.account(tenant)
	found := upcoming{at: now, failed: account == nil}
	if account != nil {
		bookings, err := account.Upcoming(r.Context())
		found.bookings, found.failed = bookings, err != nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = map[string]upcoming{}
	}
	p.next[tenant] = found
	return found
}

const bookingPath = Path + "bookings/"

// bookingFile serves the calendar file of a booking to a browser that is paired with its tenant.
func (p *Pages) bookingFile(w http.ResponseWriter, r *http.Request) {
	id, calendar := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, bookingPath), CalendarSuffix)
	known, err := p.Pairings.of(r)
	if err != nil {
		failed(w, storeError(err))
		return
	}
	for _, b := range known {
		account := p.account(b.Tenant)
		if account == nil || !calendar {
			continue
		}
		found, err := account.Booking(r.Context(), id)
		if err != nil {
			continue
		}
		if file := BookingFile(found, p.Pairings.now()); file != "" {
			writeCalendar(w, file)
			return
		}
	}
	write(w, http.StatusNotFound, page{Heading: "No calendar file", Lead: "This browser is not paired, or Vennio has no confirmed booking with this id."})
}
