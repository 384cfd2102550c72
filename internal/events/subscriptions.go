package events

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// Register keeps a subscription of the tenant's that was made at Vennio, whose
// secret counts from then on, and the one before it until the next.
func (b *Inbox) Register(ctx context.Context, id, url, secret string) error {
	return b.all.db.Write(ctx, func(tx *store.Tx) error {
		return tx.AddSubscription(store.Subscription{Tenant: b.tenant, ID: id, URL: url, Secret: secret, Created: b.all.o.Now()})
	})
}

// Subscriptions returns those of the tenant that were made from here and not
// ended, the newest first: at most 100.
func (b *Inbox) Subscriptions(ctx context.Context) (kept []store.Subscription, err error) {
	err = b.all.db.Read(ctx, func(tx *store.Tx) (err error) {
		kept, err = tx.Subscriptions(b.tenant, 100)
		return err
	})
	return kept, err
}

// Unregister forgets a subscription of the tenant's; what is still signed with
// its secret is refused from then on.
func (b *Inbox) Unregister(ctx context.Context, id string) error {
	return b.all.db.Write(ctx, func(tx *store.Tx) error { return tx.DropSubscription(b.tenant, id) })
}
