package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// fault describes how one call fails.
type fault struct {
	kind       faultKind
	status     int
	slug       slug // "" for an HTML page
	retryAfter time.Duration
	delay      time.Duration
}

type faultKind int

const (
	faultNone    faultKind = iota
	faultFail              // answers without executing the call
	faultDrop              // drops the connection without executing the call
	faultLose              // executes the call, then drops the connection
	faultTimeOut           // executes the call, then answers 504 as a proxy would
	faultSlow              // waits first
)

// early reports whether a call with this fault is not admitted at once.
func (f fault) early() bool {
	return f.kind == faultDrop || f.kind == faultFail || f.kind == faultSlow
}

func (s *Server) fail(n int, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, slices.Repeat([]fault{f}, max(n, 0))...)
}

// FailNext answers the next n calls with status and the HTML page of a proxy, without executing them.
func (s *Server) FailNext(n, status int) { s.fail(n, fault{kind: faultFail, status: status}) }

// FailNextProblem answers the next n calls with a problem of that slug, without executing
// them, and with a Retry-After in whole seconds if it is above zero.
func (s *Server) FailNextProblem(n, status int, problemSlug string, retryAfter time.Duration) {
	s.fail(n, fault{kind: faultFail, status: status, slug: slug(problemSlug), retryAfter: retryAfter})
}

// LoseNext executes the next n calls, then drops the connection without an answer.
func (s *Server) LoseNext(n int) { s.fail(n, fault{kind: faultLose}) }

// TimeOutNext executes the next n calls, then answers 504 with the HTML page of a proxy.
func (s *Server) TimeOutNext(n int) { s.fail(n, fault{kind: faultTimeOut}) }

// DropNext drops the connection of the next n calls without executing them.
func (s *Server) DropNext(n int) { s.fail(n, fault{kind: faultDrop}) }

// SlowNext waits for d with Options.Wait before it executes each of the next n calls. A call
// whose caller gives up meanwhile changes nothing.
func (s *Server) SlowNext(n int, d time.Duration) { s.fail(n, fault{kind: faultSlow, delay: d}) }

// Calm removes the pending faults, except for holds.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// HoldNextWrite keeps the next write in progress, with its idempotency key reserved, until
// release is called, even if the caller of the write gives up. The write is held from the
// moment at which Calls counts it. Release must be called, because the server cannot close
// before, and may be called more than once.
func (s *Server) HoldNextWrite() (release func()) {
	hold := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = append(s.holds, hold)
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.holds = slices.DeleteFunc(s.holds, func(h chan struct{}) bool { return h == hold })
		close(hold)
	})
}

// HideDescriptions omits the natural-language descriptions of all slots, or includes them again.
func (s *Server) HideDescriptions(hide bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hideDescriptions = hide
}

// Take blocks the host's time from start to end, as if someone else had booked it. Bookings
// does not include it. Take fails for an unknown host (an id or e-mail address) and an empty
// span.
func (s *Server) Take(hostID string, start, end time.Time) error {
	h := findHost(hostID)
	if h == nil {
		return fmt.Errorf("no host %q", hostID)
	}
	when := span{start, end}
	if when.empty() {
		return errors.New("the end must be after the start")
	}
	return s.change(func() bool {
		s.data.Taken[h.ID] = append(s.data.Taken[h.ID], takenTime{start, end})
		return true
	})
}

// Disconnect disconnects the calendar of a host, given by id or e-mail address. It does nothing
// if there is no such host, or if the storage fails.
func (s *Server) Disconnect(hostID string) {
	if h := findHost(hostID); h != nil {
		_ = s.change(func() bool {
			s.data.Disconnected[h.ID] = true
			return true
		})
	}
}

// Revoke revokes calendar access, as its grantor would. It does nothing if there is no such
// access, or if the storage fails.
func (s *Server) Revoke(consentID string) {
	defer s.sendOutbox()
	_ = s.change(func() bool {
		k := s.findConsent(consentID)
		if k != nil {
			s.markRevoked(k)
		}
		return k != nil
	})
}

// Grant gives the account's owner access to the calendar of a host (an id or e-mail address)
// with all scopes, for a year, as the host would.
func (s *Server) Grant(hostID string) error {
	h := findHost(hostID)
	if h == nil {
		return fmt.Errorf("no host %q", hostID)
	}
	defer s.sendOutbox()
	return s.change(func() bool {
		now := s.now()
		k := &consent{s.uuid(), h.party(), account, []string{accessFreeBusy, accessDetails, accessPropose}, now, now.AddDate(1, 0, 0), time.Time{}}
		s.data.Consents = append(s.data.Consents, k)
		s.publishConsent(consentGranted, k)
		return true
	})
}

// Cancel cancels a booking, as the host would on Vennio's pages.
func (s *Server) Cancel(bookingID string) error {
	return s.alter(bookingID, func(b *Booking) error {
		if b.Status == statusCancelled {
			return errors.New("already cancelled")
		}
		s.markCancelled(b)
		return nil
	})
}

// Pay confirms a booking as its payment does. It fails if no payment is due.
func (s *Server) Pay(bookingID string) error {
	return s.alter(bookingID, func(b *Booking) error {
		if b.Status != statusPending {
			return fmt.Errorf("no payment is due: the booking is %s", b.Status)
		}
		s.markPaid(b)
		return nil
	})
}

func (s *Server) alter(id string, change func(*Booking) error) error {
	defer s.sendOutbox()
	var refused error
	err := s.change(func() bool {
		b := s.findBooking(id)
		if b == nil {
			refused = fmt.Errorf("no booking %q", id)
		} else if err := change(b); err != nil {
			refused = fmt.Errorf("booking %s: %w", id, err)
		}
		return refused == nil
	})
	return cmp.Or(refused, err)
}

func (f fault) reply(c *call) reply {
	if f.slug == "" {
		return page(f.status)
	}
	p := refuse(f.slug, "")
	p.Status, p.retryAfter = f.status, f.retryAfter
	if p.Title == "" {
		p.Title, p.Detail = http.StatusText(f.status), http.StatusText(f.status)
	}
	return c.render(answer{}, p)
}

// page returns the error page of a proxy between Vennio and the caller.
func page(status int) reply {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return reply{status, http.Header{"Content-Type": {"text/html"}}, fmt.Appendf(nil,
		"<html>\n<head><title>%s</title></head>\n<body>\n<center><h1>%s</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n", title, title)}
}

// partialResponse is sent before the connection is dropped. Without any bytes, Go's
// http.Transport would repeat an idempotent request on a reused connection, and the fault
// would sometimes have no effect.
const partialResponse = "HTTP/1.1 200 OK\r\n"

// hangUp drops the connection. If that is not possible (HTTP/2, a recorder), it answers 502.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(conn, partialResponse)
	_ = conn.Close()
}
