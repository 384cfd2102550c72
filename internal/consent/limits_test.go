package consent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

func caller(name string, limits consent.AskLimits) consent.Asker {
	return consent.Asker{Caller: name, Limits: limits}
}

// tooMany asserts that a limit allows no further request.
func tooMany(t *testing.T, err error, want consent.TooManyError) {
	t.Helper()
	var got *consent.TooManyError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, want, *got)
}

// field: 21st open request of a caller
// req: C14
func TestReq_C14_ACallerHasAtMostSoManyRequestsOpen(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	one := caller("one", consent.AskLimits{Open: 20})
	var first consent.Proposal
	for i := range 20 {
		p, err := l.Ask(t.Context(), call(fmt.Sprint("s", i)), one)
		require.NoError(t, err)
		if i == 0 {
			first = p
			c.advance(time.Minute)
		}
	}
	_, err := l.Ask(t.Context(), call("s20"), one)
	tooMany(t, err, consent.TooManyError{Most: 20, Open: true, Wait: consent.Lifetime - time.Minute})
	again, err := l.Ask(t.Context(), call("s0"), one)
	require.NoError(t, err, "a repeated call does not count again")
	assert.Equal(t, first.ID, again.ID)
	_, err = l.Ask(t.Context(), call("s20"), caller("two", one.Limits))
	require.NoError(t, err, "another caller")
	_, err = l.Answer(t.Context(), first.ID, yes)
	require.NoError(t, err)
	_, err = l.Ask(t.Context(), call("s21"), one)
	require.NoError(t, err, "an answered request is not open")
	_, err = l.Ask(t.Context(), call("s22"), one)
	tooMany(t, err, consent.TooManyError{Most: 20, Open: true, Wait: consent.Lifetime})
	c.advance(consent.Lifetime)
	_, err = l.Ask(t.Context(), call("s22"), one)
	require.NoError(t, err, "expired ones are not open")
	_, err = l.Verify(t.Context())
	require.NoError(t, err)
}

// field: 31st request of a caller in an hour
// req: C14. Declined and answered requests count towards the hour.
func TestReq_C14_ACallerMakesAtMostSoManyRequestsAnHour(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	one := caller("one", consent.AskLimits{Open: 20, Hourly: 30})
	for i := range 30 {
		p, err := l.Ask(t.Context(), call(fmt.Sprint("s", i)), one)
		require.NoError(t, err)
		a := yes
		a.Agreed = i%2 == 0
		_, err = l.Answer(t.Context(), p.ID, a)
		require.NoError(t, err)
		c.advance(time.Minute)
	}
	_, err := l.Ask(t.Context(), call("s30"), one)
	tooMany(t, err, consent.TooManyError{Most: 30, Wait: 30 * time.Minute})
	_, err = l.Ask(t.Context(), call("s30"), caller("two", one.Limits))
	require.NoError(t, err)
	c.advance(30*time.Minute - time.Millisecond)
	_, err = l.Ask(t.Context(), call("s31"), one)
	tooMany(t, err, consent.TooManyError{Most: 30, Wait: time.Millisecond})
	c.advance(time.Millisecond)
	_, err = l.Ask(t.Context(), call("s31"), one)
	require.NoError(t, err, "the first was made an hour ago")
}

// field: requests of many callers of a tenant
// req: C14
func TestReq_C14_ATenantHasALargerLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits consent.AskLimits
		want   consent.TooManyError
	}{
		"open":   {consent.AskLimits{Open: 2, TenantOpen: 5}, consent.TooManyError{Most: 5, Open: true, Tenant: true, Wait: consent.Lifetime}},
		"hourly": {consent.AskLimits{Hourly: 2, TenantHourly: 5}, consent.TooManyError{Most: 5, Tenant: true, Wait: time.Hour}},
		"both":   {consent.AskLimits{TenantOpen: 5, TenantHourly: 5}, consent.TooManyError{Most: 5, Tenant: true, Wait: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLedger(t)
			acme := func(slot string) consent.Act {
				a := call(slot)
				a.Tenant = "acme"
				return a
			}
			for i := range 5 {
				_, err := l.Ask(t.Context(), acme(fmt.Sprint("s", i)), caller(fmt.Sprint("caller ", i), tc.limits))
				require.NoError(t, err)
			}
			_, err := l.Ask(t.Context(), acme("s5"), caller("caller 5", tc.limits))
			tooMany(t, err, tc.want)
			_, err = l.Ask(t.Context(), call("s5"), caller("caller 5", tc.limits))
			require.NoError(t, err, "another tenant")
		})
	}
}

// field: requests through several replicas
// req: C14
func TestReq_C14_ReplicasShareTheCounts(t *testing.T) {
	t.Parallel()
	dir, c := storetest.Folder(t), newClock()
	replicas := []*consent.Ledger{ledgerIn(t, dir, c.now), ledgerIn(t, dir, c.now)}
	one := caller("one", consent.AskLimits{Open: 4})
	for i := range 4 {
		_, err := replicas[i%2].Ask(t.Context(), call(fmt.Sprint("s", i)), one)
		require.NoError(t, err)
	}
	for i, l := range replicas {
		_, err := l.Ask(t.Context(), call(fmt.Sprint("more", i)), one)
		tooMany(t, err, consent.TooManyError{Most: 4, Open: true, Wait: consent.Lifetime})
	}
	p, err := replicas[0].Ask(t.Context(), call("s0"), one)
	require.NoError(t, err)
	_, err = replicas[0].Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
	_, err = replicas[1].Attest(t.Context(), call("s0"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
}

// refuse asks a person about an act, who declines.
func refuse(t *testing.T, l *consent.Ledger, a consent.Act) {
	t.Helper()
	p, err := l.Propose(t.Context(), a)
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
}

// refused asserts that a person is not asked about an act, and that no statement about it counts.
func refused(t *testing.T, l *consent.Ledger, a consent.Act, want consent.RefusedError) {
	t.Helper()
	_, err := l.Propose(t.Context(), a)
	require.ErrorIs(t, err, consent.ErrDeclined)
	var got *consent.RefusedError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, want, *got)
	_, err = l.Attest(t.Context(), a, "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
}

func meant(change func(*consent.Act)) consent.Act {
	a := call("s1")
	change(&a)
	return a
}

// field: refused act in another spelling
// req: C18
func TestReq_C18_ARefusalCoversTheActInAnySpelling(t *testing.T) {
	t.Parallel()
	two := meant(func(a *consent.Act) {
		a.Hosts = append(a.Hosts, consent.Host{Name: "Bob Host", ID: "principal_2"})
		a.Attendees = append(a.Attendees, consent.Attendee{Name: "Grace Hopper", Email: "grace@example.com"})
	})
	for name, change := range map[string]func(*consent.Act){
		"unchanged":        func(*consent.Act) {},
		"a fresh slot id":  func(a *consent.Act) { a.SlotID = "s2" },
		"another zone":     func(a *consent.Act) { a.Zone, a.GuestZone, a.SlotID = "America/New_York", "Asia/Tokyo", "s3" },
		"letter case":      func(a *consent.Act) { a.Title = "INTRO CALL" },
		"blanks":           func(a *consent.Act) { a.Title = " Intro\u00a0 call" },
		"punctuation":      func(a *consent.Act) { a.Title, a.Notes = "Intro-call!", "About the engine." },
		"invisible":        func(a *consent.Act) { a.Title = "Intro\u200b call" },
		"wide letters":     func(a *consent.Act) { a.Title = "Ｉntro call" },
		"order of people":  func(a *consent.Act) { slices.Reverse(a.Hosts); slices.Reverse(a.Attendees) },
		"a name":           func(a *consent.Act) { a.Attendees[0].Name = "Ada" },
		"a host's name":    func(a *consent.Act) { a.Hosts[0].Name = "Alice" },
		"an address":       func(a *consent.Act) { a.Attendees[0].Email = "Ada@Example.com" },
		"who gets mail":    func(a *consent.Act) { a.Attendees[0].Mailed = false },
		"a price":          func(a *consent.Act) { a.Price = "50 EUR" },
		"a host id's kind": func(a *consent.Act) { a.Hosts[0].ID = "user:principal_1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := newLedger(t)
			refuse(t, l, two)
			respelled := two
			respelled.Hosts, respelled.Attendees = slices.Clone(two.Hosts), slices.Clone(two.Attendees)
			change(&respelled)
			refused(t, l, respelled, consent.RefusedError{Until: morning.Add(10 * time.Minute), Wait: 10 * time.Minute, Changeable: true})
			c.advance(10 * time.Minute)
			_, err := l.Propose(t.Context(), respelled)
			require.NoError(t, err, "the time has passed")
			_, err = l.Verify(t.Context())
			require.NoError(t, err)
		})
	}
}

// field: changed request after a refusal
// req: C18
func TestReq_C18_OneChangedRequestIsAllowedAfterARefusal(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*consent.Act){
		"title":       func(a *consent.Act) { a.Title = "Follow-up" },
		"notes":       func(a *consent.Act) { a.Notes = "About the weather" },
		"another":     func(a *consent.Act) { a.Attendees[0].Email = "grace@example.com" },
		"one more":    func(a *consent.Act) { a.Attendees = append(a.Attendees, consent.Attendee{Email: "grace@example.com"}) },
		"length":      func(a *consent.Act) { a.End = a.End.Add(30 * time.Minute) },
		"a host more": func(a *consent.Act) { a.Hosts = append(a.Hosts, consent.Host{Name: "Bob", ID: "principal_2"}) },
		"series":      func(a *consent.Act) { a.Repeat, a.Count = "weekly, 4 times", 4 },
		"moved there": func(a *consent.Act) { a.Tool, a.BookingID, a.WasStart = "reschedule_booking", "bk_1", morning },
		"moved, fresh": func(a *consent.Act) {
			a.Tool, a.BookingID, a.WasStart, a.SlotID = "reschedule_booking", "bk_1", morning, "x"
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := newLedger(t)
			refuse(t, l, call("s1"))
			changed := meant(change)
			_, err := l.Attest(t.Context(), changed, "Ada", "yes")
			require.ErrorIs(t, err, consent.ErrDeclined, "an agent's statement is no correction")
			c.advance(time.Minute)
			p, err := l.Propose(t.Context(), changed)
			require.NoError(t, err)
			fresh := changed
			fresh.SlotID = "fresh"
			_, err = l.Propose(t.Context(), fresh)
			require.NoError(t, err, "the same changed request")
			second := titled(fresh, "A third matter")
			refused(t, l, second, consent.RefusedError{Until: morning.Add(10 * time.Minute), Wait: 9 * time.Minute})

			_, err = l.Answer(t.Context(), p.ID, no)
			require.NoError(t, err)
			for _, a := range []consent.Act{call("s1"), changed, second} {
				got, err := l.Propose(t.Context(), a)
				require.ErrorIs(t, err, consent.ErrDeclined, "closed: %v", got)
			}
			c.advance(20*time.Minute - time.Millisecond)
			_, err = l.Propose(t.Context(), second)
			require.ErrorIs(t, err, consent.ErrDeclined, "for twice as long")
			c.advance(time.Millisecond)
			_, err = l.Propose(t.Context(), second)
			require.NoError(t, err)
			_, err = l.Verify(t.Context())
			require.NoError(t, err)
		})
	}
}

// field: changed request that a person approves
// req: C18. A request that is open can always be approved, whatever was refused meanwhile.
func TestReq_C18_AnOpenRequestCanBeApprovedAfterARefusal(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	before, err := l.Propose(t.Context(), meant(func(a *consent.Act) { a.SlotID, a.Title = "s2", "Asked before" }))
	require.NoError(t, err)
	c.advance(time.Minute)
	refuse(t, l, call("s1"))
	changed, err := l.Propose(t.Context(), titled(call("s1"), "Follow-up"))
	require.NoError(t, err)
	for _, p := range []consent.Proposal{before, changed} {
		p, err := l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: "Ada", Words: "approve", Method: consent.InTerminal})
		require.NoError(t, err)
		g, _, err := l.FindConsent(t.Context(), p.Act)
		require.NoError(t, err)
		_, err = l.Send(t.Context(), *g)
		require.NoError(t, err)
	}
}

// field: unsent statement of another spelling
// req: C18. It was made before the person declined, and is not sent afterwards.
func TestReq_C18_AStatementOfBeforeDoesNotOutrankARefusal(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	g, err := l.Attest(t.Context(), meant(func(a *consent.Act) { a.SlotID = "s2" }), "Ada", "yes")
	require.NoError(t, err)
	refuse(t, l, call("s1"))
	_, err = l.Send(t.Context(), g)
	require.ErrorIs(t, err, consent.ErrDeclined)
}

// field: what a refusal does not cover
// req: C18
func TestReq_C18_ARefusalCoversNothingElse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*consent.Act){
		"another time":   func(a *consent.Act) { a.Start, a.End = a.Start.Add(15*time.Minute), a.End.Add(15*time.Minute) },
		"another host":   func(a *consent.Act) { a.Hosts = []consent.Host{{Name: "Bob", ID: "principal_2"}} },
		"another tenant": func(a *consent.Act) { a.Tenant = "acme" },
		"a cancellation": func(a *consent.Act) { a.Tool, a.SlotID, a.BookingID = "cancel_booking", "", "bk_1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLedger(t)
			refuse(t, l, call("s1"))
			other := meant(change)
			require.NoError(t, l.Refused(t.Context(), other))
			_, err := l.Attest(t.Context(), other, "Ada", "yes")
			require.NoError(t, err)
		})
	}
}

// field: refused change of a booking
// req: C18. It covers the booking: moves to any slot, and its cancellation.
func TestReq_C18_ARefusalOfAChangeCoversTheBooking(t *testing.T) {
	t.Parallel()
	move := func(slot, booking string) consent.Act {
		a := call(slot)
		a.Tool, a.BookingID, a.WasStart, a.WasEnd = "reschedule_booking", booking, morning, morning.Add(time.Hour)
		return a
	}
	cancel := func(booking string) consent.Act {
		a := move("s9", booking)
		a.Tool, a.SlotID, a.WasStart, a.WasEnd = "cancel_booking", "", time.Time{}, time.Time{}
		return a
	}
	l, c := newLedger(t)
	refuse(t, l, move("s1", "bk_1"))
	refused(t, l, move("s1", "bk_1"), consent.RefusedError{Until: morning.Add(10 * time.Minute), Wait: 10 * time.Minute, Booking: true, Changeable: true})
	_, err := l.Attest(t.Context(), cancel("bk_1"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
	_, err = l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined, "nor is the slot booked anew")
	_, err = l.Attest(t.Context(), move("s2", "bk_2"), "Ada", "yes")
	require.NoError(t, err, "another booking, another slot")
	refuse(t, l, move("s3", "bk_1"))
	closed := consent.RefusedError{Until: morning.Add(20 * time.Minute), Wait: 20 * time.Minute, Booking: true}
	refused(t, l, cancel("bk_1"), closed)
	refused(t, l, move("s4", "bk_1"), closed)
	c.advance(20 * time.Minute)
	_, err = l.Propose(t.Context(), cancel("bk_1"))
	require.NoError(t, err)
}

// field: refusal after refusal
// req: C18. Each holds for twice as long as the one before, for a day at most.
func TestReq_C18_EachFurtherRefusalHoldsForLonger(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	for i, minutes := range []int{10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440} {
		refuse(t, l, titled(call("s1"), fmt.Sprint("Matter ", i)))
		for range 2 { // asking in vain makes it no longer
			period := time.Duration(minutes) * time.Minute
			_, err := l.Propose(t.Context(), titled(call("s1"), fmt.Sprint("Matter ", i)))
			var got *consent.RefusedError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, period, got.Wait, "refusal %d", i+1)
		}
		c.advance(time.Duration(minutes)*time.Minute - time.Millisecond)
		_, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
		require.ErrorIs(t, err, consent.ErrDeclined)
		c.advance(time.Millisecond)
	}
	_, err := l.Verify(t.Context())
	require.NoError(t, err)
}

// field: erased caller and refusal
// req: O4, C18. Who asked, the slot and the refusal are erased with the act, and the ledger verifies.
func TestReq_O4_ARefusalIsErasedWithItsAct(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	p, err := l.Ask(t.Context(), call("s1"), caller("one", consent.AskLimits{Hourly: 1}))
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
	n, _, err := l.Erase(t.Context(), "ada@example.com")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	_, err = l.Verify(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Refused(t.Context(), call("s1")))
	_, err = l.Ask(t.Context(), call("s2"), caller("one", consent.AskLimits{Hourly: 1}))
	tooMany(t, err, consent.TooManyError{Most: 1, Wait: time.Hour})
}

// field: list of open requests in pages
func TestOpenRequestsAreListedInPagesTheNewestFirst(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	var asked []string
	for i := range 7 {
		p, err := l.Propose(t.Context(), call(fmt.Sprint("s", i)))
		require.NoError(t, err)
		asked = append(asked, p.ID)
		if i%2 == 0 { // several within one millisecond
			c.advance(time.Second)
		}
	}
	slices.Reverse(asked)
	var got []string
	for after, left := "", 7; left > 0; {
		page, more, err := l.OpenPage(t.Context(), after, 3)
		require.NoError(t, err)
		require.NotEmpty(t, page)
		for _, p := range page {
			got = append(got, p.ID)
		}
		left -= len(page)
		assert.Equal(t, left, more)
		after = page[len(page)-1].ID
		_, err = l.Answer(t.Context(), after, no)
		require.NoError(t, err, "an answered request still marks its place")
	}
	assert.Equal(t, asked, got)
	_, _, err := l.OpenPage(t.Context(), "NOSUCHPROPOSAL", 3)
	require.ErrorIs(t, err, consent.ErrNoProposal)
	_, _, err = l.OpenPage(t.Context(), strings.Repeat("x", 10_000), 3)
	require.ErrorIs(t, err, consent.ErrNoProposal)
}
