package tools_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
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

// req: C12
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
			require.NoError(t, w.deps.Execute(t.Context(), p))
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
			assert.Equal(t, "approved on the page", again.Data.Consent.Method)
			assert.Equal(t, "Ada Byron", again.Data.Consent.GivenBy)
			assert.Contains(t, again.Text, "Already ")
			require.NoError(t, w.deps.Execute(t.Context(), p), "another process does it once more")
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
		all.Go(func() { _ = w.deps.Execute(t.Context(), p) })
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
		"no longer allowed": {func(w *world, _ args) { w.deps.Limits.GuestDomains = []string{"example.org"} }, consent.AbandonedPrefix + "not_allowed"},
		"the secret was replaced": {func(w *world, _ args) {
			w.deps.Slots = slots.NewSigner(tenant.NewKeyring([]byte("quite another secret")), "sandbox", w.deps.Now)
		}, consent.AbandonedPrefix + "unknown_slot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			booking := agreed(w.slot().SlotID)
			p := asked[schemas.BookSlotResult](w, "book_slot", booking)
			tc.spoil(w, booking)
			before := w.vennio.Writes()
			w.approve(p.ID, true, consent.OnPage)
			require.Error(t, w.deps.Execute(t.Context(), p))
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
// An approval that no process executed can be found until it expires.
func TestAnApprovalThatWasNotCarriedOutIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	found := w.find(args{"when": "tomorrow"})
	require.NotEmpty(t, found.Data.Slots, found.Text)
	p := asked[schemas.BookSlotResult](w, "book_slot", agreed(found.Data.Slots[0].SlotID))
	find := func(age time.Duration) []consent.Proposal {
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
	assert.Equal(t, p.ID, left[0].ID)
	assert.Equal(t, fmt.Sprint(p.Act), fmt.Sprint(left[0].Act))
	require.NoError(t, w.deps.Execute(t.Context(), left[0]))
	assert.Equal(t, 1, w.vennio.Writes())
	assert.Empty(t, find(time.Second))
}

// field: approval in a process with other settings
// A process carries out only what was asked for its account, with a tool that its operator has switched on, and exactly as it
// was approved. Everything else it leaves alone, so that the process that asked can do it.
func TestAProcessWithOtherSettingsLeavesAnApprovalAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*tools.Deps)
		writes bool
	}{
		"the same settings": {func(*tools.Deps) {}, true},
		"names of hosts are not set": {func(d *tools.Deps) {
			d.Hosts = scheduling.Directory{{Name: d.Hosts[0].ID, ID: d.Hosts[0].ID}}
			d.Names = nil
		}, true},
		"hosts have other names": {func(d *tools.Deps) { d.Hosts = scheduling.Directory{{Name: "Somebody", ID: d.Hosts[0].ID}} }, true},
		"another account":        {func(d *tools.Deps) { d.Account = "another" }, false},
		"read-only":              {func(d *tools.Deps) { d.Selection.ReadOnly = true }, false},
		"without book_slot":      {func(d *tools.Deps) { d.Selection = tools.Selection{Names: []string{"find_slots", "cancel_booking"}} }, false},
		"the host has another price": {func(d *tools.Deps) {
			d.Hosts = scheduling.Directory{{Name: d.Hosts[0].Name, ID: d.Hosts[0].ID, Price: "9 GBP"}}
		}, false},
		"its policy is laxer":     {func(d *tools.Deps) { d.Policy = consent.PolicyAttested }, true},
		"it opens windows itself": {func(d *tools.Deps) { d.Present = func(string) bool { panic("a window") } }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.deps.Account = "mine"
			booking := agreed(w.slot().SlotID)
			p := asked[schemas.BookSlotResult](w, "book_slot", booking)
			other := w.deps
			tc.change(&other)
			w.approve(p.ID, true, consent.OnPage)
			err := other.Execute(t.Context(), p)
			if !tc.writes {
				require.ErrorIs(t, err, tools.ErrElsewhere)
				assert.Zero(t, w.vennio.Writes())
				_, g, found := w.deps.Ledger.Result(t.Context(), p.ID)
				require.NoError(t, found)
				assert.Equal(t, consent.Unsent, g.Outcome)
				err = w.deps.Execute(t.Context(), p)
			}
			require.NoError(t, err, "the process that asked can execute it")
			assert.Equal(t, 1, w.vennio.Writes())
			again := call[repeated](w, "book_slot", booking.with("consent", notYet))
			assert.Contains(t, again.Text, "Already ")
		})
	}
}

// field: approval that expires, or whose booking changes, before it is carried out
// Execute asks nobody: an act whose consent no longer counts is not done, and the result says so.
func TestCarryingOutAsksNobody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil  func(*world)
		detail string
	}{
		"expired": {func(w *world) { w.clock = w.clock.Add(consent.Lifetime) }, "expired before it was sent"},
		"moved": {func(w *world) {
			mine := w.deps
			w.deps.Ledger, w.deps.Policy = newLedger(w.t, w.deps.Now), consent.PolicyAttested
			w.connect()
			id := w.vennio.Bookings()[0].ID
			found := w.find(args{"reschedule_of": id})
			require.NotEmpty(w.t, found.Data.Slots, found.Text)
			moved := call[schemas.ChangeResult](w, "reschedule_booking", args{"booking_id": id, "slot_id": found.Data.Slots[2].SlotID, "consent": agreed("")["consent"]})
			require.False(w.t, moved.IsError, moved.Text)
			w.deps = mine
		}, consent.AbandonedPrefix + "consent_mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			made := w.booked()
			p := asked[schemas.Failure](w, "cancel_booking", args{"booking_id": made.BookingID})
			w.approve(p.ID, true, consent.OnPage)
			tc.spoil(w)
			before := w.vennio.Writes()
			require.Error(t, w.deps.Execute(t.Context(), p))
			assert.Equal(t, before, w.vennio.Writes())
			_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, consent.NotDone, g.Outcome)
			assert.Equal(t, tc.detail, g.Detail)
			open, err := w.deps.Ledger.Open(t.Context())
			require.NoError(t, err)
			assert.Empty(t, open, "nobody was asked anew")
		})
	}
}
