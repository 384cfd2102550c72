package consent

import (
	"cmp"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// AskLimits bounds how often people are asked, however they are asked. 0 means any number.
type AskLimits struct {
	Open, Hourly             int // of each caller: requests open at once, and made within an hour
	TenantOpen, TenantHourly int // of all callers of a tenant together
}

// Asker is who has a person asked.
type Asker struct {
	Caller string // names nobody: a random value or a keyed hash, the same for all requests of one caller
	Client string // the program that asks, as it calls itself; cut to 60 characters
	Limits AskLimits
	// Account tells the account at Vennio that the act is for from others, without naming it: with
	// another one the act must not be carried out.
	Account string
	Policy  Policy // that holds where the person is asked
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
	kind := map[bool]string{true: "open at once", false: "within an hour"}[e.Open]
	return fmt.Sprintf("a person may be asked at most %d times %s", e.Most, kind)
}

// mayAsk refuses one request more than the limits allow, with the limit that takes longest to wait
// for. Each limit takes one look-up of at most as many rows as it allows requests.
func (w *work) mayAsk(tenant string, from Asker) error {
	caller, all := sqldb.ByCaller(from.key()), sqldb.ByTenant(tenant)
	var longest *TooManyError
	for _, c := range []struct {
		by           sqldb.Asker
		most         int
		open, tenant bool
	}{
		{caller, from.Limits.Open, true, false},
		{caller, from.Limits.Hourly, false, false},
		{all, from.Limits.TenantOpen, true, true},
		{all, from.Limits.TenantHourly, false, true},
	} {
		if c.most == 0 {
			continue
		}
		until, err := w.fullUntil(c.by, c.most, c.open)
		if err != nil {
			return err
		}
		if until == nil {
			continue
		}
		if wait := until.Sub(w.now); longest == nil || wait > longest.Wait {
			longest = &TooManyError{c.most, c.open, c.tenant, wait}
		}
	}
	if longest == nil {
		return nil
	}
	return longest
}

// fullUntil returns when the next request is possible, nil if it is now.
func (w *work) fullUntil(by sqldb.Asker, most int, open bool) (*time.Time, error) {
	if open {
		return w.NthOpen(by, w.now, most)
	}
	at, err := w.NthAsked(by, w.now.Add(-time.Hour), most)
	if at != nil {
		at = new(at.Add(time.Hour))
	}
	return at, err
}
