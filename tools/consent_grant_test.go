package tools_test

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// unlimited lets a key make as many calls as a test wants.
func unlimited(w *world) {
	w.vennio = sandbox.New(sandbox.Options{Now: w.deps.Now, Seed: 1, RateLimitPerHour: -1})
	api := httptest.NewServer(w.vennio)
	w.t.Cleanup(api.Close)
	w.url = api.URL
	w.deps.Vennio = w.client(canary)
}

// crowded is unlimited for calls that wait for one another, however long that takes: Vennio refuses a
// write while the same one is in progress.
func crowded(w *world) {
	unlimited(w)
	patient(w)
}

func patient(w *world) {
	w.deps.Vennio = w.client(canary, vennioclient.WithRetry(vennioclient.Retry{Attempts: 10_000, Base: time.Millisecond, Max: 10 * time.Millisecond}))
}

// req: C2. What the person accepted was this; under its slot id nothing else is
// booked, and nobody is asked about it.
func TestReq_C2_WhatWasAcceptedCannotBeChanged(t *testing.T) {
	each(t, func() *person { return says(accept) }, func(t *testing.T, w *world, p *person) {
		booking := agreed(w.slot().SlotID)
		first := w.book(booking)
		require.False(t, first.IsError, first.Text)
		for name, changed := range map[string]args{
			"title": booking.with("title", "Another"), "notes": booking.with("notes", "More"),
			"people": booking.with("attendees", []any{map[string]any{"email": "eve@example.com", "name": "Eve"}}),
		} {
			assert.Equal(t, schemas.CodeConsentMismatch, w.book(changed).Code, name)
		}
		assert.Len(t, p.seen(), 1)
		assert.Equal(t, 1, w.vennio.Writes())
		w.kinds()
	})
}

// req: C2. A yes to one title is none to another before it was used, either.
func TestReq_C2_AnUnusedYesIsForItsActOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	w.deps.Policy = consent.PolicyHuman
	w.approve(w.waiting(booking).ID, true, consent.OnPage)
	assert.Equal(t, schemas.CodeApprovalNeeded, w.book(booking.with("title", "Another")).Code)
	assert.Zero(t, w.vennio.Writes())
	assert.False(t, w.book(booking).IsError)
}

// req: C6
func TestReq_C6_AYesLivesTenMinutes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after time.Duration
		code  schemas.Code
	}{
		"in time": {10*time.Minute - time.Second, ""}, "on the minute": {10 * time.Minute, schemas.CodeApprovalNeeded}, "late": {11 * time.Minute, schemas.CodeApprovalNeeded},
	} {
		w := newWorld(t)
		w.deps.Policy = consent.PolicyHuman
		booking := agreed(w.find(args{"from": "2026-05-14"}).Data.Slots[0].SlotID)
		w.approve(w.waiting(booking).ID, true, consent.InTerminal)
		w.clock = w.clock.Add(tc.after)
		got := w.book(booking)
		assert.Equal(t, tc.code, got.Code, "%s: %s", name, got.Text)
		assert.Equal(t, tc.code == "", w.vennio.Writes() == 1, name)
		w.kinds()
	}
}

// req: C6. Two servers share one store and one Vennio; many calls at once under
// one consent make one booking, and all have the same result.
func TestReq_C6_ManyCallsOverTwoServersAreOneBooking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared := func(w *world) {
		db := sqldb.OpenWith(dir, longWait)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		w.deps.Ledger, w.deps.Policy = consent.New(db, w.deps.Now), consent.PolicyHuman
	}
	one := newWorld(t, crowded, shared)
	two := newWorld(t, shared, func(w *world) {
		w.vennio, w.url = one.vennio, one.url
		patient(w)
	})
	booking := agreed(one.slot().SlotID)
	one.approve(one.waiting(booking).ID, true, consent.OnPage)
	const callers = 16
	ids := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { ids[i] = []*world{one, two}[i%2].bookQuietly(booking) })
	}
	wg.Wait()
	for _, id := range ids {
		assert.NotEmpty(t, id)
		assert.Equal(t, ids[0], id)
	}
	assert.Len(t, one.vennio.Bookings(), 1)
	kinds, details := two.kinds()
	assert.Equal(t, 1, strings.Count(strings.Join(kinds, " "), "approved"))
	assert.Contains(t, details, ids[0])
}

// req: C6. However many forms were open, one yes is one booking.
func TestReq_C6_ManyFormsOneBooking(t *testing.T) {
	each(t, func() *person { return says(accept) }, func(t *testing.T, w *world, _ *person) {
		booking := agreed(w.slot().SlotID)
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i] = w.bookQuietly(booking) })
		}
		wg.Wait()
		for _, id := range ids {
			assert.NotEmpty(t, id)
			assert.Equal(t, ids[0], id)
		}
		assert.Equal(t, 1, w.vennio.Writes())
		w.kinds()
	}, crowded)
}

// req: I3. The answer is lost: unknown, and on record as such; the same call
// settles it, without asking again.
func TestReq_I3_ALostAnswerIsSettledByTheSameCall(t *testing.T) {
	each(t, func() *person { return says(accept) }, func(t *testing.T, w *world, p *person) {
		booking := agreed(w.slot().SlotID)
		w.vennio.LoseNext(3) // as often as the client tries
		lost := w.book(booking)
		assert.Equal(t, schemas.CodeOutcomeUnknown, lost.Code, lost.Text)
		kinds, details := w.kinds()
		assert.Equal(t, []string{"proposed", "approved", "sent", "settled"}, kinds)
		assert.Contains(t, details, `"unknown"`)
		w.clock = w.clock.Add(30 * time.Minute)
		found := w.book(booking)
		require.False(t, found.IsError, found.Text)
		assert.Equal(t, "asked in the client", found.Data.Consent.Method)
		assert.Len(t, p.seen(), 1)
		assert.Len(t, w.vennio.Bookings(), 1)
		assert.Equal(t, w.vennio.Bookings()[0].ID, found.Data.BookingID)
		kinds, details = w.kinds()
		assert.Equal(t, []string{"proposed", "approved", "sent", "settled", "sent", "settled"}, kinds)
		assert.Contains(t, details, `"done"`)
		assert.Contains(t, details, found.Data.BookingID)
	})
}

// req: I3. What certainly was not done uses the consent up: a new approval is needed. While the time is
// taken the person is not asked for it in vain.
func TestReq_I3_NotDoneUsesTheConsentUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Policy = consent.PolicyHuman
	s := w.slot()
	start, end := instants(t, s)
	w.approve(w.waiting(agreed(s.SlotID)).ID, true, consent.OnPage)
	require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, start, end))
	got := w.book(agreed(s.SlotID))
	assert.Equal(t, schemas.CodeSlotTaken, got.Code, got.Text)
	kinds, details := w.kinds()
	assert.Equal(t, []string{"proposed", "approved", "sent", "settled"}, kinds)
	assert.Contains(t, details, `"not_done"`)
	again := w.book(agreed(s.SlotID))
	assert.Equal(t, schemas.CodeSlotTaken, again.Code)
	assert.NotEmpty(t, again.Data.Alternatives)
	assert.Equal(t, schemas.CodeApprovalNeeded, w.book(agreed(got.Data.Alternatives[0].SlotID)).Code, "an alternative needs its own")
	w.clock = w.clock.Add(consent.Lifetime)
	assert.Equal(t, schemas.CodeApprovalNeeded, w.book(agreed(s.SlotID)).Code)
	assert.Zero(t, w.vennio.Writes())
	w.kinds()
}

// Many calls under one yes for a time that was taken: all are refused, none
// fails, whichever of them used the consent up.
func TestManyCallsForATakenTimeAreAllRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unlimited)
	s := w.slot()
	start, end := instants(t, s)
	w.deps.Policy = consent.PolicyHuman
	w.approve(w.waiting(agreed(s.SlotID)).ID, true, consent.OnPage)
	require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, start, end))
	srv, call := w.server(), toolCall(cannotAsk, "book_slot", agreed(s.SlotID), nil)
	codes := make([]schemas.Code, 16)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i] = w.post(srv, call).code() })
	}
	wg.Wait()
	for _, code := range codes {
		assert.Contains(t, []schemas.Code{schemas.CodeSlotTaken, schemas.CodeConsentExpired, schemas.CodeApprovalNeeded, schemas.CodeOutcomeUnknown}, code)
	}
	assert.Zero(t, w.vennio.Writes())
	w.kinds()
}
