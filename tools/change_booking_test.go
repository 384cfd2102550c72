package tools_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var yes = args{"granted": true, "given_by": "Ada Byron", "statement": "Yes, do that"}

// changes contains the arguments with which a world calls each tool that changes a
// booking, with a person's consent.
var changes = map[string]func(w *world, booking string) args{
	"reschedule_booking": func(w *world, booking string) args {
		found := w.find(args{"reschedule_of": booking, "timezone": "Europe/London"})
		require.NotEmpty(w.t, found.Data.Slots, found.Text)
		return args{"booking_id": booking, "slot_id": found.Data.Slots[0].SlotID, "consent": yes}
	},
	"cancel_booking": func(_ *world, booking string) args { return args{"booking_id": booking, "consent": yes} },
}

func (w *world) change(tool string, arguments args) answer[schemas.ChangeResult] {
	w.t.Helper()
	return call[schemas.ChangeResult](w, tool, arguments)
}

// eachChange runs a test for both tools, with a booking that stands.
func eachChange(t *testing.T, run func(t *testing.T, w *world, tool string, made schemas.BookSlotResult, call args), options ...option) {
	t.Helper()
	t.Parallel()
	for tool, arguments := range changes {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options...)
			made := w.booked()
			run(t, w, tool, made, arguments(w, made.BookingID))
		})
	}
}

// req: C10, C1
func TestReq_C10_WithoutConsentNothingChanges(t *testing.T) {
	eachChange(t, func(t *testing.T, w *world, tool string, made schemas.BookSlotResult, call args) {
		before := w.vennio.Writes()
		for name, consent := range map[string]any{"none": nil, "empty": args{}, "text": "yes", "nobody": args{"granted": true}} {
			got := w.change(tool, call.with("consent", consent))
			assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", name, got.Text)
			assert.Contains(t, got.Text, "consent", name)
		}
		for name, consent := range map[string]any{"not granted": args{"granted": false}, "with words": args{"granted": false, "given_by": "Ada", "statement": "no"}} {
			got := w.change(tool, call.with("consent", consent))
			require.False(t, got.IsError, "%s: %s", name, got.Text)
			assert.Equal(t, "awaiting_consent", got.Data.Status)
			assert.Equal(t, schemas.CodeConsentRequired, got.Code, "%s: %s", name, got.Text)
			assert.Regexp(t, "^NOT (MOVED|CANCELLED) YET: ", got.Text)
			require.NotNil(t, got.Data.Proposal, name)
			assert.Contains(t, got.Text, made.Description, "the current time is shown")
			assert.Contains(t, got.Text, `"Intro call"`)
			assert.Contains(t, got.Text, made.BookingID)
		}
		assert.Equal(t, before, w.vennio.Writes())
	})
}

// req: C10, C3, I1
func TestReq_C10_AgreedToItIsDoneOnceAndRepeated(t *testing.T) {
	eachChange(t, func(t *testing.T, w *world, tool string, made schemas.BookSlotResult, call args) {
		before := w.vennio.Writes()
		got := w.change(tool, call)
		require.False(t, got.IsError, got.Text)
		assert.True(t, got.Data.Changed)
		assert.Equal(t, &schemas.ConsentOnFile{GivenBy: "Ada Byron", Statement: "Yes, do that", Method: "attested by the agent"}, got.Data.Consent)
		if tool == "cancel_booking" {
			assert.Equal(t, "cancelled", got.Data.Status)
			assert.Contains(t, got.Text, "Cancelled: ")
		} else {
			assert.Equal(t, "confirmed", got.Data.Status)
			assert.Equal(t, made.Description, got.Data.Was)
			assert.NotEqual(t, made.Start, got.Data.Start)
			assert.Equal(t, "Intro call", got.Data.Title, "what the booking is about stays")
			assert.Len(t, got.Data.Attendees, 2)
		}
		again := w.change(tool, call)
		require.False(t, again.IsError, again.Text)
		assert.Equal(t, got.Data.Status, again.Data.Status)
		assert.Equal(t, got.Data.Start, again.Data.Start)
		assert.Equal(t, before+1, w.vennio.Writes(), "the same call again does nothing more")
		kinds, _ := w.kinds()
		assert.Equal(t, []string{"attested", "sent", "settled"}, kinds[len(kinds)-3:])
	})
}

// req: C10, C4
func TestReq_C10_UnderHumanItTakesThePerson(t *testing.T) {
	eachChange(t, func(t *testing.T, w *world, tool string, _ schemas.BookSlotResult, call args) {
		w.deps.Policy = consent.PolicyHuman
		w.connect()
		before := w.vennio.Writes()
		got := w.change(tool, call)
		assert.Equal(t, schemas.CodeApprovalNeeded, got.Code, got.Text)
		assert.Regexp(t, "^NOT (MOVED|CANCELLED) YET: ", got.Text)
		assert.Equal(t, before, w.vennio.Writes())
		open, err := w.deps.Ledger.Open(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		w.approve(open[0].ID, true, consent.OnPage)
		got = w.change(tool, call)
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, "approved on the page", got.Data.Consent.Method)
	})
}

// req: C10, C3, P6. The question to the person names the booking and the change.
func TestReq_C10_AskedInTheClient(t *testing.T) {
	headlines := map[string]string{"reschedule_booking": `Move "Intro call" from `, "cancel_booking": `Cancel "Intro call", `}
	eachChange(t, func(t *testing.T, w *world, tool string, made schemas.BookSlotResult, call args) {
		no := says(decline)
		w.meet("2025-11-25", no, nil)
		before := w.vennio.Writes()
		assert.Equal(t, schemas.CodeConsentDeclined, w.change(tool, call).Code)
		assert.Equal(t, before, w.vennio.Writes())
		require.Len(t, no.seen(), 1)
		assert.True(t, strings.HasPrefix(no.seen()[0], headlines[tool]), no.seen()[0])
		assert.Contains(t, no.seen()[0], made.Description)
		assert.NotContains(t, no.seen()[0], made.BookingID, "an id says nothing to a person")
	})
}

// req: I2, I3. Each way of losing an answer ends in one change, settled by a read
// or by the same call.
func TestReq_I3_ALostChangeIsSettled(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"lost each time":  func(w *world) { w.vennio.LoseNext(3) },
		"timed out":       func(w *world) { w.vennio.TimeOutNext(3) },
		"dropped at once": func(w *world) { w.vennio.DropNext(2) },
	} {
		t.Run(name, func(t *testing.T) {
			eachChange(t, func(t *testing.T, w *world, tool string, _ schemas.BookSlotResult, call args) {
				before := w.vennio.Writes()
				w.onWrite(func() { lose(w) })
				got := w.change(tool, call)
				for range 3 {
					if !got.IsError {
						break
					}
					require.Equal(t, schemas.CodeOutcomeUnknown, got.Code, got.Text)
					got = w.change(tool, call)
				}
				require.False(t, got.IsError, got.Text)
				assert.Equal(t, before+1, w.vennio.Writes())
			})
		})
	}
}

// onWrite runs do before the first request that changes something goes out.
func (w *world) onWrite(do func()) {
	done := false
	w.deps.Vennio = w.client(canary, vennioclient.WithHTTPClient(&http.Client{Timeout: time.Minute, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if !done && r.Method != http.MethodGet {
			done = true
			do()
		}
		return http.DefaultTransport.RoundTrip(r)
	})}))
	w.connect()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// field: zone of a cancellation. The person is asked, and told, in the zone in which the
// meeting was found: with the booking itself, so that another session and another ledger
// know it too; with each booking of a series; after a move in the zone of the new slot.
func TestReq_C10_ACancellationIsAskedInTheZoneInWhichTheMeetingWasFound(t *testing.T) {
	t.Parallel()
	const newYork, tokyo, kolkata = "(America/New_York, UTC-4)", "(Asia/Tokyo, UTC+9)", "(Asia/Kolkata, UTC+5:30)"
	inNewYork := args{"timezone": "America/New_York", "from": "2026-05-21T13:00:00Z", "to": "2026-05-23", "limit": 1}
	single := func(w *world) args {
		return args{"booking_id": w.booked("slot_id", w.find(inNewYork).Data.Slots[0].SlotID).BookingID}
	}
	series := func(w *world) string {
		w.booked("slot_id", w.find(inNewYork).Data.Slots[0].SlotID, "repeat", "weekly x3")
		return w.vennio.Bookings()[1].ID
	}
	for name, tc := range map[string]struct {
		call func(w *world) args
		zone string
	}{
		"booked":       {single, newYork},
		"of a series":  {func(w *world) args { return args{"booking_id": series(w)} }, newYork},
		"whole series": {func(w *world) args { return args{"booking_id": series(w), "scope": "series"} }, "3 bookings of the series (America/New_York): "},
		"moved": {func(w *world) args {
			call := single(w)
			found := w.find(args{"reschedule_of": call["booking_id"], "timezone": "Asia/Tokyo", "from": "2026-05-25"}).Data.Slots[0]
			moved := w.change("reschedule_booking", args{"booking_id": call["booking_id"], "slot_id": found.SlotID, "consent": yes})
			require.False(t, moved.IsError, moved.Text)
			return call
		}, tokyo},
		"looked up in another": {func(w *world) args {
			call := single(w).with("timezone", "asia/kolkata")
			assert.Contains(t, w.get(call).Data.Description, kolkata)
			return call
		}, kolkata},
		"not booked here": {func(w *world) args {
			_, err := w.otherClient().CreateBooking(t.Context(), "else", vennioclient.BookingRequest{
				Hosts: []string{w.deps.Hosts[0].ID}, Customer: vennioclient.Person{Email: "ada@example.com"}, Start: friday, End: friday.Add(30 * time.Minute),
				Metadata: map[string]string{"mcp_timezone": "Mars/Olympus"},
			})
			require.NoError(t, err)
			return args{"booking_id": w.vennio.Bookings()[0].ID}
		}, "(Europe/London, UTC+1)"},
	} {
		for _, agrees := range []bool{true, false} {
			w := newWorld(t)
			call := tc.call(w).with("consent", yes)
			w.deps.Ledger = newLedger(t, func() time.Time { return w.clock })
			p := says(map[bool]mcp.ElicitationResponseAction{true: accept, false: decline}[agrees])
			w.meet("2025-11-25", p, nil)
			got := w.change("cancel_booking", call)
			require.Len(t, p.seen(), 1, "%s: %s", name, got.Text)
			assert.Contains(t, p.seen()[0], tc.zone, name)
			assert.Equal(t, !agrees, got.IsError, "%s: %s", name, got.Text)
			if agrees {
				assert.Contains(t, got.Text, tc.zone, name)
				again := w.change("cancel_booking", call)
				assert.Contains(t, again.Text, tc.zone, "%s: a repeated call tells it as it was asked", name)
				assert.False(t, again.IsError, again.Text)
			}
		}
	}
	got := newWorld(t).change("cancel_booking", args{"booking_id": "b-1", "timezone": "EST", "consent": yes})
	assert.Equal(t, schemas.CodeInvalidTimezone, got.Code, got.Text)
}
