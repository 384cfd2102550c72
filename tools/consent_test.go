package tools_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: C1
// field: consent granted false
func TestReq_C1_WithoutConsentNothingIsWrittenAndThePersonIsShownWhatWouldBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	booking := agreed(s.SlotID).with("notes", "Bring cards")
	for name, consent := range map[string]any{
		"not granted": map[string]any{"granted": false},
		"with words":  map[string]any{"granted": false, "given_by": "Ada Byron", "statement": "Rather not"},
	} {
		got := w.book(booking.with("consent", consent))
		assert.False(t, got.IsError, name)
		assert.Equal(t, "awaiting_consent", got.Data.Status, name)
		assert.Equal(t, schemas.CodeConsentRequired, got.Code, name)
		assert.True(t, strings.HasPrefix(got.Text, "NOT BOOKED YET: "), got.Text)
		assert.True(t, strings.HasPrefix(got.Data.Message, "NOT BOOKED YET: "), got.Data.Message)
		assert.Contains(t, got.Text, got.Data.Next)
		require.NotNil(t, got.Data.Proposal, name)
		for _, fact := range []string{"Intro call", s.StartLocal, s.Start, "Alice", `"Ada Byron" <ada@example.com>`, `"Grace Hopper" <grace@example.com>`, "Bring cards"} {
			assert.Contains(t, got.Text, fact, name)
		}
	}
	assert.Zero(t, w.vennio.Writes())
	assert.False(t, w.book(booking).IsError, "a preview forbids nothing")
	assert.Equal(t, 1, w.vennio.Writes())
}

// field: consent value that cannot be read
func TestAConsentThatCannotBeReadIsReportedAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	for name, tc := range map[string]struct {
		consent any
		says    string
	}{
		"none":            {nil, "consent is missing"},
		"empty":           {map[string]any{}, "consent.granted is missing"},
		"nobody":          {map[string]any{"granted": true, "statement": "yes"}, "consent.given_by must name the person"},
		"no words":        {map[string]any{"granted": true, "given_by": "Ada"}, "consent.statement must quote"},
		"blank words":     {map[string]any{"granted": true, "given_by": "Ada", "statement": " "}, "consent.statement must quote"},
		"a word":          {"yes", "consent is of type string"},
		"invisible words": {map[string]any{"granted": true, "given_by": "Ada", "statement": "yes\u202e"}, "invisible character U+202E"},
	} {
		got := w.book(booking.with("consent", tc.consent))
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, name)
		assert.Contains(t, got.Text, tc.says, name)
		assert.NotContains(t, got.Text, "no person has agreed", name)
	}
	assert.Zero(t, w.vennio.Writes())
}

// req: C2. Under one slot id the first agreement stands: other people, another
// title, other notes are refused, and nothing more is booked.
func TestReq_C2_AConsentHoldsForExactlyWhatWasAgreed(t *testing.T) {
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
	assert.Equal(t, schemas.CodeUnknownSlot, w.book(agreed(s.SlotID).with("hosts", []string{"Bob"})).Code, "another host")
	require.Len(t, w.vennio.Bookings(), 1)
	assert.Equal(t, "Ada Byron", w.vennio.Bookings()[0].Metadata["mcp_consent_by"], "the consent stands with the booking")
	assert.Equal(t, "Yes, book it", w.vennio.Bookings()[0].Metadata["mcp_consent_words"])
	reworded := w.book(agreed(s.SlotID).with("consent", map[string]any{"granted": true, "given_by": "Mallory", "statement": "I never said this"}))
	assert.Equal(t, first.Data.Consent, reworded.Data.Consent, "the consent on record stands, whatever a later call says")
	assert.Equal(t, first.Data.BookingID, w.book(agreed(s.SlotID)).Data.BookingID, "unchanged it still tells the booking")
}

func TestParallelCallsEndInOneBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t, crowded)
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
		assert.Equal(t, ids[0], id, "all calls return the same booking")
	}
	assert.Equal(t, 1, w.vennio.Writes())
}

// req: C11
func TestReq_C11_CalendarAccessIsNeverCalledConsent(t *testing.T) {
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
