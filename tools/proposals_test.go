package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// several returns the ids of n slots that lie at least two days ahead.
func (w *world) several(n int, more ...any) (ids []string) {
	w.t.Helper()
	search := args{"from": "2026-05-18", "timezone": "Europe/London", "guest_timezone": "America/New_York", "limit": n}
	for i := 0; i < len(more); i += 2 {
		search = search.with(more[i].(string), more[i+1])
	}
	for _, s := range w.find(search).Data.Slots {
		ids = append(ids, s.SlotID)
	}
	require.Len(w.t, ids, n)
	return ids
}

var fiveVoters = []any{"ada@example.com", "ben@example.com", "cleo@example.com", "dan@example.com", "eve@example.com"}

// poll is a proposal to five voters, with a person's consent.
func (w *world) poll() args {
	w.t.Helper()
	return args{"slot_ids": w.several(3), "title": "Board call", "voters": fiveVoters, "consent": yes}
}

func (w *world) propose(arguments args) answer[schemas.ProposeTimesResult] {
	w.t.Helper()
	return call[schemas.ProposeTimesResult](w, "propose_times", arguments)
}

// field: a poll is proposed once
func TestAPollIsProposedOnceAndRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	poll := w.poll()
	asked := w.propose(poll.with("consent", notYet))
	require.Equal(t, schemas.CodeConsentRequired, asked.Code, asked.Text)
	assert.Contains(t, asked.Text, "Time 3: ")
	assert.Contains(t, asked.Text, "in New York")
	assert.Contains(t, asked.Text, "5 people, each with a personal link that you pass on")
	assert.Zero(t, w.vennio.Writes())

	made := w.propose(poll)
	require.False(t, made.IsError, made.Text)
	assert.Equal(t, "proposed", made.Data.Status)
	require.Len(t, made.Data.Links, 5)
	require.Len(t, made.Data.Options, 3)
	assert.Contains(t, made.Data.Undo, "close_poll with this proposal_id.")

	ids := poll["slot_ids"].([]string)
	again := w.propose(poll.with("slot_ids", []string{ids[2], ids[0], ids[1]}))
	require.False(t, again.IsError, again.Text)
	assert.True(t, again.Data.Repeated)
	assert.Equal(t, made.Data.Links, again.Data.Links, "Vennio repeats its answer")
	assert.Equal(t, 1, w.vennio.Writes())

	seen := call[schemas.GetProposalResult](w, "get_proposal", args{"proposal_id": made.Data.ProposalID})
	require.False(t, seen.IsError, seen.Text)
	assert.Len(t, seen.Data.NoAnswer, 5)
}

// field: a proposal to accounts, and an open poll
func TestProposalsOfEachMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := w.propose(args{"slot_ids": w.several(2), "title": "Open house", "consent": yes})
	require.False(t, open.IsError, open.Text)
	assert.NotEmpty(t, open.Data.OpenLink)
	standard := w.propose(args{"slot_ids": w.several(2), "title": "Plan", "accounts": []any{w.deps.Hosts[0].Name}, "consent": yes})
	require.False(t, standard.IsError, standard.Text)
	assert.Equal(t, "standard", standard.Data.Mode)
	both := w.propose(args{"slot_ids": w.several(2), "title": "Plan", "accounts": []any{w.deps.Hosts[1].Name}, "voters": fiveVoters, "consent": yes})
	assert.Equal(t, schemas.CodeInvalidArguments, both.Code)
	soon := w.find(args{"from": "2026-05-13", "to": "2026-05-14"}).Data.Slots
	early := w.propose(args{"slot_ids": []string{soon[0].SlotID}, "title": "Plan", "voters": fiveVoters, "consent": yes})
	assert.Equal(t, schemas.CodeInvalidArguments, early.Code)
	assert.Contains(t, early.Text, "25 hours from now or later")
}

// field: an update is undone, and made again
func TestAnUpdateThatWasUndoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.booked("slot_id", w.several(1)[0], "notes", "first").BookingID
	for i, notes := range []string{"second", "first", "second", "first"} {
		before := w.vennio.Writes()
		got := w.change("update_booking", args{"booking_id": id, "notes": notes, "consent": yes})
		require.False(t, got.IsError, got.Text)
		assert.True(t, got.Data.Changed, "%d: %s", i, got.Text)
		assert.Equal(t, notes, got.Data.Notes)
		assert.Equal(t, before+1, w.vennio.Writes())
	}
	w.clock = w.clock.Add(3 * time.Hour)
	got := w.change("update_booking", args{"booking_id": id, "notes": "second", "consent": yes})
	assert.True(t, got.Data.Changed, got.Text)
}

// field: find_slots for a team. Every time suits all members, although one host alone is asked.
func TestFindSlotsForATeam(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	team := sandbox.Teams()[0].ID
	alone := w.find(args{"limit": 10, "from": "2026-05-18"})
	found := w.find(args{"limit": 10, "from": "2026-05-18", "team": team})
	require.NotEmpty(t, found.Data.Slots, found.Text)
	assert.NotEqual(t, alone.Data.Slots[0].Description+alone.Data.Slots[9].Description, found.Data.Slots[0].Description+found.Data.Slots[len(found.Data.Slots)-1].Description)
	for _, s := range found.Data.Slots {
		at, err := time.Parse(time.RFC3339, s.Start)
		require.NoError(t, err)
		both, err := w.deps.Vennio.TeamAvailability(t.Context(), vennioclient.TeamQuery{TeamID: team, Duration: 30 * time.Minute, From: at, To: at.Add(30 * time.Minute), Limit: 1})
		require.NoError(t, err)
		assert.NotEmpty(t, both, s.Description)
	}
	assert.Equal(t, schemas.CodeNotFound, w.find(args{"team": "nobody"}).Code)
}

// field: a whole series in one view
func TestABookingShowsItsWholeSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.series()
	require.False(t, w.change("cancel_booking", args{"booking_id": made.BookingID, "consent": yes}).IsError)
	got := call[schemas.GetBookingResult](w, "get_booking", args{"booking_id": made.BookingID, "timezone": "Europe/London"})
	require.Len(t, got.Data.Series, 3, got.Text)
	assert.Contains(t, got.Data.Series[0], "cancelled")
	assert.Contains(t, got.Data.Series[2], "confirmed")
}

// field: the same link again. Within two hours it is the same one, later another.
func TestALinkIsMadeAgainLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := writes["share_link"](w)
	first := call[schemas.ShareLinkResult](w, "share_link", link)
	require.False(t, first.IsError, first.Text)
	assert.Equal(t, "50.00 EUR", first.Data.Price)
	again := call[schemas.ShareLinkResult](w, "share_link", link)
	assert.True(t, again.Data.Repeated)
	assert.Equal(t, first.Data.URL, again.Data.URL)
	w.clock = w.clock.Add(25 * time.Hour)
	later := call[schemas.ShareLinkResult](w, "share_link", link)
	require.False(t, later.IsError, later.Text)
	assert.False(t, later.Data.Repeated)
	assert.NotEqual(t, first.Data.URL, later.Data.URL)
	for price, want := range map[string]string{"5000 JPY": "5000 JPY", "free": "free", "0 EUR": "free", "99,50 usd": "99.50 USD"} {
		got := call[schemas.ShareLinkResult](w, "share_link", args{"title": price, "price": price, "consent": yes})
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, want, got.Data.Price)
	}
	for _, price := range []string{"much", "50", "10 BHD", "10.50 JPY", "-5 EUR"} {
		assert.Equal(t, schemas.CodeInvalidArguments, call[schemas.ShareLinkResult](w, "share_link", args{"title": "x", "price": price, "consent": yes}).Code, price)
	}
}

// field: approval executes a proposal
func TestAnApprovedProposalIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	poll := w.poll()
	p := asked[schemas.ProposeTimesResult](w, "propose_times", poll)
	w.approve(p.ID, true, consent.OnPage)
	require.NoError(t, w.deps.Execute(t.Context(), p))
	_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
	require.NoError(t, err)
	require.NotNil(t, g)
	assert.Equal(t, consent.Done, g.Outcome)
	again := w.propose(poll.with("consent", notYet))
	require.False(t, again.IsError, again.Text)
	assert.Equal(t, g.BookingID, again.Data.ProposalID)
	assert.Len(t, again.Data.Links, 5)
}
