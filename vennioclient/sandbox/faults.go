package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// fault is what goes wrong with one call.
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
	faultFail              // answers without doing the work
	faultDrop              // hangs up without doing the work
	faultLose              // does the work, then hangs up
	faultTimeOut           // does the work, then answers 504 as a proxy would
	faultSlow              // waits first
)

// early tells whether a call with this fault is not admitted, or not at once.
func (f fault) early() bool {
	return f.kind == faultDrop || f.kind == faultFail || f.kind == faultSlow
}

func (s *Server) fail(n int, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, slices.Repeat([]fault{f}, max(n, 0))...)
}

// FailNext answers the next n calls with status and the HTML page of a proxy, without doing their work.
func (s *Server) FailNext(n, status int) { s.fail(n, fault{kind: faultFail, status: status}) }

// FailNextProblem answers the next n calls with a problem of that slug, without
// doing their work, and with a Retry-After of whole seconds where it is above zero.
func (s *Server) FailNextProblem(n, status int, problemSlug string, retryAfter time.Duration) {
	s.fail(n, fault{kind: faultFail, status: status, slug: slug(problemSlug), retryAfter: retryAfter})
}

// LoseNext does the work of the next n calls, then drops the connection without an answer.
func (s *Server) LoseNext(n int) { s.fail(n, fault{kind: faultLose}) }

// TimeOutNext does the work of the next n calls, then answers 504 with the HTML page of a proxy.
func (s *Server) TimeOutNext(n int) { s.fail(n, fault{kind: faultTimeOut}) }

// DropNext drops the connection of the next n calls before doing any work.
func (s *Server) DropNext(n int) { s.fail(n, fault{kind: faultDrop}) }

// SlowNext lets d pass, as Options.Wait does, before the next n calls are worked
// on. A caller who gives up meanwhile has changed nothing.
func (s *Server) SlowNext(n int, d time.Duration) { s.fail(n, fault{kind: faultSlow, delay: d}) }

// Calm forgets the faults that were ordered and have not happened yet, but for holds.
func (s *Server) Calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// HoldNextWrite keeps the next write in flight, its idempotency key claimed and
// nothing done, until release is called, even where its caller gives up. It is
// held from the moment at which Calls counts it. Release may be called more than
// once, and must be called: the server cannot close before.
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

// HideDescriptions leaves the natural-language descriptions out of all slots, or puts them back.
func (s *Server) HideDescriptions(hide bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hideDescriptions = hide
}

// Take makes the host busy from start to end, as if someone else had booked. It
// is not among Bookings. It fails for an unknown host (an id or e-mail address) and an empty span.
func (s *Server) Take(hostID string, start, end time.Time) error {
	h := findHost(hostID)
	if h == nil {
		return fmt.Errorf("no host %q", hostID)
	}
	when := span{start, end}
	if when.empty() {
		return errors.New("the end must be after the start")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[h.ID] = append(s.taken[h.ID], when)
	return nil
}

// Disconnect takes away the calendar of a host, given by id or e-mail address.
func (s *Server) Disconnect(hostID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := findHost(hostID); h != nil {
		s.disconnected[h.ID] = true
	}
}

// Revoke ends calendar access, as its grantor would.
func (s *Server) Revoke(consentID string) {
	s.mu.Lock()
	defer s.unlock()
	if k := s.findConsent(consentID); k != nil {
		s.markRevoked(k)
	}
}

// Cancel cancels a booking, as the host would in Vennio's own pages.
func (s *Server) Cancel(bookingID string) error {
	return s.alter(bookingID, func(b *Booking) error {
		if b.Status == statusCancelled {
			return errors.New("already cancelled")
		}
		s.markCancelled(b)
		return nil
	})
}

// Pay pays for a booking, which confirms it. It fails where no payment is due.
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
	s.mu.Lock()
	defer s.unlock()
	s.lapse(s.now())
	b := s.findBooking(id)
	if b == nil {
		return fmt.Errorf("no booking %q", id)
	}
	if err := change(b); err != nil {
		return fmt.Errorf("booking %s: %w", id, err)
	}
	return nil
}

// reply is what a failing call gets.
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

// page is the error page of a proxy between Vennio and the caller.
func page(status int) reply {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return reply{status, http.Header{"Content-Type": {"text/html"}}, fmt.Appendf(nil,
		"<html>\n<head><title>%s</title></head>\n<body>\n<center><h1>%s</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n", title, title)}
}

// cutOff is what reaches the caller before the line goes dead. With nothing at
// all, Go's http.Transport would repeat an idempotent request by itself on a
// reused connection, and the fault would sometimes go unnoticed.
const cutOff = "HTTP/1.1 200 OK\r\n"

// hangUp drops the connection. Where there is none of its own to drop (HTTP/2, a
// recorder), the nearest thing is a proxy's 502.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(conn, cutOff)
	_ = conn.Close()
}
