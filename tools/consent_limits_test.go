package tools_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// field: refusal after refusal, in the results
// req: C18
func TestReq_C18_TheAgentIsToldForHowLongARefusalHolds(t *testing.T) {
	t.Parallel()
	for _, protocol := range asking {
		w, p := newWorld(t), says(decline)
		w.meet(protocol, p, nil)
		find := args{"when": "tuesday", "limit": 1, "timezone": "Europe/London"}
		for i, wait := range []string{"10 minutes", "20 minutes", "40 minutes", "80 minutes", "160 minutes", "6 hours", "11 hours", "22 hours"} {
			got := w.book(agreed(w.find(find).Data.Slots[0].SlotID).with("title", string(rune('A'+i))))
			require.Equal(t, schemas.CodeConsentDeclined, got.Code, got.Text)
			assert.Contains(t, got.Text, "for another "+wait)
			assert.Zero(t, got.Data.Error.RetryAfterSeconds, "the call is not to be repeated")
			w.clock = w.clock.Add(10 * time.Minute << i)
			require.Len(t, p.seen(), i+1)
		}
	}
}

// field: refused cancellation
// req: C18. A move to any slot is covered too, but for one.
func TestReq_C18_ARefusedCancellationCoversTheBooking(t *testing.T) {
	t.Parallel()
	for _, policy := range []consent.Policy{consent.PolicyAsk, consent.PolicyHuman} {
		w, p := newWorld(t), says(decline)
		booking := w.booked().BookingID
		w.deps.Policy = policy
		w.meet("2025-11-25", p, nil)
		cancel := args{"booking_id": booking, "consent": notYet}
		got := w.change("cancel_booking", cancel)
		require.Equal(t, schemas.CodeConsentDeclined, got.Code, got.Text)
		assert.Contains(t, got.Text, "holds for this booking")
		slots := w.find(args{"reschedule_of": booking}).Data.Slots
		move := args{"booking_id": booking, "slot_id": slots[0].SlotID, "consent": notYet}
		assert.Equal(t, schemas.CodeConsentDeclined, w.change("reschedule_booking", move).Code)
		require.Len(t, p.seen(), 2, "one changed request")
		assert.Equal(t, schemas.CodeConsentDeclined, w.change("reschedule_booking", move.with("slot_id", slots[1].SlotID)).Code)
		w.meet("2025-11-25", nil, nil) // a client that cannot ask: its statement would count under ask
		assert.Equal(t, schemas.CodeConsentDeclined, w.change("cancel_booking", cancel.with("consent", yes)).Code)
		assert.Len(t, p.seen(), 2)
		assert.Equal(t, 1, w.confirmed())
	}
}

// field: callers of the tools
// req: C14
func TestReq_C14_TheCallerIsKeptAsAKeyedHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Policy, w.deps.Limits.Asking = consent.PolicyHuman, consent.AskLimits{Open: 1, TenantHourly: 2}
	who := "ada"
	w.deps.Caller = func(context.Context) string { return who }
	w.connect()
	slots := w.find(args{}).Data.Slots
	require.Equal(t, schemas.CodeApprovalNeeded, w.book(agreed(slots[0].SlotID)).Code)
	got := w.book(agreed(slots[1].SlotID))
	require.Equal(t, schemas.CodeRateLimited, got.Code)
	assert.Equal(t, 600, got.Data.Error.RetryAfterSeconds)
	assert.Contains(t, got.Text, "one caller may have 1 request open")
	who = "bob"
	require.Equal(t, schemas.CodeApprovalNeeded, w.book(agreed(slots[1].SlotID)).Code)
	w.clock = w.clock.Add(consent.Lifetime)
	got = w.book(agreed(w.slot().SlotID).with("title", "Another"))
	require.Equal(t, schemas.CodeRateLimited, got.Code)
	assert.Equal(t, 3000, got.Data.Error.RetryAfterSeconds)
	assert.Contains(t, got.Text, "all callers of this account together may have people asked 2 times an hour")
	assert.Contains(t, got.Text, "in 50 minutes")
	_, details := w.kinds()
	assert.Regexp(t, `"caller":"[0-9a-f]{32}"`, details)
	assert.NotContains(t, details, `"caller":"ada"`)
}
