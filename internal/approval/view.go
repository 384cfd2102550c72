package approval

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// page is what the layout shows.
type page struct {
	Heading, Lead string
	Done          bool // it is in the calendar as the person wanted
	Sandbox       bool
	Facts         []fact
	Notes         string
	Verb          string // of the button that approves; empty: there is nothing to decide
	Until         string // the question is open
	Calendar      string // the address of the calendar file; empty: there is none
	PayURL        string
	Name          string // of the person whose browser is paired
	SignedIn      bool   // as whom the issuer says: the name is fixed
	Pair          bool   // the form that pairs the browser
	SignIn        string // the address at which to sign in; empty: it is not offered
	Refresh       int    // seconds until the page loads itself again; 0: never
	Now           bool   // it does at once
	Overview      *overview
}

// fact is a line of what will be written. Small is a remark on it; Long keeps its line breaks.
type fact struct {
	Name, Text, Small string
	Long              bool
}

// view is what a person sees of a proposal: everything that will be written and the form while it
// is open, and after that what became of it.
func (p *Pages) view(ctx context.Context, proposal consent.Proposal, grant *consent.Grant) page {
	shown := page{Sandbox: p.Sandbox, Facts: facts(proposal.Act), Notes: sanitize.Mask(sanitize.Folded(proposal.Act.Notes, 2000))}
	if proposal.Client != "" {
		shown.Facts = append(shown.Facts, fact{Name: "Asked by", Text: sanitize.Mask(sanitize.Name(proposal.Client, 60)), Small: "as it calls itself"})
	}
	switch {
	case grant != nil:
		p.outcome(ctx, &shown, proposal, *grant)
	case proposal.State == consent.StateOpen:
		q := questionOf(proposal.Act)
		shown.Heading, shown.Lead, shown.Verb = q.heading, q.lead, "Approve"
		loc, _ := times.Zone(proposal.Act.Zone)
		shown.Until = times.Clock(proposal.Expires.Truncate(time.Minute), loc) + " (" + proposal.Act.Zone + ")"
	case proposal.State == consent.StateDeclined:
		shown.Heading, shown.Lead = "Declined", "Nothing was changed. You can close this page."
	case proposal.State == consent.StateExpired:
		shown.Heading, shown.Lead = "Too late", "This request has expired. Nothing was changed; the assistant can ask again."
	default: // a consent is missing that was given: its data was erased in this moment
		shown.Heading, shown.Lead = "Not known", "What became of this request is no longer on record. Look in Vennio."
	}
	return shown
}

// Result says in words what became of a proposal, for a terminal.
func Result(proposal consent.Proposal, grant *consent.Grant) (heading, lead string) {
	shown := new(Pages).view(context.Background(), proposal, grant)
	return shown.Heading, shown.Lead
}

// verbs are what was asked for, done and not done.
type verbs struct{ done, doing, not string }

func verbsOf(a consent.Act) verbs {
	switch {
	case a.BookingID == "":
		return verbs{"Booked", "Being booked", "Not booked"}
	case a.WasStart.IsZero():
		return verbs{"Cancelled", "Being cancelled", "Not cancelled"}
	}
	return verbs{"Moved", "Being moved", "Not moved"}
}

// refreshEach is how often a page whose outcome is not known yet loads itself again, in seconds.
const refreshEach = 3

// outcome shows what became of an act that was approved. "Approved" alone is none: a person reads
// it as booked.
func (p *Pages) outcome(ctx context.Context, shown *page, proposal consent.Proposal, g consent.Grant) {
	v := verbsOf(proposal.Act)
	switch g.Outcome {
	case consent.Done:
		p.done(ctx, shown, proposal, g, v)
	case consent.NotDone:
		shown.Heading, shown.Lead = v.not, "Nothing was changed: "+because(g.Detail)
	case consent.Unknown:
		shown.Heading, shown.Refresh = "Not known yet", 5*refreshEach
		shown.Lead = "Vennio gave no clear answer, so this may or may not have been done. It is looked up again and cannot be done twice; this page shows when it is known."
	case consent.Sent:
		shown.Heading, shown.Refresh = v.doing+" …", refreshEach
		shown.Lead = "You approved it, and Vennio has been asked. This page shows what came of it."
	default:
		shown.Heading, shown.Refresh = v.doing+" …", refreshEach
		shown.Lead = "You approved it. Nothing has been changed so far; this page shows when it is."
		if p.writer(proposal) == nil {
			shown.Heading = v.not + " yet"
			shown.Lead = "You approved it. A running server that has the key for this calendar does it, within half a minute; else the assistant's next call does, until " + g.Expires.UTC().Format("15:04") + " UTC. This page shows when it is done."
		}
	}
}

func (p *Pages) done(ctx context.Context, shown *page, proposal consent.Proposal, g consent.Grant, v verbs) {
	shown.Heading, shown.Done = v.done, true
	shown.Lead = "It is done. You can close this page; the assistant learns of it when it asks again."
	if proposal.Act.BookingID != "" {
		return
	}
	shown.Calendar = Path + proposal.ID + CalendarSuffix
	if proposal.Act.Repeat != "" {
		shown.Calendar = "" // some of its days may have been taken: each booking has its own
	}
	account := p.account(proposal.Act.Tenant)
	if account == nil {
		return
	}
	if b, err := account.Booking(ctx, g.BookingID); err == nil {
		shown.PayURL = b.CheckoutURL
		switch b.Status {
		case "", vennioclient.StatusConfirmed:
		case vennioclient.StatusPendingPayment:
			shown.Heading, shown.Lead, shown.Done, shown.Calendar = "Booked, not paid yet", "The time is held, and confirmed only once it is paid.", false, ""
		case vennioclient.StatusCancelled:
			shown.Heading, shown.Lead, shown.Done, shown.Calendar = "Booked, and cancelled since", "This booking was made as you approved and has been cancelled since.", false, ""
		default:
			shown.Heading, shown.Lead, shown.Done = "Booked: "+sanitize.Line(b.Status, 40), "The booking was made; Vennio gives this status for it.", false
		}
	}
}

// because says to a person why nothing was done: detail is what the ledger keeps of it.
func because(detail string) string {
	code, abandoned := strings.CutPrefix(detail, consent.AbandonedPrefix)
	reason := cmp.Or(reasons[code], "Vennio refused it.")
	if abandoned {
		reason = cmp.Or(reasons[code], "this server could not send it to Vennio.")
	}
	return reason + " The assistant can look for another time and ask you again."
}

// reasons are by the kind of Vennio's error, or the code of ours.
var reasons = map[string]string{
	"slot_taken":                 "somebody else took this time a moment ago.",
	"impossible":                 "this time has passed, or cannot be booked any more.",
	"slot_past":                  "this time has passed, or cannot be booked any more.",
	"slot_expired":               "this time was offered more than two hours ago.",
	"unknown_slot":               "this offer is no longer valid.",
	"booking_closed":             "the booking can no longer be changed.",
	"consent_mismatch":           "the booking has been changed since you were asked.",
	"consent_expired":            "your approval was not used in time.",
	"consent_declined":           "you or somebody else declined it.",
	"not_allowed":                "this server's operator does not allow it.",
	"unavailable":                "Vennio could not be reached.",
	"network":                    "Vennio could not be reached.",
	"rate_limited":               "Vennio takes no more requests for now.",
	"unauthorized":               "Vennio does not accept this server's key.",
	"forbidden":                  "this server's key does not cover it.",
	"not_found":                  "Vennio no longer knows it.",
	"calendar_not_connected":     "the host's calendar is not connected to Vennio.",
	"declined by the person":     "you or somebody else declined it.",
	"expired before it was sent": "your approval was not used in time.",
}
