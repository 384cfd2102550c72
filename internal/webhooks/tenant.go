package webhooks

import (
	"cmp"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
)

// Of returns the Inbox of a tenant, over the same store. One whom the settings do
// not have gets no events and has no sinks; what is still kept of theirs can be
// reviewed.
func (b *Office) Of(tenant string) *Inbox {
	if own := b.inboxes[tenant]; own != nil {
		return own
	}
	return &Inbox{all: b, tenant: tenant}
}

// furnish makes the inboxes and returns all who do follow-ups.
func (b *Office) furnish() (lanes []jobs.Lane, err error) {
	for _, t := range append([]Tenant{b.o.Tenant}, b.o.Others...) {
		if b.inboxes[t.Name] != nil {
			return nil, fmt.Errorf("tenant %s: the name is taken by another", t.Name)
		}
		own := &Inbox{all: b, tenant: t.Name, known: true, account: t.Account, secrets: t.Secrets}
		b.inboxes[t.Name] = own
		more, err := own.addSinks(t)
		if err != nil && t.Name != "" {
			err = fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		if err != nil {
			return nil, err
		}
		lanes = append(lanes, more...)
	}
	if b.o.Ledger != nil {
		lanes = append(lanes, jobs.Lane{Name: access})
	}
	return lanes, nil
}

// addSinks builds a tenant's sinks.
func (b *Inbox) addSinks(t Tenant) (lanes []jobs.Lane, err error) {
	names := map[string]bool{}
	for _, s := range t.Sinks {
		r, err := s.build(b.all.o.Transport, cmp.Or(t.Zone, time.UTC), b.all.here)
		if err != nil {
			return nil, fmt.Errorf("sink %s: %w", s.Name, err)
		}
		if names[s.Name] {
			return nil, fmt.Errorf("sink %s: the name is taken by another", s.Name)
		}
		names[s.Name] = true
		b.sinks = append(b.sinks, recipient{s, r})
		lanes = append(lanes, jobs.Lane{Tenant: t.Name, Name: s.Name, Pause: s.Pause})
	}
	return lanes, nil
}
