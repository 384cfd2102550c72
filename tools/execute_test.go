package tools_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// asked makes a call under the policy human and returns the question to the person.
func asked[Out any](w *world, tool string, arguments args) consent.Proposal {
	w.t.Helper()
	w.deps.Policy = consent.PolicyHuman
	w.connect()
	got := call[Out](w, tool, arguments.with("consent", notYet))
	require.Equal(w.t, schemas.CodeApprovalNeeded, got.Code, got.Text)
	open, err := w.deps.Ledger.Open(w.t.Context())
	require.NoError(w.t, err)
	require.Len(w.t, open, 1)
	return open[0]
}

// field: approval carries out the act
// Approving writes; the agent's repeated call finds it, whatever was asked for.
func TestAnApprovalCarriesOutTheAct(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world) (tool string, arguments args){
		"a booking": func(w *world) (string, args) { return "book_slot", agreed(w.slot().SlotID) },
		"with notes, several hosts and a name with marks": func(w *world) (string, args) {
			found := w.find(args{"hosts": []any{"Alice Marlow", "Bob Castellano"}})
			require.NotEmpty(w.t, found.Data.Slots, found.Text)
			return "book_slot", agreed(found.Data.Slots[0].SlotID).with("hosts", []any{"Alice Marlow", "Bob Castellano"}).
				with("notes", "  one\n\n\n  two: <b>three</b>  ").with("title", `A "title": x, 2 times`).
				with("attendees", []any{map[string]any{"email": " o'shea@example.com "}, map[string]any{"email": "grace@example.com", "name": "Hopper, Grace"}})
		},
		"a series by count": func(w *world) (string, args) {
			return "book_slot", agreed(w.slot().SlotID).with("repeat", "every two weeks, 3 times")
		},
		"a series until a date": func(w *world) (string, args) {
			return "book_slot", agreed(w.slot().SlotID).with("repeat", "weekly until 2026-06-30")
		},
		"a move":         func(w *world) (string, args) { return w.moving() },
		"a cancellation": func(w *world) (string, args) { return "cancel_booking", args{"booking_id": w.booked().BookingID} },
		"a cancellation elsewhere": func(w *world) (string, args) {
			return "cancel_booking", args{"booking_id": w.booked().BookingID, "timezone": "Asia/Tokyo"}
		},
		"a series that is cancelled": func(w *world) (string, args) {
			return "cancel_booking", args{"booking_id": w.series().BookingID, "scope": "series"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var notified int
			w.deps.Changed = func(all []schemas.Written) { notified += len(all) }
			tool, arguments := change(w)
			before := w.vennio.Writes()
			p := asked[schemas.Failure](w, tool, arguments)
			require.Equal(t, before, w.vennio.Writes())
			notified = 0

			w.approve(p.ID, true, consent.OnPage)
			require.NoError(t, w.deps.Execute(t.Context(), p.Act))
			assert.Equal(t, before+1, w.vennio.Writes())
			assert.Positive(t, notified, "subscribers are notified")
			_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
			require.NoError(t, err)
			require.NotNil(t, g)
			assert.Equal(t, consent.Done, g.Outcome)
			assert.NotEmpty(t, g.BookingID)

			again := call[repeated](w, tool, arguments.with("consent", notYet))
			assert.False(t, again.IsError, again.Text)
			assert.Equal(t, g.BookingID, again.Data.BookingID)
			assert.Equal(t, "approved on the page", again.Data.Consent.Rung)
			assert.Equal(t, "Ada Byron", again.Data.Consent.GivenBy)
			assert.Contains(t, again.Text, "Already ")
			require.NoError(t, w.deps.Execute(t.Context(), p.Act), "another process does it once more")
			assert.Equal(t, before+1, w.vennio.Writes())
			_, err = w.deps.Ledger.Verify(t.Context())
			require.NoError(t, err)
		})
	}
}

// repeated is what every result of a write says of its consent.
type repeated struct {
	BookingID string                `json:"booking_id"`
	Consent   schemas.ConsentOnFile `json:"consent"`
}

// moving is a call that moves a new booking.
func (w *world) moving() (string, args) {
	w.t.Helper()
	made := w.booked()
	found := w.find(args{"reschedule_of": made.BookingID})
	require.NotEmpty(w.t, found.Data.Slots, found.Text)
	return "reschedule_booking", args{"booking_id": made.BookingID, "slot_id": found.Data.Slots[0].SlotID}
}

// field: approval and the agent's call at the same time
func TestAnApprovalAndTheAgentsCallBookOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	p := asked[schemas.BookSlotResult](w, "book_slot", booking)
	w.approve(p.ID, true, consent.OnPage)
	var all sync.WaitGroup
	ids := make([]string, 4)
	for i := range ids {
		all.Go(func() { ids[i] = w.bookQuietly(booking) })
		all.Go(func() { _ = w.deps.Execute(t.Context(), p.Act) })
	}
	all.Wait()
	assert.Equal(t, 1, w.vennio.Writes())
	_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, consent.Done, g.Outcome)
	for _, id := range ids {
		if id != "" {
			assert.Equal(t, g.BookingID, id)
		}
	}
}

// field: approved, and it cannot be done
// What can never be written retires the consent, so that no later call writes what the person was
// told is not done.
func TestWhatCannotBeCarriedOutRetiresTheConsent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil  func(w *world, booking args)
		detail string
	}{
		"taken meanwhile": {func(w *world, booking args) {
			mine := w.deps
			w.deps.Ledger, w.deps.Policy = newLedger(w.t, w.deps.Now), consent.PolicyAttested
			w.connect()
			require.Equal(w.t, "confirmed", w.book(booking).Data.Status)
			w.deps = mine
		}, "slot_taken"},
		"no longer allowed": {func(w *world, _ args) { w.deps.Limits.GuestDomains = []string{"example.org"} }, consent.Abandoned + "not_allowed"},
		"the secret was replaced": {func(w *world, _ args) {
			w.deps.Slots = slots.NewSigner([]byte("quite another secret"), "sandbox", w.deps.Now)
		}, consent.Abandoned + "unknown_slot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			booking := agreed(w.slot().SlotID)
			p := asked[schemas.BookSlotResult](w, "book_slot", booking)
			tc.spoil(w, booking)
			before := w.vennio.Writes()
			w.approve(p.ID, true, consent.OnPage)
			require.Error(t, w.deps.Execute(t.Context(), p.Act))
			_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, consent.NotDone, g.Outcome)
			assert.Equal(t, tc.detail, g.Detail)
			assert.Equal(t, before, w.vennio.Writes())
			_, err = w.deps.Ledger.Verify(t.Context())
			require.NoError(t, err)
		})
	}
}

// field: approved by a process that ended
// An approval that nobody carried out is found by whoever looks for it, until it expires.
func TestAnApprovalThatWasNotCarriedOutIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	found := w.find(args{"when": "tomorrow"})
	require.NotEmpty(t, found.Data.Slots, found.Text)
	p := asked[schemas.BookSlotResult](w, "book_slot", agreed(found.Data.Slots[0].SlotID))
	find := func(age time.Duration) []consent.Approved {
		all, err := w.deps.Ledger.ApprovedUnsent(t.Context(), age)
		require.NoError(t, err)
		return all
	}
	assert.Empty(t, find(0), "nobody has approved it")
	w.approve(p.ID, true, consent.InTerminal)
	assert.Empty(t, find(time.Second), "the process that took the approval has a moment")
	w.clock = w.clock.Add(time.Second)
	left := find(time.Second)
	require.Len(t, left, 1)
	assert.Equal(t, p.ID, left[0].Proposal)
	assert.Equal(t, fmt.Sprint(p.Act), fmt.Sprint(left[0].Act))
	require.NoError(t, w.deps.Execute(t.Context(), left[0].Act))
	assert.Equal(t, 1, w.vennio.Writes())
	assert.Empty(t, find(time.Second))
}
