package tools

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Deps is all that a tool may touch.
type Deps struct {
	Tenant string // whose Vennio account; empty where there is one
	// Account tells the account at Vennio, by its key, from those of other processes that share the ledger.
	Account string
	Vennio  *vennioclient.Client
	Slots   *slots.Signer
	Ledger  *consent.Ledger
	Policy  consent.Policy // the consent methods that count
	Secret  []byte         // authenticates what travels through a client
	Others  [][]byte       // further secrets under which that is taken, while Secret is rotated
	// ApprovalURL is where a person can agree to a proposal on a page; nil
	// where no page is served.
	ApprovalURL func(proposalID string) (string, error)
	// FormsCount reports whether the connection is trusted, so that a form answered over it counts
	// under the policy human: over stdio, and for an authenticated caller. An agent that opens its
	// own connection could answer its own question. nil: it always is.
	FormsCount func(context.Context) bool
	// CallerName is the name of the caller's token, "" where callers are not authenticated; nil: they
	// never are. It is who is on record for answers to forms.
	CallerName func(context.Context) string
	// Present opens the page of a proposal in the person's own browser, and reports whether it did; nil:
	// only the agent passes its address on.
	Present func(proposal string) bool
	// Requested tells others that a proposal waits for a person outside the client, whose name is
	// empty if unknown. It may be called more than once for a proposal, and must not fail; nil: nobody is
	// told.
	Requested func(ctx context.Context, p consent.Proposal, client string)
	// Caller identifies who calls, so that what each caller has people asked can be limited; nil: all
	// calls are one caller's. Only a keyed hash of it is stored.
	Caller    func(context.Context) string
	AskTime   time.Duration // a person has to answer in the client; 0 means 2 minutes
	Warn      func(error)   // told of what went wrong beside a call that went well; may be nil
	Hosts     Directory
	Names     *HostNames     // of hosts that the operator set without a name, or did not set; nil: none are known
	Zone      *time.Location // for calls that name none
	WeekStart time.Weekday   // where "this week" and "next week" begin; as ever in Go, zero is Sunday
	// WorkingHours are those of the hosts, in Zone. Where the operator set none, the hosts work at the
	// usual hours in the zone of each search, since Zone may be that of the machine alone.
	WorkingHours times.Opening
	Now          func() time.Time
	// Every ticks at each such time until its end is called: when a client hears
	// again that its call waits. nil is a real ticker; tests inject their own.
	Every     func(time.Duration) (tick <-chan time.Time, end func())
	Sandbox   bool // no key is set: every result says so
	NoMail    bool // a test key: Vennio writes to nobody (vennio-api.md, Hosts and authentication)
	Selection Selection
	Limits    Limits
	MayWrite  func(context.Context) bool // whether who calls may write; nil: they may
	Canary    Canary
	Changed   func([]schemas.Written) // called with what each call wrote, maybe nothing; must not wait; may be nil

	offered map[string]bool // every tool by name, and whether it is there; Catalog fills it in
	// executing is the approved act that Execute carries out: it is written as it was approved, or
	// not at all, and nobody is asked.
	executing *consent.Act
}

// Catalog is every tool that the operator selected, in the order a person would
// meet them. The server, the golden files, the token gate and the README are all
// made from this one list.
func Catalog(d Deps) []Tool {
	d.offered = map[string]bool{} // shared by all, so that a tool names no sibling there is not
	makers := []func(Deps) Tool{
		FindSlots,
		BookSlot,
		RescheduleBooking,
		CancelBooking,
		GetBooking,
		ListBookings,
		CheckCalendarAccess,
	}
	every := make([]Tool, len(makers))
	var made sync.WaitGroup // side by side: making schemas takes most of the program's own start
	for i, maker := range makers {
		made.Go(func() { every[i] = maker(d) })
	}
	made.Wait()
	all := slices.DeleteFunc(slices.Clone(every), func(t Tool) bool { return !d.Selection.has(t) })
	for _, t := range every {
		d.offered[t.Name] = d.Selection.has(t)
	}
	for i := range all {
		all[i].Description = d.sayable(all[i].Description, all[i].needs)
	}
	return all
}
