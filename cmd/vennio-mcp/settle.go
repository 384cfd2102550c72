package main

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// settlePace is when grants that were sent and whose outcome was not noted are
// looked at. The zero value takes every default.
type settlePace struct {
	flush time.Duration // between two tries to keep what is known and could not be kept; 5 s
	sweep time.Duration // between two looks at what stands as sent; 15 s
	after time.Duration // the consent: no look before; 1 min, while a call takes two at most
	doubt time.Duration // between two looks at what is unknown; 10 min
}

func (p settlePace) withDefaults() settlePace {
	return settlePace{
		cmp.Or(p.flush, 5*time.Second), cmp.Or(p.sweep, 15*time.Second), cmp.Or(p.after, time.Minute), cmp.Or(p.doubt, 10*time.Minute),
	}
}

const (
	doubtUntil    = 26 * time.Hour // after the consent: Vennio keeps an idempotency key for 24 hours
	strayAfter    = time.Hour      // of a tenant whose key is not here
	flushAtTheEnd = time.Second
)

// settlers settle what is left, for each tenant with its own account.
type settlers struct {
	mu   sync.Mutex
	deps map[string]*tools.Deps // by tenant: those whose servers are made
	make func(tenant string) (*tools.Deps, error)
	made map[string]*tools.Deps // by tenant of the settings: what make made, with its connections and names
}

func (s *settlers) add(d *tools.Deps) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deps == nil {
		s.deps = map[string]*tools.Deps{}
	}
	s.deps[d.Tenant] = d
}

func (s *settlers) remove(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.deps, tenant)
}

var errNoAccount = errors.New("there is no key for this tenant")

// of is what a tenant's grants are settled with, made if its server is not.
func (s *settlers) of(tenant string) (*tools.Deps, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.deps[tenant]; ok {
		return d, nil
	}
	if d, ok := s.made[tenant]; ok {
		return d, nil
	}
	d, err := s.make(tenant)
	if err != nil {
		return d, err
	}
	if s.made == nil {
		s.made = map[string]*tools.Deps{}
	}
	s.made[tenant] = d
	return d, nil
}

// settling settles what is left, until stop: outcomes that are known as soon as the
// store is back, others by asking Vennio. Several processes may do so at once. It
// does not make a store where there is none.
func (a *assembled) settling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	pace := a.pace
	var running sync.WaitGroup
	running.Go(func() {
		flush, sweep, doubt := time.NewTicker(pace.flush), time.NewTicker(pace.sweep), time.NewTicker(pace.doubt)
		defer flush.Stop()
		defer sweep.Stop()
		defer doubt.Stop()
		for {
			select {
			case <-ctx.Done():
				last, done := context.WithTimeout(context.WithoutCancel(ctx), flushAtTheEnd)
				defer done()
				a.report(last, a.ledger.Flush(last))
				return
			case <-flush.C:
				a.report(ctx, a.ledger.Flush(ctx))
			case <-sweep.C:
				a.report(ctx, a.executeApproved(ctx))
				a.report(ctx, a.settle(ctx, func() ([]consent.Unsettled, error) { return a.ledger.UnsettledSent(ctx, pace.after) }))
			case <-doubt.C:
				a.report(ctx, a.settle(ctx, func() ([]consent.Unsettled, error) { return a.ledger.UnsettledUnknown(ctx, pace.after, doubtUntil) }))
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// report: that the store is away is said by whoever needs it.
func (a *assembled) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, consent.ErrUnavailable) {
		a.log.Warn().Err(err).Msg("what was sent to Vennio cannot be settled now; it is tried again")
	}
}

// settle asks Vennio about grants. Where the account of one cannot be asked now, its
// others wait for the next time.
func (a *assembled) settle(ctx context.Context, find func() ([]consent.Unsettled, error)) error {
	if !a.store.Exists() {
		return nil
	}
	left, err := find()
	if err != nil {
		return err
	}
	var failed error
	waits := map[string]bool{}
	for _, one := range left {
		if waits[one.Tenant] {
			continue
		}
		d, err := a.settlers.of(one.Tenant)
		switch {
		case err == nil:
			err = d.SettleLeft(ctx, one)
		case one.Age < strayAfter || one.Grant.Outcome != consent.Sent: // a caller may bring the key again
			err = nil
		default:
			err = a.ledger.Resolve(ctx, one.Grant, consent.Unknown, "", "no key for its tenant is here to ask Vennio with")
		}
		if err != nil {
			failed, waits[one.Tenant] = err, true
		}
	}
	return failed
}

// approvedAfter is how long an approval is left to the process that took it.
const approvedAfter = 5 * time.Second

// executeApproved writes what people approved and the process that took the approval did not write:
// it ended, or has no key for the tenant.
func (a *assembled) executeApproved(ctx context.Context) error {
	if !a.store.Exists() {
		return nil
	}
	waiting, err := a.ledger.ApprovedUnsent(ctx, approvedAfter)
	if err != nil {
		return err
	}
	var failed error
	for _, one := range waiting {
		d, err := a.settlers.of(one.Act.Tenant)
		if err != nil {
			continue // a process that has the key does it, or the agent's next call
		}
		if err := d.Execute(ctx, one); err != nil && !errors.Is(err, tools.ErrElsewhere) {
			failed = err
		}
	}
	return failed
}

// account is what the grants of a tenant of the settings are settled with before its
// first call.
func (a *assembled) account(p program, cfg config.Config) func(tenant string) (*tools.Deps, error) {
	return func(tenant string) (*tools.Deps, error) {
		own, ok := cfg.Of(tenant)
		if !ok || own.Sandbox() {
			return nil, errNoAccount
		}
		client, err := a.client(own, own.APIKey.Reveal())
		if err != nil {
			return nil, err
		}
		d := a.deps(p, own, own.Identity(tenant), client, own.APIKey.Reveal())
		if n := a.notifiers[tenant]; n != nil {
			d.Changed = n.Wrote
		}
		return d, nil
	}
}
