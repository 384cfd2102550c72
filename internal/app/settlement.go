package app

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// Intervals says when grants whose outcome is not recorded are settled. Zero values take the defaults.
type Intervals struct {
	Flush time.Duration // between attempts to record outcomes that the store could not record; default 5 s
	Sweep time.Duration // between searches for grants that are still recorded as sent; default 15 s
	After time.Duration // minimum age of the consent; default 1 min, since a call takes two at most
	Doubt time.Duration // between searches for grants whose outcome is recorded as unknown; default 10 min
	// Openings is the interval at which it is checked whether a search for openings is due; default 1 min.
	Openings time.Duration
}

func (i Intervals) withDefaults() Intervals {
	return Intervals{
		cmp.Or(i.Flush, 5*time.Second), cmp.Or(i.Sweep, 15*time.Second), cmp.Or(i.After, time.Minute), cmp.Or(i.Doubt, 10*time.Minute), cmp.Or(i.Openings, time.Minute),
	}
}

const (
	doubtUntil     = 26 * time.Hour  // age of the consent: Vennio keeps an idempotency key for 24 hours
	noAccountAfter = time.Hour       // age at which a grant is given up if this process has no key for its tenant
	finalFlush     = time.Second     // limit of the last attempt to record outcomes
	approvedAfter  = 5 * time.Second // how long only the process that took an approval executes it
)

// accounts holds, for each tenant, the dependencies with which the server settles grants and executes
// approvals.
type accounts struct {
	mu      sync.Mutex
	serving map[string]*tools.Deps // of tenants whose servers exist
	idle    map[string]*tools.Deps // of tenants of the settings before their first call
}

func (s *accounts) add(d *tools.Deps) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving[d.Tenant] = d
}

func (s *accounts) remove(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.serving, tenant)
}

var errNoAccount = errors.New("there is no key for this tenant")

// account returns the dependencies with which the server settles the grants of a tenant. It returns
// errNoAccount if it has no key for the tenant.
func (a *App) account(tenant string) (*tools.Deps, error) {
	a.accounts.mu.Lock()
	defer a.accounts.mu.Unlock()
	if d, ok := a.accounts.serving[tenant]; ok {
		return d, nil
	}
	if d, ok := a.accounts.idle[tenant]; ok {
		return d, nil
	}
	own, ok := a.cfg.Of(tenant)
	if !ok || own.Sandbox() {
		return nil, errNoAccount
	}
	client, err := a.client(own, own.APIKey.Reveal())
	if err != nil {
		return nil, err
	}
	d := a.deps(own, own.Identity(tenant), client, own.APIKey.Reveal())
	if n := a.notifiers[tenant]; n != nil {
		d.Changed = n.Wrote
	}
	a.accounts.idle[tenant] = d
	return d, nil
}

// Execute writes an approved request with the account of its tenant. A refusal of Vennio is recorded in
// the ledger; the error is one of the settings.
func (a *App) Execute(ctx context.Context, approved consent.Proposal) error {
	d, err := a.account(approved.Act.Tenant)
	if err != nil {
		return err
	}
	if err := d.Execute(ctx, approved); err != nil {
		a.log.Debug().Err(err).Msg("the approved act could not be executed") // the ledger has the reason
	}
	return nil
}

// Settle runs in the background until stop. It records outcomes as soon as the store is available again,
// asks Vennio about writes whose outcome is not known, executes approved requests, and seals the ledger's
// entries. Several processes may do so at once. It creates no store.
func (a *App) Settle(ctx context.Context) (stop func()) {
	every := a.options.Settlement.withDefaults()
	return inBackground(ctx, func(ctx context.Context) {
		flush, sweep, doubt := time.NewTicker(every.Flush), time.NewTicker(every.Sweep), time.NewTicker(every.Doubt)
		defer flush.Stop()
		defer sweep.Stop()
		defer doubt.Stop()
		for {
			select {
			case <-ctx.Done():
				last, done := context.WithTimeout(context.WithoutCancel(ctx), finalFlush)
				defer done()
				a.logUnsettled(last, a.Ledger.Flush(last))
				return
			case <-flush.C:
				a.logUnsettled(ctx, a.Ledger.Flush(ctx))
			case <-sweep.C:
				a.logUnsettled(ctx, a.executeApproved(ctx))
				a.logUnsettled(ctx, a.settle(ctx, func() ([]consent.Unsettled, error) { return a.Ledger.UnsettledSent(ctx, every.After) }))
			case <-doubt.C:
				a.logUnsettled(ctx, a.settle(ctx, func() ([]consent.Unsettled, error) { return a.Ledger.UnsettledUnknown(ctx, every.After, doubtUntil) }))
			}
		}
	}, func(ctx context.Context) {
		a.Ledger.KeepSealed(ctx, every.Sweep)
	}, func(ctx context.Context) {
		a.checkOpenings(ctx, every.Openings)
	})
}

// inBackground runs each of work until its end. stop ends their context and waits for them.
func inBackground(ctx context.Context, work ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, do := range work {
		running.Go(func() { do(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// checkOpenings searches, until the end of ctx, for the openings to which clients of the tenants in the
// settings subscribe.
func (a *App) checkOpenings(ctx context.Context, interval time.Duration) {
	atIntervals(ctx, interval, func() {
		for _, o := range a.openings {
			o.Check(ctx)
		}
	})
}

// atIntervals calls do at each interval until ctx ends.
func atIntervals(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// earliestOpening returns the function that searches in the account of a tenant.
func (a *App) earliestOpening(tenant string) func(context.Context, schemas.FindSlotsInput) (time.Time, error) {
	return func(ctx context.Context, in schemas.FindSlotsInput) (time.Time, error) {
		d, err := a.account(tenant)
		if err != nil {
			return time.Time{}, err
		}
		return d.EarliestOpening(ctx, in)
	}
}

// logUnsettled logs an error of settlement, unless the store is unavailable: the calls that need the store
// report that.
func (a *App) logUnsettled(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, consent.ErrUnavailable) {
		a.log.Warn().Err(err).Msg("the outcomes of writes at Vennio cannot be settled now; they are tried again")
	}
}

// settle asks Vennio for the outcome of grants. If a tenant's account cannot be asked now, its other
// grants wait for the next time.
func (a *App) settle(ctx context.Context, find func() ([]consent.Unsettled, error)) error {
	if !a.Store.Exists() {
		return nil
	}
	unsettled, err := find()
	if err != nil {
		return err
	}
	var failed error
	postponed := map[string]bool{}
	for _, one := range unsettled {
		if postponed[one.Tenant] {
			continue
		}
		d, err := a.account(one.Tenant)
		switch {
		case err == nil:
			err = d.SettleLeft(ctx, one)
		case one.Age < noAccountAfter || one.Grant.Outcome != consent.Sent: // a caller may send the key again
			err = nil
		default:
			err = a.Ledger.Resolve(ctx, one.Grant, consent.Unknown, "", "no key for its tenant is here to ask Vennio with")
		}
		if err != nil {
			failed, postponed[one.Tenant] = err, true
		}
	}
	return failed
}

// executeApproved writes approved requests that the process which took the approval did not write, because
// it ended or has no key for the tenant.
func (a *App) executeApproved(ctx context.Context) error {
	if !a.Store.Exists() {
		return nil
	}
	waiting, err := a.Ledger.ApprovedUnsent(ctx, approvedAfter)
	if err != nil {
		return err
	}
	var failed error
	for _, one := range waiting {
		d, err := a.account(one.Act.Tenant)
		if err != nil {
			continue // a process that has the key executes it, or the agent's next call
		}
		if err := d.Execute(ctx, one); err != nil && !errors.Is(err, tools.ErrElsewhere) {
			failed = err
		}
	}
	return failed
}
