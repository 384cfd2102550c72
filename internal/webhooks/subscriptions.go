package webhooks

import (
	"context"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Register keeps a subscription of the tenant's that was made at Vennio, whose
// secret counts from then on, and the one before it until the next.
func (b *Inbox) Register(ctx context.Context, id, url, secret string) error {
	return b.all.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := b.all.now(tx)
		if err != nil {
			return err
		}
		return tx.AddSubscription(sqldb.Subscription{Tenant: b.tenant, ID: id, URL: url, Secret: secret, Created: now, Account: b.account})
	})
}

// Subscriptions returns those of the tenant that were made from here and not
// ended, the newest first: at most 100.
func (b *Inbox) Subscriptions(ctx context.Context) (kept []sqldb.Subscription, err error) {
	err = b.all.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		kept, err = tx.Subscriptions(b.tenant, 100)
		return err
	})
	return kept, err
}

// counts: a subscription is of the tenant's account, or from before accounts were
// told apart.
func (b *Inbox) counts(s sqldb.Subscription) bool { return s.Account == "" || s.Account == b.account }

// Adopt says that some of the tenant's subscriptions, by their ids, are of its
// account, since Vennio lists them there: its key may be another than they were
// made with. It returns how many were changed.
func (b *Inbox) Adopt(ctx context.Context, ids []string) (adopted int, err error) {
	kept, err := b.Subscriptions(ctx)
	if err != nil {
		return 0, err
	}
	kept = slices.DeleteFunc(kept, func(s sqldb.Subscription) bool { return s.Account == b.account || !slices.Contains(ids, s.ID) })
	if len(kept) == 0 {
		return 0, nil
	}
	return len(kept), b.all.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, s := range kept {
			if err := tx.SetSubscriptionAccount(b.tenant, s.ID, b.account); err != nil {
				return err
			}
		}
		return nil
	})
}

// Strange reports whether some of the tenant's subscriptions were made for
// another account.
func (b *Inbox) Strange(ctx context.Context) (bool, error) {
	kept, err := b.Subscriptions(ctx)
	return slices.ContainsFunc(kept, func(s sqldb.Subscription) bool { return !b.counts(s) }), err
}

// Subscribed returns the tenants that have subscriptions kept, in the order of
// their names; the settings need not have them.
func (b *Office) Subscribed(ctx context.Context) (tenants []string, err error) {
	err = b.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		tenants, err = tx.SubscriptionTenants()
		return err
	})
	return tenants, err
}

// Unregister forgets a subscription of the tenant's; what is still signed with
// its secret is refused, by other processes within half a minute.
func (b *Inbox) Unregister(ctx context.Context, id string) error {
	return b.all.db.Write(ctx, func(tx *sqldb.Tx) error { return tx.DropSubscription(b.tenant, id) })
}
