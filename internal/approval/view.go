package approval

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// page is the data of page.html.
type page struct {
	Heading, Lead string
	Done          bool // the approved change was made
	Problem       bool // Lead says why an answer was not accepted
	Sandbox       bool
	Facts         []fact
	Notes         string
	Verb          string // of the button that approves; empty if there is nothing to decide
	Until         string // the time until which an answer is possible
	Calendar      string // the address of the calendar file; empty if there is none
	PayURL        string
	Name          string // of the person whose browser is paired
	SignedIn      bool   // the issuer gave the name, so it cannot be edited
	Pair          bool   // shows the form that pairs the browser
	SignIn        string // the address at which to sign in; empty if that is not possible
	Refresh       int    // seconds after which the page reloads itself; 0 for never
	Now           bool   // the page reloads itself at once
	Overview      *overview
	Passkey       *signing // not nil if buttons of the page use a passkey
	PasskeyChange bool     // shows the form that adds or removes a passkey
	OnlyDecline   bool     // the request can be declined but not approved
}

// fact is one detail of a request. Small is a remark on it; Long keeps its line breaks.
type fact struct {
	Name, Text, Small string
	Long              bool
}

// view returns the page of a proposal: all its details with the form while it is open, and its result
// after that.
func (p *Pages) view(ctx context.Context, proposal consent.Proposal, grant *consent.Grant) page {
	shown := page{Sandbox: p.Sandbox, Facts: facts(proposal.Act), Notes: sanitize.Mask(sanitize.Folded(proposal.Act.Notes, 2000))}
	if proposal.Client != "" {
		shown.Facts = append(shown.Facts, fact{Name: "Asked by", Text: sanitize.Mask(sanitize.Name(proposal.Client, 60)), Small: "the name it gives itself"})
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
		shown.Heading, shown.Lead = "Declined", "Nothing was changed."
	case proposal.State == consent.StateExpired:
		shown.Heading, shown.Lead = "Too late", "This request has expired. Nothing was changed; the assistant can ask again."
	default: // the approval is missing: its data has just been erased
		shown.Heading, shown.Lead = "Not known", "The result of this request is no longer stored. Please check in Vennio."
	}
	return shown
}

// Result describes the result of a proposal, for a terminal.
func Result(proposal consent.Proposal, grant *consent.Grant) (heading, lead string) {
	shown := new(Pages).view(context.Background(), proposal, grant)
	return shown.Heading, shown.Lead
}

// wording is what the page says about acts with one verb.
type wording struct {
	done string // "booked"
	question
}

func (w wording) made() string    { return strings.ToUpper(w.done[:1]) + w.done[1:] }
func (w wording) making() string  { return "Being " + w.done + " …" }
func (w wording) notMade() string { return "Not " + w.done }

// wordings are by the verbs of acts; see consent.Act.Verb.
var wordings = map[string]wording{
	"Book":    {"booked", question{"Approve this booking?", "An assistant asks to book this with Vennio. Nothing is booked until you approve."}},
	"Move":    {"moved", question{"Move this booking?", "An assistant asks to move this with Vennio. It stays where it is until you approve."}},
	"Cancel":  {"cancelled", question{"Cancel this booking?", "An assistant asks to cancel this with Vennio. It stays booked until you approve. A cancellation cannot be undone."}},
	"Share":   {"made", question{"Share this link?", "An assistant asks to make a booking link with Vennio. Whoever has it can book. Nothing is made until you approve. It cannot be withdrawn here."}},
	"Change":  {"changed", question{"Change this booking?", "An assistant asks to change what Vennio stores with this booking. It stays as it is until you approve."}},
	"Close":   {"closed", question{"Close this poll?", "An assistant asks to end this poll with Vennio. It stays open until you approve. It cannot be opened again."}},
	"Accept":  {"accepted", question{"Accept this time?", "An assistant asks to answer a proposal for you. Nothing is answered until you approve. It cannot be undone."}},
	"Counter": {"countered", question{"Propose other times?", "An assistant asks to answer a proposal with other times. Nothing is answered until you approve. It cannot be undone."}},
	"Reject":  {"rejected", question{"Reject this proposal?", "An assistant asks to reject a proposal for you. Nothing is answered until you approve. It cannot be undone."}},
	"Propose": {"proposed", question{"Propose these times?", "An assistant asks to propose these times with Vennio. Nobody is asked until you approve. When people have chosen a time, Vennio books it."}},
}

// resultRefresh is the interval in seconds at which a page without a result reloads itself.
const resultRefresh = 3

// outcome shows the result of an approved act. "Approved" is not a result: people would read it as
// booked.
func (p *Pages) outcome(ctx context.Context, shown *page, proposal consent.Proposal, g consent.Grant) {
	of := wordings[proposal.Act.Verb()]
	switch g.Outcome {
	case consent.Done:
		p.done(ctx, shown, proposal, g)
	case consent.NotDone:
		shown.Heading, shown.Lead = of.notMade(), "Nothing was changed: "+Because(g.Detail)
	case consent.Unknown:
		shown.Heading, shown.Refresh = "Not known yet", 5*resultRefresh
		shown.Lead = "Vennio gave no clear answer, so this may or may not have been done. The server keeps checking, and it cannot be done twice."
	case consent.Sent:
		shown.Heading, shown.Refresh = of.making(), resultRefresh
		shown.Lead = "You approved it, and the request was sent to Vennio."
	default:
		shown.Heading, shown.Refresh = of.making(), resultRefresh
		shown.Lead = "You approved it. Nothing has been changed yet."
		switch {
		case proposal.Act.Response != "": // only the call contains the invitation
			shown.Heading = of.notMade() + " yet"
			shown.Lead = "You approved it. The assistant's next call will do it, until " + g.Expires.UTC().Format("15:04") + " UTC, because this server keeps no invitation links."
		case p.writer(proposal) == nil:
			shown.Heading = of.notMade() + " yet"
			shown.Lead = "You approved it. A running server with the key for this calendar will do it within half a minute, or else the assistant's next call will, until " + g.Expires.UTC().Format("15:04") + " UTC."
		}
	}
}

func (p *Pages) done(ctx context.Context, shown *page, proposal consent.Proposal, g consent.Grant) {
	shown.Heading, shown.Done = wordings[proposal.Act.Verb()].made(), true
	shown.Lead = "It is done. The assistant will see the result when it asks again."
	if proposal.Act.Verb() != "Book" {
		return
	}
	shown.Calendar = Path + proposal.ID + CalendarSuffix
	if proposal.Act.Repeat != "" {
		shown.Calendar = "" // some days may not have been booked; each booking has its own file
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
			shown.Heading, shown.Lead, shown.Done = "Booked: "+sanitize.Line(b.Status, 40), "The booking was made. Vennio reports this status.", false
		}
	}
}

// Because explains why an act was not made, from the detail in the ledger.
func Because(detail string) string {
	code, abandoned := strings.CutPrefix(detail, consent.AbandonedPrefix)
	reason := cmp.Or(reasons[code], "Vennio refused it.")
	if abandoned {
		reason = cmp.Or(reasons[code], "this server could not send it to Vennio.")
	}
	return reason + " The assistant can look for another time and ask you again."
}

// reasons explains the kinds of Vennio's errors and our own error codes.
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
	"rate_limited":               "Vennio accepts no more requests right now.",
	"unauthorized":               "Vennio does not accept this server's key.",
	"forbidden":                  "this server's key does not cover it.",
	"not_found":                  "it no longer exists in Vennio.",
	"calendar_not_connected":     "the host's calendar is not connected to Vennio.",
	"declined by the person":     "you or somebody else declined it.",
	"expired before it was sent": "your approval was not used in time.",
}

// question is the heading and the introduction of an open request.
type question struct{ heading, lead string }

func questionOf(a consent.Act) question {
	if cancelsSeries(a) {
		return question{"Cancel these bookings?", "An assistant asks to cancel them with Vennio. They stay booked until you approve. A cancellation cannot be undone."}
	}
	return wordings[a.Verb()].question
}

func cancelsSeries(a consent.Act) bool {
	return a.Verb() == "Cancel" && a.Repeat != ""
}

// facts returns the details of an act, except its notes: the title in quotation marks, the tenant, the
// times, all people and who gets an e-mail.
func facts(a consent.Act) []fact {
	all := []fact{{Name: "What", Text: sanitize.Quote(a.Title, 120)}}
	if a.Tenant != "" { // a person may answer for several tenants
		all = append(all, fact{Name: "Tenant", Text: sanitize.Line(a.Tenant, 100)})
	}
	all = append(all, whenFacts(a)...)
	for _, d := range a.Details() {
		all = append(all, fact{Name: d.Name, Text: d.Text})
	}
	all = append(all, peopleFacts(a)...)
	if a.Price != "" {
		all = append(all, fact{Name: "Price", Text: sanitize.Line(a.Price, 100)})
	}
	for i, f := range all {
		all[i].Text, all[i].Small = sanitize.Mask(f.Text), sanitize.Mask(f.Small)
	}
	return all
}

// whenFacts returns the times of an act: of a new booking, of a moved one before and after, of a cancelled one.
func whenFacts(a consent.Act) []fact {
	loc, guest := a.Zones()
	timeFact := func(name string, start, end time.Time) fact {
		f := fact{Name: name, Text: times.Label(start, end, loc), Small: start.In(loc).Weekday().String() + ", " + length(end.Sub(start))}
		if there := times.GuestLabel(start, end, loc, guest); there != "" {
			f.Small += " · " + there
		}
		return f
	}
	switch {
	case a.Start.IsZero(), len(a.Times) > 0: // no time, or those among the details
		return nil
	case cancelsSeries(a):
		return []fact{repeats("Cancels", a)}
	case !a.WasStart.IsZero():
		return []fact{timeFact("Now", a.WasStart, a.WasEnd), timeFact("New time", a.Start, a.End)}
	case a.Repeat != "":
		return []fact{timeFact("When", a.Start, a.End), repeats("Repeats", a)}
	}
	return []fact{timeFact("When", a.Start, a.End)}
}

// length formats a duration, such as "30 minutes" or "1 h 30 min".
func length(d time.Duration) string {
	switch h, m := int(d.Hours()), int(d.Minutes())%60; {
	case h == 0:
		return fmt.Sprintf("%d minutes", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %d min", h, m)
	}
}

func repeats(name string, a consent.Act) fact {
	return fact{Name: name, Text: sanitize.Line(a.Repeat, 4000), Long: true}
}

// peopleFacts returns the hosts and the attendees of an act, and which of them Vennio e-mails.
func peopleFacts(a consent.Act) (all []fact) {
	for i, h := range a.Hosts {
		name := "With"
		if i > 0 {
			name = "and"
		}
		all = append(all, fact{Name: name, Text: h.Label(100, sanitize.Name)})
	}
	for i, p := range a.Attendees {
		name, mailed := "Guest", "Vennio sends them no e-mail"
		switch {
		case a.Verb() == "Propose":
			name = "Voter"
		case i == 0:
			name = "Customer"
		}
		if p.Mailed {
			mailed = "Vennio e-mails them"
		}
		all = append(all, fact{Name: name, Text: strings.TrimSpace(sanitize.Name(p.Name, 100) + " <" + sanitize.Line(p.Email, 254) + ">"), Small: mailed})
	}
	return all
}
