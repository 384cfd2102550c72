package tools

import (
	"context"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// payPrefix marks the question of opening a payment link: its state names the
// booking, where that of any other names a proposal.
const payPrefix = "pay:"

// payTime is how long a result waits for the person to open the payment link: the
// booking is made, and a client that waits long may give the call up.
const payTime = 10 * time.Second

// handOver hands the payment link of a booking just made to the person, where
// the client opens links. The booking stands whatever comes of it, and the link
// is told in any case. Its error is a question for a client of 2026-07-28.
func (d Deps) handOver(ctx context.Context, out *schemas.BookSlotResult, fresh bool) error {
	can := elicitation(ctx)
	if out.CheckoutURL == "" || can == nil || can.URL == nil {
		return nil
	}
	id := payPrefix + out.BookingID
	if got := answerIn(ctx); got != nil && got.result != nil && d.seals(got.state, id) {
		out.Next = d.sayable(afterLink(replyOf(got.result)), "")
		return nil
	}
	if !fresh {
		return nil
	}
	q := mcp.ElicitationParams{
		Mode: mcp.ElicitationModeURL, ElicitationID: id, URL: out.CheckoutURL,
		Message: "Pay for " + sanitize.Quote(out.Title, 120) + ", " + out.Description + "? It is confirmed only once it is paid.",
	}
	if server.IsModernRequest(ctx) {
		if d.Changed != nil { // now: the client may never come back for the result
			d.Changed(out.Wrote())
		}
		return &question{q, d.seal(id)}
	}
	limited, done := context.WithTimeout(ctx, min(d.askTime(), payTime))
	defer done()
	defer waiting(ctx, func() string { return "The booking is made. Waiting for a person to open its payment page." })()
	if got, err := elicit(limited, q); err == nil {
		out.Next = d.sayable(afterLink(replyOf(got)), "")
	}
	return nil
}

func afterLink(r reply) string {
	if r == accepted {
		return "The person has opened the payment page. Say that it is not confirmed until it is paid; get_booking shows when it is. " + mailOncePaid
	}
	return "The person did not open the payment page. Say that it is not confirmed, and give the customer the payment link. " + mailOncePaid
}

// pays tells whether a state is that of the payment question of what act booked.
func (d Deps) pays(ctx context.Context, id string, act consent.Act) (is, ours bool, err error) {
	booking, is := strings.CutPrefix(id, payPrefix)
	if !is {
		return false, false, nil
	}
	grant, _, err := d.Ledger.Standing(ctx, act)
	return true, grant != nil && grant.BookingID == booking, err
}
