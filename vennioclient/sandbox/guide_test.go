package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// The calls of the guide, unchanged except for the dates.
const (
	guideKey   = "sk_test_xxx"
	guideSlots = "/v1/availability/slots?from=2026-05-14T09:00:00Z&to=2026-05-15T17:00:00Z&duration=30"
	guideBody  = `{"participants":["user:alice@example.com","user:bob@external.com"],"start":"2026-05-14T14:00:00Z","end":"2026-05-14T14:30:00Z","title":"Intro call"}`
)

func guide(method, target, body string) request {
	return request{method: method, target: target, body: body, key: guideKey}
}

func TestGuideSlots(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	got := want[slotsAnswer](t, s, http.StatusOK, guide(http.MethodGet, guideSlots, ""))
	assert.Equal(t, alice.ID, got.BusinessID, "no host named: the default host")
	assert.Equal(t, 30, got.DurationMinutes)
	require.NotEmpty(t, got.Slots)
	assert.Equal(t, "Thursday 14 May 2026 at 12:30 pm, London time", got.Slots[0].Description)

	both := want[slotsAnswer](t, s, http.StatusOK, guide(http.MethodGet, guideSlots+"&participants=user:alice@example.com,user:bob@external.com", ""))
	assert.Equal(t, got, both, "a guest's calendar is unknown")
}

func TestGuideSlotsOfTwoHostsAreMutual(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	target := guideSlots + "&participants=user:bob@example.com,user:alice@example.com,user:bob@example.com"
	got := want[slotsAnswer](t, s, http.StatusOK, guide(http.MethodGet, target, ""))
	same := want[slotsAnswer](t, s, http.StatusOK, mutual(alice.ID+","+bob.ID,
		time.Date(2026, time.May, 14, 9, 0, 0, 0, time.UTC), time.Date(2026, time.May, 15, 17, 0, 0, 0, time.UTC)))
	assert.Equal(t, same.Slots, got.Slots)
	assert.Len(t, got.Consents, 2)
	anonymous := guide(http.MethodGet, target, "")
	anonymous.key = "-"
	refused(t, s, http.StatusUnauthorized, "unauthorized", anonymous)
	s.Revoke(aliceConsent)
	refused(t, s, http.StatusForbidden, "forbidden", guide(http.MethodGet, target, ""))
}

func TestGuideBooking(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	got := want[bookingAnswer](t, s, http.StatusCreated, guide(http.MethodPost, "/v1/bookings", guideBody)).Booking
	assert.Equal(t, "confirmed", got.Status)
	assert.Equal(t, alice.ID, got.BusinessID)
	assert.Equal(t, "bob@external.com", got.CustomerEmail)
	assert.Equal(t, "Intro call", got.Title)
	assert.Equal(t, []string{"user:alice@example.com", "user:bob@external.com"}, got.Participants)
	assert.True(t, time.Date(2026, time.May, 14, 14, 0, 0, 0, time.UTC).Equal(got.StartTime))
	refused(t, s, http.StatusConflict, "slot-unavailable", guide(http.MethodPost, "/v1/bookings", guideBody))
}

func TestGuideBookingFindsItsHost(t *testing.T) {
	t.Parallel()
	for first, host := range map[string]sandbox.Host{
		"user:bob@example.com": bob,
		"user:" + bob.ID:       bob,
		"bob@example.com":      bob,
		`user:x@external.com","user:ALICE@example.com`:  alice,
		"user:x@external.com":                           alice,
		`user:bob@example.com","user:alice@example.com`: bob,
	} {
		s := newServer(sandbox.Options{})
		free := freeSlot(t, s, host)
		body := `{"participants":["` + first + `","user:y@external.com"],"start":"` + iso(free.Start) + `","end":"` + iso(free.End) + `"}`
		got := want[bookingAnswer](t, s, http.StatusCreated, guide(http.MethodPost, "/v1/bookings", body)).Booking
		assert.Equal(t, host.ID, got.BusinessID, first)
	}
	refused(t, newServer(sandbox.Options{}), http.StatusNotFound, "not-found", guide(http.MethodPost, "/v1/bookings", `{"participants":["user:4711"]}`))
}
