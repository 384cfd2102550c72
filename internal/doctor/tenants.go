package doctor

import (
	"context"
	"slices"
	"sync"
)

// atOnce bounds how many tenants are looked at at the same time.
const atOnce = 8

// tenants looks at all others, and tells of them in their order.
func (p Patient) tenants(ctx context.Context) []Finding {
	found := make([][]Finding, len(p.Tenants))
	turn := make(chan struct{}, atOnce)
	var looking sync.WaitGroup
	for i, t := range p.Tenants {
		looking.Go(func() {
			turn <- struct{}{}
			found[i] = t.own(ctx, p.Absent && i == 0)
			<-turn
		})
	}
	looking.Wait()
	return slices.Concat(found...)
}

// own is what a tenant has for itself. That Vennio answers, and what time it is
// there, is told once, unless something is wrong with it.
func (p Patient) own(ctx context.Context, first bool) []Finding {
	all := p.settings()
	for _, f := range p.vennio(ctx) {
		if first || f.Level != OK || f.Check != checkAddress && f.Check != checkClock {
			all = append(all, f)
		}
	}
	all = append(all, p.zone())
	if p.Webhook != nil {
		all = append(all, p.Webhook(ctx))
	}
	for i := range all {
		all[i].Tenant = p.Tenant
	}
	return all
}

// fields are what settings are called in a tenant's entry of the settings file.
var fields = map[string]string{
	"VENNIO_API_KEY_CREATED": "key_created", "VENNIO_BUSINESS_ID": "business_id", "VENNIO_HOSTS": "hosts", "VENNIO_TIMEZONE": "timezone",
}

// setting names a setting where the tenant has it.
func (p Patient) setting(name string) string {
	if p.Tenant == "" {
		return name
	}
	return fields[name] + " (tenants, in the settings file)"
}
