package consent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// AskLimits bounds how often people are asked, however they are asked. 0 means any number.
type AskLimits struct {
	Open, Hourly             int // of each caller: requests open at once, and made within an hour
	TenantOpen, TenantHourly int // of all callers of a tenant together
}

// Asker describes the caller on whose behalf a person is asked.
type Asker struct {
	Caller string // a random value or a keyed hash, the same for all requests of one caller
	Client string // the program that asks, as it calls itself; cut to 60 characters
	Limits AskLimits
	// Account distinguishes the Vennio account that the act is for from others, without naming it:
	// with another account the act must not be executed.
	Account string
	Policy  Policy // in force where the person is asked
}

// unknownCaller is the caller of requests that are made without one, such as those of tests. An
// empty caller marks requests of earlier versions.
const unknownCaller = "unknown"

func (a Asker) key() string { return cmp.Or(a.Caller, unknownCaller) }

// TooManyError refuses a further request to a person.
type TooManyError struct {
	Most   int
	Open   bool // it limits the requests that are open at once, otherwise those within an hour
	Tenant bool // it limits all callers of the tenant together
	Wait   time.Duration
}

func (e *TooManyError) Error() string {
	if e.Open {
		return fmt.Sprintf("a person may be asked at most %d times open at once", e.Most)
	}
	return fmt.Sprintf("a person may be asked at most %d times within an hour", e.Most)
}

// checkAskLimits refuses a request that exceeds the limits, with the limit that takes longest to
// wait for. The guards check this again when the request is stored. Each limit takes one query that reads at
// most as many rows as the limit allows requests.
func (tx *transaction) checkAskLimits(tenant string, from Asker) (guards []guard, err error) {
	var longest *TooManyError
	for _, c := range []struct {
		column, id   string
		most         int
		open, tenant bool
	}{
		{"tenant", tenant, from.Limits.TenantOpen, true, true},
		{"tenant", tenant, from.Limits.TenantHourly, false, true},
		{"caller", from.key(), from.Limits.Open, true, false},
		{"caller", from.key(), from.Limits.Hourly, false, false},
	} {
		if c.most == 0 {
			continue
		}
		query, since, period := `SELECT p.expires FROM proposals p WHERE p.`+c.column+` = ? AND p.state = 'open' AND p.expires > ?
			ORDER BY p.expires DESC LIMIT 1 OFFSET ?`, tx.now, time.Duration(0)
		if !c.open {
			query, since, period = `SELECT p.at FROM proposals p WHERE p.`+c.column+` = ? AND p.caller <> '' AND p.at > ?
			ORDER BY p.at DESC LIMIT 1 OFFSET ?`, tx.now.Add(-time.Hour), time.Hour
		}
		args := []any{c.id, sqldb.Text(since), c.most - 1}
		nth, err := sqldb.One(tx.Tx, sqldb.InstantColumn, query, args...)
		if err != nil {
			return nil, err
		}
		if nth == nil {
			guards = append(guards, guard{"asking\n" + c.column + "\n" + c.id, `NOT EXISTS (` + query + `)`, args})
			continue
		}
		if wait := nth.Add(period).Sub(tx.now); longest == nil || wait > longest.Wait {
			longest = &TooManyError{c.most, c.open, c.tenant, wait}
		}
	}
	if longest == nil {
		return guards, nil
	}
	return nil, longest
}

// A refusal closes the slot or booking that it was about, not only the exact act: for firstClosed,
// and for twice as long after each further refusal of the same slot or booking.
const (
	firstClosed   = 10 * time.Minute
	longestClosed = 24 * time.Hour

	// maxRequests bounds how many requests about one slot or booking are read.
	maxRequests = 100
)

// closedFor is how long the nth refusal closes a slot or booking.
func closedFor(n int) time.Duration {
	period := firstClosed
	for range n - 1 {
		if period *= 2; period >= longestClosed {
			return longestClosed
		}
	}
	return period
}

// RefusedError is an ErrDeclined: a person declined this act, or another one about the same slot
// or booking, which is closed until a later time.
type RefusedError struct {
	Until      time.Time
	Wait       time.Duration
	Booking    bool // the booking is closed, otherwise the slot
	Changeable bool // a person may still be asked once for something else about it
}

func (*RefusedError) Error() string { return ErrDeclined.Error() }

// Is makes it an ErrDeclined.
func (*RefusedError) Is(target error) bool { return target == ErrDeclined }

// Refused returns a *RefusedError if an agent's statement about the act does not count because a
// person declined it or another act about the same slot or booking, otherwise nil.
func (l *Ledger) Refused(ctx context.Context, act Act) error {
	return l.read(ctx, func(tx *transaction) error { return tx.checkNotRefused(act) })
}

// checkNotRefused refuses an act whose slot or booking is closed.
func (tx *transaction) checkNotRefused(act Act) error {
	refused, _, err := tx.refusal(act)
	if refused == nil || err != nil {
		return err
	}
	return refused.RefusedError
}

// refusal is a refusal that is in force, as it affects an act.
type refusal struct {
	*RefusedError
	allowsAsking bool // the act is the one changed request that a person may still be asked
}

// refusal returns the refusal in force for the slot and the booking of an act, nil if there is
// none. Where an act concerns both, both must allow it. The guards hold as long as there is no further
// request or refusal that would change the result.
func (tx *transaction) refusal(act Act) (found *refusal, guards []guard, err error) {
	for _, s := range act.subjects() {
		r, unchanged, err := tx.refusalOf(s, act)
		if err != nil {
			return nil, nil, err
		}
		guards = append(guards, unchanged...)
		if r == nil || found == nil {
			found = cmp.Or(found, r)
			continue
		}
		changeable, allowsAsking := found.Changeable && r.Changeable, found.allowsAsking && r.allowsAsking
		if r.Until.After(found.Until) {
			found = r
		}
		found.Changeable, found.allowsAsking = changeable, allowsAsking
	}
	return found, guards, nil
}

// subject is what a refusal closes: a slot, identified by its hosts and the instant at which it
// begins, or a booking. The id of a slot does not identify it: each search signs another one.
type subject struct {
	tenant  string
	hosts   []Host
	starts  time.Time
	booking string // empty for a slot
}

// subjects are the booking that an act changes or cancels and the slot that it takes: a move has both.
func (a Act) subjects() (all []subject) {
	if a.BookingID != "" {
		all = append(all, subject{tenant: a.Tenant, booking: a.BookingID})
	}
	if starts := a.takes(); !starts.IsZero() {
		all = append(all, subject{tenant: a.Tenant, hosts: a.Hosts, starts: starts})
	}
	return all
}

// concerns reports whether an act that begins at the same time concerns the subject: one common host
// is enough, so that another host added or left out does not make it another slot.
func (s subject) concerns(act Act) bool {
	if s.booking != "" || len(s.hosts) == 0 || len(act.Hosts) == 0 {
		return true
	}
	return slices.ContainsFunc(s.hosts, func(a Host) bool {
		return slices.ContainsFunc(act.Hosts, func(b Host) bool {
			return HostIdentity{ID: a.ID, Name: a.Name}.matches(b) || HostIdentity{ID: b.ID, Name: b.Name}.matches(a)
		})
	})
}

// requests returns up to maxRequests requests about a subject that a condition selects, and a guard that
// holds as long as it selects the same ones: as many, with the same sum of numbers, because one more may
// displace another one.
func (tx *transaction) requests(s subject, condition string, args ...any) ([]Proposal, guard, error) {
	column, value := `p.starts`, sqldb.Text(s.starts)
	if s.booking != "" {
		column, value = `p.subject`, s.booking
	}
	condition = `p.tenant = ? AND ` + column + ` = ? AND ` + column + ` <> '' AND ` + condition + ` LIMIT ?`
	args = slices.Concat([]any{s.tenant, value}, args, []any{maxRequests})
	found, err := tx.proposals(condition, args...)
	sum := int64(0)
	for _, p := range found {
		sum += p.seq
	}
	unchanged := guard{
		"refusals\n" + s.tenant + "\n" + value,
		`(SELECT COUNT(*) || ' ' || COALESCE(SUM(found.seq), 0) FROM (SELECT p.seq FROM proposals p JOIN acts a ON a.id = p.act WHERE a.digest IS NOT NULL AND ` + condition + `) AS found) = ?`,
		append(args, fmt.Sprint(len(found), " ", sum)),
	}
	return slices.DeleteFunc(found, func(p Proposal) bool { return !s.concerns(p.Act) }), unchanged, err
}

// refusals returns the declined requests about a subject, the oldest refusal first.
func (tx *transaction) refusals(s subject) ([]Proposal, guard, error) {
	found, unchanged, err := tx.requests(s, `p.refused <> '' ORDER BY p.refused DESC`)
	slices.Reverse(found)
	return found, unchanged, err
}

func (tx *transaction) refusalOf(s subject, act Act) (*refusal, []guard, error) {
	refusals, unchanged, err := tx.refusals(s)
	if err != nil {
		return nil, nil, err
	}
	until, round := lastRound(refusals)
	if !until.After(tx.now) {
		return nil, []guard{unchanged}, nil
	}
	r := &refusal{&RefusedError{Until: until, Wait: until.Sub(tx.now), Booking: s.booking != ""}, false}
	if len(round) > 1 {
		return r, []guard{unchanged}, nil
	}
	asked, noFurther, err := tx.requests(s, `p.at >= ? ORDER BY p.at`, sqldb.Text(round[0].refused))
	if err != nil {
		return nil, nil, err
	}
	declined, wanted := round[0].Act.essence(), act.essence()
	r.Changeable, r.allowsAsking = true, declined != wanted
	for _, p := range asked {
		if other := p.Act.essence(); other != declined { // the changed request was made
			r.Changeable = false
			r.allowsAsking = r.allowsAsking && other == wanted
		}
	}
	return r, []guard{unchanged, noFurther}, nil
}

// lastRound returns until when the refusals close their subject, and the refusals of the last
// round: those of requests that were made before the previous refusal's time had passed.
func lastRound(refusals []Proposal) (until time.Time, round []Proposal) {
	for i, r := range refusals {
		if !r.At.Before(until) {
			round = nil
		}
		round = append(round, r)
		if end := r.refused.Add(closedFor(i + 1)); end.After(until) {
			until = end
		}
	}
	return until, round
}

// closedUntil returns until when a refusal of p at the time of the transaction closes the slot or booking
// of its act.
func (tx *transaction) closedUntil(p Proposal) (latest time.Time, guards []guard, err error) {
	latest, p.refused = tx.now.Add(firstClosed), tx.now
	for _, s := range p.Act.subjects() {
		refusals, unchanged, err := tx.refusals(s)
		if err != nil {
			return latest, nil, err
		}
		refusals = append(refusals, p)
		slices.SortStableFunc(refusals, func(a, b Proposal) int { return a.refused.Compare(b.refused) })
		if until, _ := lastRound(refusals); until.After(latest) {
			latest = until
		}
		guards = append(guards, unchanged)
	}
	return latest, guards, nil
}

// essence is what remains of an act without its spelling: without the slot id, the zones in which it
// is shown, the order and names of people, and the punctuation of texts. A person who declined an
// act has declined every act with the same essence.
func (a Act) essence() string {
	var hosts, guests []string
	for _, h := range a.Hosts {
		_, bare, found := strings.Cut(h.ID, ":")
		if !found {
			bare = h.ID
		}
		hosts = append(hosts, fold(bare))
	}
	for _, g := range a.Attendees {
		guests = append(guests, fold(g.Email))
	}
	slices.Sort(hosts)
	slices.Sort(guests)
	return encode([]any{
		a.Tool, a.BookingID, a.Start.UTC(), a.End.UTC(), slices.Compact(hosts), slices.Compact(guests),
		letters(a.Title), letters(a.Notes), letters(a.Repeat), a.Count, a.Terms.essence(),
	})
}

// letters returns a text without case, blanks and punctuation, unless it consists of them.
func letters(s string) string {
	s = fold(s)
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, s)
	return cmp.Or(bare, s)
}
