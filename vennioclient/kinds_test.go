package vennioclient_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var twofold = []struct {
	status int
	body   string
	kind   vennioclient.Kind
}{
	{404, `{"type":"about:blank","detail":"The host has no calendar."}`, vennioclient.KindCalendarNotConnected},
	{404, `{"error":"calendar_disconnected","message":"-"}`, vennioclient.KindCalendarNotConnected},
	{404, `{"error":"Not Found","message":"Connect a calendar first"}`, vennioclient.KindCalendarNotConnected},
	{404, `{"detail":"No such booking"}`, vennioclient.KindNotFound},

	{409, `{}`, vennioclient.KindConflict},
	{409, `{"title":"Conflict"}`, vennioclient.KindConflict},
	{409, `{"detail":"The booking is already cancelled."}`, vennioclient.KindConflict},
	{409, `{"detail":"This booking can no longer be changed."}`, vennioclient.KindConflict},
	{409, `{"type":"https://api.vennio.app/errors/slot-taken"}`, vennioclient.KindSlotTaken},
	{409, `{"type":"https://api.vennio.app/errors/booking_conflict"}`, vennioclient.KindSlotTaken},
	{409, `{"type":"https://api.vennio.app/errors/conflict","detail":"The slot is no longer available"}`, vennioclient.KindSlotTaken},
	{409, `{"error":"Time slot unavailable"}`, vennioclient.KindSlotTaken},
	{409, `{"code":"already-booked"}`, vennioclient.KindSlotTaken},
	{409, `{"error":"Conflict","message":"This overlaps another booking"}`, vennioclient.KindSlotTaken},
	{409, `{"type":"https://api.vennio.app/errors/request-in-flight"}`, vennioclient.KindInFlight},
	{409, `{"detail":"A request with this idempotency key is still being processed; the slot is not taken yet"}`, vennioclient.KindInFlight},
	{409, `{"error":"concurrent_request","message":"-"}`, vennioclient.KindInFlight},
	{409, `{"detail":"Idempotency-Key was used with a different body"}`, vennioclient.KindKeyReused},

	{422, `{}`, vennioclient.KindInvalid},
	{422, `{"error":"Unprocessable Entity"}`, vennioclient.KindInvalid},
	{422, `{"type":"https://api.vennio.app/errors/unprocessable"}`, vennioclient.KindImpossible},
	{422, `{"type":"https://api.vennio.app/errors/past-time"}`, vennioclient.KindImpossible},
	{422, `{"detail":"start_time must not lie in the past."}`, vennioclient.KindImpossible},
	{422, `{"detail":"The slot lies outside business hours"}`, vennioclient.KindImpossible},
	{422, `{"type":"https://api.vennio.app/errors/idempotency-mismatch"}`, vennioclient.KindKeyReused},
	{422, `{"error":"idempotency_key_reused","message":"Use another key"}`, vennioclient.KindKeyReused},
	{422, `{"type":"https://api.vennio.app/errors/slot-unavailable"}`, vennioclient.KindSlotTaken},

	{400, `{"detail":"The slot is taken"}`, vennioclient.KindInvalid},
	{500, `{"detail":"The slot is taken"}`, vennioclient.KindUnavailable},
}

// A status may have several meanings, which the text distinguishes. If it does not, the status is
// not sufficient. req: I4
func TestReq_I4_TextDistinguishesMeaningsOfAStatus(t *testing.T) {
	t.Parallel()
	for _, row := range twofold {
		t.Run(fmt.Sprint(row.status, row.body), func(t *testing.T) {
			t.Parallel()
			_, err := play(t, answers(row.status, row.body)).client(once).CreateBooking(t.Context(), "k", aRequest)
			assert.Equal(t, row.kind, asError(t, err).Kind)
			assert.Equal(t, row.status, asError(t, err).Status)
		})
	}
}
