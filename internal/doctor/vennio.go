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

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// vennio looks at Vennio by one read, and then at what the key may do there.
func (p Patient) vennio(ctx context.Context) []Finding {
	seen := &sight{next: p.Transport, now: p.Now}
	c, err := p.client(seen, p.Config.Dialect)
	if err != nil {
		return []Finding{problem("address", err.Error(), "Mend the setting.")}
	}
	_, err = c.ListConsents(ctx, vennioclient.ConsentsQuery{Role: "grantee", Limit: 1})
	if seen.status == 0 {
		return []Finding{p.unreachable(err)}
	}
	all := []Finding{p.reached(seen), clock(seen)}
	if err != nil && vennioclient.KindOf(err) == vennioclient.KindUnauthorized {
		return append(all, problem("scopes", "Vennio refuses the key (401"+request(err)+")", "Set a key that is valid: it may have been revoked, or belong to another address."))
	}
	all = append(all, calendarAccess(err), p.bookings(ctx, c))
	return append(all, p.hosts(ctx, c)...)
}

func (p Patient) client(via http.RoundTripper, d vennioclient.Dialect) (*vennioclient.Client, error) {
	return vennioclient.New(p.Config.APIKey.Reveal(), vennioclient.WithBaseURL(p.Config.APIURL), vennioclient.WithDialect(d),
		vennioclient.WithHTTPClient(&http.Client{Transport: via, Timeout: p.Config.Timeout}), vennioclient.WithRetry(vennioclient.Retry{Attempts: 1}))
}

// sight is what one exchange shows beside its body.
type sight struct {
	next      http.RoundTripper
	now       func() time.Time
	status    int
	took      time.Duration
	date      string
	ahead     time.Duration // how far Vennio's clock is before ours
	expires   time.Time     // of the certificate; zero without TLS
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
		// The header says whole seconds, cut; half of one is the best guess.
		s.ahead = at.Add(500 * time.Millisecond).Sub(start.Add(s.took / 2))
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		s.encrypted, s.expires = true, resp.TLS.PeerCertificates[0].NotAfter
	}
	return resp, nil
}

// What is the same for all tenants, as long as it is well.
const checkAddress, checkClock = "address", "clock"

func (p Patient) reached(s *sight) Finding {
	const check = checkAddress
	saw := fmt.Sprintf("%s answers in %d ms", p.Config.APIURL, s.took.Milliseconds())
	const soon = 7 * 24 * time.Hour
	switch {
	case s.status >= http.StatusInternalServerError:
		return problem(check, fmt.Sprintf("%s, but with status %d", saw, s.status), "Vennio, or a proxy before it, is failing: try again later.")
	case s.encrypted && s.expires.Sub(p.Now()) < soon:
		return warn(check, saw+", but its certificate ends on "+s.expires.Format(time.DateOnly), "Tell whoever runs it.")
	case s.took > 2*time.Second:
		return warn(check, saw+", which is slow", "A booking should take less than 2,000 ms in all: look at the network.")
	case s.encrypted:
		return ok(check, "%s over TLS", saw)
	}
	return ok(check, "%s, without TLS (loopback)", saw)
}

// clock compares Vennio's clock and ours. Slot ids and consents live for minutes,
// and what is past is refused by either side.
func clock(s *sight) Finding {
	const check, warnAt, failAt = checkClock, 5 * time.Second, time.Minute
	off := s.ahead.Abs().Round(time.Second)
	direction := "ahead of"
	if s.ahead > 0 {
		direction = "behind"
	}
	saw := fmt.Sprintf("this machine is %s %s Vennio", off, direction)
	const do = "Set the clock: switch on time synchronisation (NTP)."
	switch {
	case s.date == "":
		return warn(check, "Vennio did not say what time it is", "Check this machine's clock yourself.")
	case off > failAt:
		return problem(check, saw, do)
	case off > warnAt:
		return warn(check, saw, do)
	}
	return ok(check, "within %s of Vennio's", max(off, time.Second))
}

// unreachable says why no answer came from Vennio.
func (p Patient) unreachable(err error) Finding {
	return noAnswer(checkAddress, p.Config.APIURL, "VENNIO_API_URL", p.Config.Timeout, err)
}

// noAnswer says why no answer came from an address, which the operator set in setting.
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
		saw, do = "the certificate of "+host+" is not trusted", "A proxy that looks into TLS? Install its authority on this machine; check the clock too."
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

// calendarAccess tells whether the key may see whose calendars are open.
func calendarAccess(err error) Finding {
	const check = "scopes"
	if err == nil {
		return ok(check, "the key may list calendar access")
	}
	return lacks(check, "list calendar access", "check_calendar_access will refuse", err)
}

func (p Patient) bookings(ctx context.Context, c *vennioclient.Client) Finding {
	const check = "scopes"
	if _, err := c.ListBookings(ctx, vennioclient.BookingsQuery{Limit: 1}); err != nil {
		return lacks(check, "read bookings", "bookings cannot be listed, read back, moved or cancelled", err)
	}
	return ok(check, "the key may read bookings")
}

// lacks is what a refused read means.
func lacks(check, what, so string, err error) Finding {
	e, _ := errors.AsType[*vennioclient.Error](err)
	if e != nil && e.Kind == vennioclient.KindForbidden {
		scopes := sanitize.Line(strings.Join(slices.Sorted(slices.Values(e.AvailableScopes)), ", "), 200)
		return warn(check, fmt.Sprintf("the key may not %s (it may: %s): %s", what, cmp.Or(scopes, "not told"), so), "Use a secret key, or leave it so if that is what you want.")
	}
	return problem(check, fmt.Sprintf("asked to %s, Vennio failed: %s%s", what, vennioclient.KindOf(err), request(err)), "Try again; if it stays, ask Vennio's support, with the request id.")
}

// request names Vennio's id of a failed request, where there is one.
func request(err error) string {
	if e, ok := errors.AsType[*vennioclient.Error](err); ok && e.RequestID != "" {
		return ", request " + sanitize.Line(e.RequestID, 64)
	}
	return ""
}
