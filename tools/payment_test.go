package tools_test

import (
	"context"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// paid makes a booking that costs, through a client that can open links and
// whose person does this with one.
func (w *world) paid(protocol string, action mcp.ElicitationResponseAction) (args, []mcp.ElicitationParams, answer[schemas.BookSlotResult]) {
	w.t.Helper()
	tokyo := []string{w.deps.Hosts[2].Name}
	booking := agreed(w.find(args{"hosts": tokyo}).Data.Slots[0].SlotID).with("hosts", tokyo)
	var asked []mcp.ElicitationParams
	w.meet(protocol, &person{elicit: func(_ context.Context, r mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) {
		asked = append(asked, r.Params)
		return action, nil
	}}, &mcp.ElicitationCapability{URL: &struct{}{}})
	got := w.book(booking)
	again := w.book(booking)
	assert.Equal(w.t, got.Data.BookingID, again.Data.BookingID)
	return booking, asked, got
}

// The payment link is handed to the person where the client opens links, once;
// the booking stands whatever they do, and is never called confirmed.
func TestThePaymentLinkIsHandedToThePerson(t *testing.T) {
	t.Parallel()
	for _, protocol := range linking {
		for action, says := range map[mcp.ElicitationResponseAction]string{
			accept: "has opened the payment page", decline: "did not open the payment page", cancel: "did not open the payment page",
		} {
			w := newWorld(t)
			_, asked, got := w.paid(protocol, action)
			require.False(t, got.IsError, got.Text)
			assert.Equal(t, "pending_payment", got.Data.Status)
			require.Len(t, asked, 1, "%s %s", protocol, action)
			assert.Equal(t, "url", asked[0].Mode)
			assert.Equal(t, got.Data.CheckoutURL, asked[0].URL)
			assert.Contains(t, asked[0].Message, `Pay for "Intro call"`)
			assert.Contains(t, got.Data.Next, says)
			assert.Contains(t, got.Data.Next, "not confirmed")
			assert.Contains(t, got.Text, got.Data.CheckoutURL)
			assert.Equal(t, 1, w.vennio.Writes())
		}
	}
}

// get_booking shows a booking that was paid on the checkout page.
func TestAPaymentIsSeenByGetBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, got := w.paid("2025-11-25", accept)
	assert.Equal(t, "pending_payment", w.get(args{"booking_id": got.Data.BookingID}).Data.Status)
	require.NoError(t, w.vennio.Pay(got.Data.BookingID))
	now := w.get(args{"booking_id": got.Data.BookingID})
	assert.Equal(t, "confirmed", now.Data.Status)
	assert.Empty(t, now.Data.CheckoutURL)
}

// req: C7. An answer about paying for one booking opens nothing else.
func TestReq_C7_TheAnswerAboutAPaymentServesNoOtherCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokyo := []string{w.deps.Hosts[2].Name}
	slots := w.find(args{"hosts": tokyo}).Data.Slots
	booking := agreed(slots[0].SlotID).with("hosts", tokyo)
	const opensLinks = `{"elicitation":{"url":{}}}`
	srv := w.server()
	first := w.post(srv, toolCall(opensLinks, "book_slot", booking, nil))
	require.Equal(t, "input_required", first.Result.ResultType)
	yes := args{"requestState": first.Result.RequestState, "inputResponses": args{"agree": args{"action": "accept"}}}
	other := agreed(slots[1].SlotID).with("hosts", tokyo)
	assert.Equal(t, schemas.CodeConsentRequired, w.post(srv, toolCall(opensLinks, "book_slot", other, yes)).code())
	assert.Equal(t, 1, w.vennio.Writes())
	assert.Equal(t, "pending_payment", w.post(srv, toolCall(opensLinks, "book_slot", booking, yes)).Result.StructuredContent.Status)
}
