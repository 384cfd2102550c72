package doctor

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// vennio checks the connection to Vennio with one read, and then what the key may do there.
func (t Target) vennio(ctx context.Context) []Finding {
	all, c := t.connect(ctx)
	if c == nil {
		return all
	}
	return append(all, t.hosts(ctx, c)...)
}

// connect checks the address, the clock and the key. The client is nil if nothing else can be checked.
func (t Target) connect(ctx context.Context) ([]Finding, *vennioclient.Client) {
	seen := &sight{next: t.Transport, now: t.Now}
	c, err := t.client(seen, t.Config.Dialect)
	if err != nil {
		return []Finding{problem(CheckAddress, err.Error(), "Correct the setting.")}, nil
	}
	_, err = c.ListConsents(ctx, vennioclient.ConsentsQuery{Role: "grantee", Limit: 1})
	if seen.status == 0 {
		return []Finding{noAnswer(CheckAddress, t.Config.APIURL, "VENNIO_API_URL", t.Config.Timeout, err)}, nil
	}
	all := []Finding{t.reached(seen), clock(seen)}
	if err != nil && vennioclient.KindOf(err) == vennioclient.KindUnauthorized {
		return append(all, problem("scopes", "Vennio refuses the key (401"+request(err)+")", "Set a key that is valid: it may have been revoked, or belong to another address.")), nil
	}
	all = append(all, calendarAccess(err), t.bookings(ctx, c))
	return append(all, calendars(ctx, c)...), c
}

// calendars reports which calendars are connected to the account. Without one Vennio answers searches with 404
// (vennio-api.md, Calendars). It reports nothing if the key may not list calendars.
func calendars(ctx context.Context, c *vennioclient.Client) []Finding {
	const check = "calendars"
	list, err := c.Calendars(ctx)
	if err != nil {
		return nil
	}
	var connected []string
	for _, p := range list.Providers {
		if p.Connected {
			connected = append(connected, fmt.Sprintf("%s (%d)", sanitize.Line(p.Name, 40), p.Calendars))
		}
	}
	if len(connected)+len(list.Calendars) == 0 {
		return []Finding{warn(check, "no calendar is connected to this account", "Connect one in Vennio; until then no times are found.")}
	}
	return []Finding{ok(check, "connected: %s", cmp.Or(strings.Join(connected, ", "), fmt.Sprint(len(list.Calendars))))}
}

// Account checks the address, the clock and the key, and lists the hosts that the key can see. The list is
// empty if there are none, or if Vennio does not show them to this key.
func (t Target) Account(ctx context.Context) ([]Finding, []vennioclient.Host) {
	all, c := t.connect(ctx)
	if c == nil {
		return all, nil
	}
	hosts, err := visibleHosts(ctx, c)
	if len(hosts) == 0 {
		saw := "Vennio lists no host for this key"
		if err != nil {
			saw += fmt.Sprintf(" (%s%s)", vennioclient.KindOf(err), request(err))
		}
		all = append(all, warn(checkHost, saw, "Name the host by its id."))
	}
	return all, hosts
}

// visibleHosts lists the hosts of the account that have an id, or otherwise the owner of the key.
func visibleHosts(ctx context.Context, c *vennioclient.Client) ([]vennioclient.Host, error) {
	all, err := listedHosts(ctx, c)
	if len(all) > 0 {
		return all, nil
	}
	if me, none := c.Me(ctx); none == nil {
		me.Connected = true // unknown; a search for free times shows it
		return []vennioclient.Host{*me}, nil
	}
	return nil, err
}

func listedHosts(ctx context.Context, c *vennioclient.Client) (all []vennioclient.Host, err error) {
	const maxHosts = 200
	var q vennioclient.HostsQuery
	for len(all) < maxHosts {
		page, err := c.Hosts(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, h := range page.Hosts {
			if h.ID != "" {
				all = append(all, h)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" || len(page.Hosts) == 0 {
			break
		}
	}
	return all, nil
}

// Host checks one host with a search for free times, and returns the dialect that Vennio understands: the
// configured one unless Vennio refuses it and understands the other.
func (t Target) Host(ctx context.Context, h scheduling.Host) (vennioclient.Dialect, []Finding) {
	c, err := t.client(t.Transport, t.Config.Dialect)
	if err != nil {
		return t.Config.Dialect, []Finding{problem(CheckAddress, err.Error(), "Correct the setting.")}
	}
	found, err := t.slots(ctx, c, h)
	if other := otherDialect(t.Config.Dialect); refusedAsInvalid(err) && t.understands(ctx, other, h) {
		t.Config.Dialect = other
		return t.Host(ctx, h)
	}
	return t.Config.Dialect, []Finding{t.dialect(ctx, h, err), t.calendar(h.Shown(), found, err)}
}

func (t Target) client(via http.RoundTripper, d vennioclient.Dialect) (*vennioclient.Client, error) {
	return vennioclient.New(t.Config.APIKey.Reveal(), vennioclient.WithBaseURL(t.Config.APIURL), vennioclient.WithDialect(d),
		vennioclient.WithHTTPClient(&http.Client{Transport: via, Timeout: t.Config.Timeout}), vennioclient.WithRetry(vennioclient.Retry{Attempts: 1}))
}

// sight records the properties of one exchange with Vennio, except its body.
type sight struct {
	next      http.RoundTripper
	now       func() time.Time
	status    int
	took      time.Duration
	date      string
	ahead     time.Duration // by which Vennio's clock is ahead of this machine's
	expires   time.Time     // expiry of the certificate; zero without TLS
	encrypted bool
}

// RoundTrip implements http.RoundTripper.
func (s *sight) RoundTrip(r *http.Request) (*http.Response, error) {
	start := s.now()
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	end := s.now()
	s.status, s.took, s.date = resp.StatusCode, end.Sub(start), resp.Header.Get("Date")
	if at, err := http.ParseTime(s.date); err == nil {
		// The header is truncated to seconds, so on average Vennio's clock is half a second later.
		s.ahead = at.Add(500 * time.Millisecond).Sub(start.Add(s.took / 2))
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		s.encrypted, s.expires = true, resp.TLS.PeerCertificates[0].NotAfter
	}
	return resp, nil
}

// The names of checks. The OK findings of the first two are the same for all tenants.
const (
	CheckAddress = "address"
	CheckClock   = "clock"
	checkHost    = "host"
)

func (t Target) reached(s *sight) Finding {
	const check = CheckAddress
	saw := fmt.Sprintf("%s answers in %d ms", t.Config.APIURL, s.took.Milliseconds())
	const soon = 7 * 24 * time.Hour
	switch {
	case s.status >= http.StatusInternalServerError:
		return problem(check, fmt.Sprintf("%s, but with status %d", saw, s.status), "Vennio, or a proxy before it, is failing: try again later.")
	case s.encrypted && s.expires.Sub(t.Now()) < soon:
		return warn(check, saw+", but its certificate ends on "+s.expires.Format(time.DateOnly), "Inform its operator.")
	case s.took > 2*time.Second:
		return warn(check, saw+", which is slow", "A booking should take less than 2,000 ms in total: check the network.")
	case s.encrypted:
		return ok(check, "%s over TLS", saw)
	}
	return ok(check, "%s, without TLS (loopback)", saw)
}

// clock compares Vennio's clock with this machine's. Slot ids and consents are valid for
// minutes, and Vennio and this program both refuse times in the past.
func clock(s *sight) Finding {
	const check, warnAt, failAt = CheckClock, 5 * time.Second, time.Minute
	off := s.ahead.Abs().Round(time.Second)
	direction := "ahead of"
	if s.ahead > 0 {
		direction = "behind"
	}
	saw := fmt.Sprintf("this machine is %s %s Vennio", off, direction)
	const do = "Set the clock: switch on time synchronisation (NTP)."
	switch {
	case s.date == "":
		return warn(check, "Vennio's answer has no date", "Check this machine's clock yourself.")
	case off > failAt:
		return problem(check, saw, do)
	case off > warnAt:
		return warn(check, saw, do)
	}
	return ok(check, "within %s of Vennio's", max(off, time.Second))
}

// noAnswer reports why an address did not answer. setting is the setting that contains the address.
func noAnswer(check, address, setting string, limit time.Duration, err error) Finding {
	saw, do := "no answer from "+address, "Check "+setting+", the network and the proxy settings."
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch host := hostOf(address); {
	case errors.As(err, &dns):
		saw, do = "the name "+host+" is not known", "Check "+setting+" and the DNS of this machine."
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid):
		saw, do = "the certificate of "+host+" is not trusted", "If a proxy inspects TLS, install its certificate authority on this machine; check the clock too."
	case errors.Is(err, syscall.ECONNREFUSED):
		saw, do = "nothing listens at "+address, "Check "+setting+"; if it is a sandbox of your own, start it: vennio-mcp sandbox."
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		saw = fmt.Sprintf("no answer from %s within %s", address, limit)
	}
	return problem(check, saw, do)
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func calendarAccess(err error) Finding {
	const check = "scopes"
	if err == nil {
		return ok(check, "the key may list calendar access")
	}
	return lacks(check, "list calendar access", "check_calendar_access will refuse", err)
}

func (t Target) bookings(ctx context.Context, c *vennioclient.Client) Finding {
	const check = "scopes"
	if _, err := c.ListBookings(ctx, vennioclient.BookingsQuery{Limit: 1}); err != nil {
		return lacks(check, "read bookings", "bookings cannot be listed, read back, moved or cancelled", err)
	}
	return ok(check, "the key may read bookings")
}

// lacks reports the consequence so of a read that Vennio refused.
func lacks(check, what, so string, err error) Finding {
	e, _ := errors.AsType[*vennioclient.Error](err)
	if e != nil && e.Kind == vennioclient.KindForbidden {
		scopes := sanitize.Line(strings.Join(slices.Sorted(slices.Values(e.AvailableScopes)), ", "), 200)
		return warn(check, fmt.Sprintf("the key may not %s (it may: %s): %s", what, cmp.Or(scopes, "unknown"), so), "Use a secret key, unless this restriction is intended.")
	}
	return problem(check, fmt.Sprintf("asked to %s, Vennio failed: %s%s", what, vennioclient.KindOf(err), request(err)), "Try again; if it fails again, ask Vennio's support, with the request id.")
}

// request formats Vennio's id of a failed request, or returns "" if there is none.
func request(err error) string {
	if e, ok := errors.AsType[*vennioclient.Error](err); ok && e.RequestID != "" {
		return ", request " + sanitize.Line(e.RequestID, 64)
	}
	return ""
}

// hosts searches for free times of each host. The first search also shows whether Vennio understands the dialect.
func (t Target) hosts(ctx context.Context, c *vennioclient.Client) []Finding {
	if len(t.Config.Hosts) == 0 {
		return t.unsetHosts(ctx, c)
	}
	var all []Finding
	names := scheduling.NewHostNames(c, t.Now)
	for i, h := range t.Config.Hosts {
		name, unnamed := t.hostName(ctx, names, h)
		all = append(all, unnamed...)
		found, err := t.slots(ctx, c, h)
		if i == 0 {
			all = append(all, t.dialect(ctx, h, err))
		}
		all = append(all, t.calendar(name, found, err))
	}
	return all
}

// unsetHosts checks the dialect with the first host that the key can see, and names those hosts.
func (t Target) unsetHosts(ctx context.Context, c *vennioclient.Client) []Finding {
	do := "Set " + t.setting("VENNIO_BUSINESS_ID") + " or " + t.setting("VENNIO_HOSTS") + "."
	if t.Tenant == "" {
		do += " Or run: vennio-mcp setup."
	}
	seen, err := visibleHosts(ctx, c)
	if err != nil || len(seen) == 0 {
		return []Finding{warn("dialect", "not checked: no host is set, and Vennio lists none for this key", do)}
	}
	const most = 5
	var names []string
	for _, h := range seen[:min(most, len(seen))] {
		names = append(names, scheduling.SafeName(h.Name)+"="+sanitize.Line(h.ID, 64))
	}
	if len(seen) > most {
		names = append(names, "…")
	}
	_, err = t.slots(ctx, c, scheduling.Host{ID: seen[0].ID})
	return []Finding{
		t.dialect(ctx, scheduling.Host{ID: seen[0].ID}, err),
		warn(checkHost, "none is set; this key can see "+strings.Join(names, ", "), do),
	}
}

// hostName returns the name under which people see a host, with a warning if there is no name.
func (t Target) hostName(ctx context.Context, names *scheduling.HostNames, h scheduling.Host) (string, []Finding) {
	const check = "host name"
	host := consent.Host{Name: h.Name, ID: h.ID}
	if !host.Unnamed() || strings.Contains(h.ID, "@") {
		return host.Label(60, sanitize.Line), nil
	}
	calendar := "calendar " + consent.ShortID(h.ID)
	do := fmt.Sprintf("Name the host in %s: Name=id.", t.setting("VENNIO_HOSTS"))
	found, err := names.Find(ctx, h.ID)
	switch {
	case err != nil:
		saw := fmt.Sprintf("Vennio could not be asked for the name of the owner of %s: %s%s", calendar, vennioclient.KindOf(err), request(err))
		return "the owner of " + calendar, []Finding{warn(check, saw+"; until it can, nothing is booked with this host", do)}
	case len(found) == 0:
		saw := "Vennio gives no name for the owner of " + calendar + ", so people are asked to meet somebody without a name"
		return "the owner of " + calendar, []Finding{warn(check, saw, do)}
	}
	for _, name := range found {
		host.Name = name
	}
	return host.Label(60, consent.PersonName), nil
}

// slots counts the free half hours of the next seven days.
func (t Target) slots(ctx context.Context, c *vennioclient.Client, h scheduling.Host) (int, error) {
	from := t.Now().Add(time.Hour).Truncate(time.Minute)
	found, err := c.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: []string{h.ID}, Duration: 30 * time.Minute, From: from, To: from.AddDate(0, 0, 7), Timezone: "UTC",
	})
	return len(found), err
}

// dialect reports whether Vennio understands the configured dialect. If it does not, dialect tries the other one.
func (t Target) dialect(ctx context.Context, h scheduling.Host, failed error) Finding {
	const check = "dialect"
	ours, other := t.Config.Dialect, otherDialect(t.Config.Dialect)
	switch {
	case failed == nil:
		return ok(check, "%s is understood", ours)
	case !refusedAsInvalid(failed):
		return ok(check, "%s was not refused", ours)
	case t.understands(ctx, other, h):
		return problem(check, fmt.Sprintf("%s is not understood there, %s is", ours, other), fmt.Sprintf("Set VENNIO_API_DIALECT=%s.", other))
	}
	return problem(check, fmt.Sprintf("neither %s nor %s is understood there%s", ours, other, request(failed)), "Check that VENNIO_API_URL is the address of Vennio.")
}

func otherDialect(d vennioclient.Dialect) vennioclient.Dialect {
	if d == vennioclient.Guide {
		return vennioclient.Reference
	}
	return vennioclient.Guide
}

// refusedAsInvalid reports whether Vennio refused the form of a request, which it does to an unknown dialect.
func refusedAsInvalid(err error) bool {
	e, refused := errors.AsType[*vennioclient.Error](err)
	return refused && e.Status == http.StatusBadRequest
}

// understands reports whether a search in this dialect succeeds.
func (t Target) understands(ctx context.Context, d vennioclient.Dialect, h scheduling.Host) bool {
	c, err := t.client(t.Transport, d)
	if err == nil {
		_, err = t.slots(ctx, c, h)
	}
	return err == nil
}

func (t Target) calendar(name string, slots int, err error) Finding {
	const check = checkHost
	switch vennioclient.KindOf(err) {
	case "":
		if slots == 0 {
			return warn(check, name+" has no free half hour within seven days", "Check the business hours and calendars in Vennio.")
		}
		return ok(check, "%s has free times within seven days", name)
	case vennioclient.KindCalendarNotConnected:
		return problem(check, "the calendar of "+name+" is not connected", "Connect it in Vennio; until then no times are found.")
	case vennioclient.KindNotFound:
		return problem(check, "Vennio does not know "+name, "Check the id in "+t.setting("VENNIO_HOSTS")+" or "+t.setting("VENNIO_BUSINESS_ID")+": it is a UUID of this account.")
	case vennioclient.KindForbidden:
		return problem(check, "the key may not see the free times of "+name, "Use a key with the scope read:availability, of the account that owns this host.")
	default:
		return problem(check, fmt.Sprintf("asked for the free times of %s, Vennio failed: %s%s", name, vennioclient.KindOf(err), request(err)), "See the lines above; if they report no problem, ask Vennio's support.")
	}
}

// keyLife is the age at which a key is to be replaced (vennio-api.md, Webhooks).
const keyLife = 90 * 24 * time.Hour

func (t Target) key() Finding {
	const check = "key"
	switch {
	case t.Absent:
		return ok(check, "none is set: there is no default tenant, each caller uses the key of its tenant, or its own")
	case t.Sandbox:
		return note(check, "none is set: the built-in sandbox answers, and nothing real is booked", "For the real Vennio set VENNIO_API_KEY.")
	}
	switch kind := vennioclient.KeyKind(t.Config.APIKey.Reveal()); {
	case kind == vennioclient.KeyUnknown:
		return ok(check, "set, of an unknown kind") // a warning about the settings explains it
	case kind.Publishable():
		return warn(check, "set, "+string(kind)+": it can find slots and book, and do nothing else", "Use a secret key (vennio_sk_…) to see, move and cancel bookings too.")
	case kind.Test():
		return note(check, "set, "+string(kind)+": bookings are stored, but no e-mail is sent and no calendar changes", "For real bookings use a live key.")
	default:
		return ok(check, "set, %s", kind)
	}
}

func (t Target) keyAge() Finding {
	const check = "key age"
	since, err := t.KeySince()
	if err != nil {
		return warn(check, "not known: "+err.Error(), "Set "+t.setting("VENNIO_API_KEY_CREATED")+" to the day on which the key was made.")
	}
	age := t.Now().Sub(since)
	saw := fmt.Sprintf("known since %s (%d days)", since.UTC().Format(time.DateOnly), int(age.Hours()/24))
	if age > keyLife {
		return warn(check, saw+", to be replaced after 90 days", "Make a new key at Vennio, set it, then revoke this one.")
	}
	return ok(check, "%s", saw)
}
