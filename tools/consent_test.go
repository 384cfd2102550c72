package tools_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// bar: C1
func TestBar_C1_WithoutConsentNothingIsWrittenAndThePersonIsShownWhatWouldBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	booking := agreed(s.SlotID).with("notes", "Bring cards")
	for name, tc := range map[string]struct {
		consent any
		says    string
	}{
		"none":            {nil, "consent is missing"},
		"empty":           {map[string]any{}, "consent.given_by is missing"},
		"no words":        {map[string]any{"granted": true, "given_by": "Ada"}, "consent.statement is missing"},
		"blank words":     {map[string]any{"granted": true, "given_by": "Ada", "statement": " "}, "quotes no words"},
		"a string":        {"yes", "is of type string"},
		"granted as text": {map[string]any{"granted": "true", "given_by": "Ada", "statement": "yes"}, "consent.granted is of type string"},
		"invisible words": {map[string]any{"granted": true, "given_by": "Ada", "statement": "yes\u202e"}, "invisible character U+202E"},
	} {
		got := w.book(booking.with("consent", tc.consent))
		assert.Equal(t, schemas.CodeConsentRequired, got.Code, name)
		assert.Contains(t, got.Text, tc.says, name)
		require.NotNil(t, got.Data.Proposal, name)
		for _, fact := range []string{"Intro call", s.StartLocal, s.Start, "Alice", `"Ada Byron" <ada@example.com>`, `"Grace Hopper" <grace@example.com>`, "Bring cards"} {
			assert.Contains(t, got.Text, fact, name)
		}
	}
	assert.Zero(t, w.vennio.Writes())
}

func TestADeclinedConsentIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	no := map[string]any{"granted": false, "given_by": "Ada Byron", "statement": "Rather not"}
	got := w.book(agreed(w.slot().SlotID).with("consent", no))
	assert.Equal(t, schemas.CodeConsentDeclined, got.Code)
	assert.Contains(t, got.Text, "Do not ask for this again")
	assert.Nil(t, got.Data.Proposal)
	assert.Zero(t, w.vennio.Writes())
}

// bar: C2. Under one slot id the first agreement stands: other people, another
// title, other notes are refused, and nothing more is booked.
func TestBar_C2_AConsentHoldsForExactlyWhatWasAgreed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	first := w.book(agreed(s.SlotID))
	require.False(t, first.IsError, first.Text)
	for name, changed := range map[string]args{
		"title":      agreed(s.SlotID).with("title", "Something else"),
		"notes":      agreed(s.SlotID).with("notes", "Something more"),
		"attendees":  agreed(s.SlotID).with("attendees", []any{map[string]any{"email": "eve@example.com", "name": "Eve"}}),
		"their name": agreed(s.SlotID).with("attendees", []any{map[string]any{"email": "ada@example.com", "name": "Someone Else"}, map[string]any{"email": "grace@example.com", "name": "Grace Hopper"}}),
	} {
		got := w.book(changed)
		assert.Equal(t, schemas.CodeConsentMismatch, got.Code, "%s: %s", name, got.Text)
	}
	assert.Equal(t, schemas.CodeUnknownSlot, w.book(agreed(s.SlotID).with("participants", []string{"Bob"})).Code, "another host")
	require.Len(t, w.vennio.Bookings(), 1)
	assert.Equal(t, "Ada Byron", w.vennio.Bookings()[0].Metadata["mcp_consent_by"], "the consent stands with the booking")
	assert.Equal(t, "Yes, book it", w.vennio.Bookings()[0].Metadata["mcp_consent_words"])
	reworded := w.book(agreed(s.SlotID).with("consent", map[string]any{"granted": true, "given_by": "Mallory", "statement": "I never said this"}))
	assert.Equal(t, first.Data.Consent, reworded.Data.Consent, "the consent on record stands, whatever a later call says")
	assert.Equal(t, first.Data.BookingID, w.book(agreed(s.SlotID)).Data.BookingID, "unchanged it still tells the booking")
}

func TestParallelCallsEndInOneBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	const agents = 20
	ids := make([]string, agents)
	var wg sync.WaitGroup
	for i := range agents {
		wg.Go(func() { ids[i] = w.bookQuietly(booking) })
	}
	wg.Wait()
	for _, id := range ids {
		assert.NotEmpty(t, id)
		assert.Equal(t, ids[0], id, "all are told the same")
	}
	assert.Equal(t, 1, w.vennio.Writes())
}

// bar: C11
func TestBar_C11_CalendarAccessIsNeverCalledConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := call[schemas.CheckCalendarAccessResult](w, "check_calendar_access", args{})
	require.NotEmpty(t, got.Data.Access)
	assert.Contains(t, got.Text, "Access to a calendar is not a consent to book")
	for _, a := range got.Data.Access {
		assert.True(t, a.Active)
		assert.Contains(t, got.Text, a.Owner)
		assert.Contains(t, got.Text, a.OwnerID)
	}
}
