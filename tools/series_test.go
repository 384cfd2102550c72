package tools_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// The proposal of a series names each day; days that are free are booked, and the result says what was
// left out.
func TestASeriesIsAgreedToDayByDay(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		w := newWorld(t, withDialect(dialect))
		s := w.slot()
		start, err := time.Parse(time.RFC3339, s.Start)
		require.NoError(t, err)
		third := start.AddDate(0, 0, 14)
		require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, third, third.Add(30*time.Minute)))
		booking := agreed(s.SlotID).with("repeat", "weekly x4")
		asked := w.book(booking.with("consent", notYet))
		require.NotNil(t, asked.Data.Proposal, asked.Text)
		for i := range 4 {
			assert.Contains(t, asked.Data.Proposal.Repeat, start.AddDate(0, 0, 7*i).Format("Mon 2 Jan 2006"))
		}
		got := w.book(booking)
		require.False(t, got.IsError, got.Text)
		assert.NotEmpty(t, got.Data.SeriesID)
		assert.Regexp(t, `^weekly, 4 times; [23] booked: `, got.Data.Repeat)
		assert.Contains(t, got.Data.Skipped, third.Format("Mon 2 Jan 2006"))
		for i := range 4 { // each day is in one of the two lists
			day := start.AddDate(0, 0, 7*i).Format("Mon 2 Jan 2006")
			assert.NotEqual(t, slices.Contains(got.Data.Skipped, day), strings.Contains(got.Data.Repeat, day), day)
		}
		assert.Contains(t, got.Text, "NOT booked, because it was not free: "+strings.Join(got.Data.Skipped, ", "))
		writes := w.vennio.Writes()
		again := w.book(booking)
		assert.Equal(t, got.Data.SeriesID, again.Data.SeriesID)
		assert.Equal(t, got.Data.Skipped, again.Data.Skipped)
		assert.Equal(t, writes, w.vennio.Writes())
		assert.Equal(t, schemas.CodeConsentMismatch, w.book(booking.with("repeat", "weekly x5")).Code, "req: C2")
		cancelsOneThenTheRest(w, got.Data)
	}
}

// cancelsOneThenTheRest cancels one booking of a series and then the others. It asserts
// that the proposal contains their number and that a second cancellation does nothing.
func cancelsOneThenTheRest(w *world, made schemas.BookSlotResult) {
	w.t.Helper()
	one := w.change("cancel_booking", args{"booking_id": made.BookingID, "consent": yes})
	require.False(w.t, one.IsError, one.Text)
	rest := w.change("cancel_booking", args{"booking_id": made.BookingID, "scope": "series", "consent": notYet})
	require.NotNil(w.t, rest.Data.Proposal, rest.Text)
	assert.Contains(w.t, rest.Data.Proposal.Repeat, map[int]string{1: "1 booking of the series", 2: "2 bookings of the series"}[3-len(made.Skipped)])
	rest = w.change("cancel_booking", args{"booking_id": made.BookingID, "scope": "series", "consent": yes})
	require.False(w.t, rest.IsError, rest.Text)
	for _, b := range w.vennio.Bookings() {
		assert.Equal(w.t, "cancelled", b.Status)
	}
	over := w.change("cancel_booking", args{"booking_id": made.BookingID, "scope": "series", "consent": yes})
	assert.False(w.t, over.IsError, over.Text)
}

func TestWhatCannotRepeatIsRefusedWithAnExample(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	for _, repeat := range []string{"daily x3", "weekly", "weekly x100", "weekly until 2026-05-14", "weekly until 2036-05-14"} {
		got := w.book(agreed(s.SlotID).with("repeat", repeat))
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", repeat, got.Text)
		assert.Contains(t, got.Text, "weekly x6", repeat)
	}
	single := w.booked()
	got := w.change("cancel_booking", args{"booking_id": single.BookingID, "scope": "series", "consent": yes})
	assert.Equal(t, schemas.CodeInvalidArguments, got.Code, got.Text)
	assert.Contains(t, got.Text, "not part of a series")
}

// req: T8. The longest series stays short.
func TestReq_T8_TheLongestSeriesIsShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.book(agreed(w.slot().SlotID).with("repeat", "weekly x26"))
	require.False(t, got.IsError, got.Text)
	assert.LessOrEqual(t, tokens(t, got.Text), 2000)
	assert.LessOrEqual(t, tokens(t, string(got.Raw)), 2000)
	assert.LessOrEqual(t, strings.Count(got.Data.Repeat, "2026"), 26)
}
