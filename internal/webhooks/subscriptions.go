package webhooks

import (
	"context"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Subscription is a webhook that was registered at Vennio.
type Subscription struct {
	Tenant  string // empty for the default one
	ID      string // Vennio's, wh_…
	URL     string
	Secret  string // signs its deliveries; Vennio shows it once
	Created time.Time
	Account string // identifies the Vennio account; empty if that is unknown
}

func (s *Subscription) columns() []any {
	return []any{&s.Tenant, &s.ID, &s.URL, &s.Secret, sqldb.Instant{To: &s.Created}, &s.Account}
}

// addSubscription stores a subscription, or updates a stored one.
func addSubscription(tx *sqldb.Tx, s Subscription) error {
	return tx.Exec(`INSERT INTO subscriptions (tenant, id, url, secret, created, account) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET url = excluded.url, secret = excluded.secret, created = excluded.created, account = excluded.account`,
		s.Tenant, s.ID, s.URL, s.Secret, sqldb.Text(s.Created), s.Account)
}

// Subscriptions returns up to limit subscriptions of a tenant, the newest first.
func Subscriptions(tx *sqldb.Tx, tenant string, limit int) ([]Subscription, error) {
	return sqldb.All(tx, (*Subscription).columns, `SELECT tenant, id, url, secret, created, account FROM subscriptions WHERE tenant = ? ORDER BY created DESC, n DESC LIMIT ?`, tenant, limit)
}

// newestSubscriptions returns up to limit subscriptions of each account of each tenant, the
// newest of each tenant first.
func newestSubscriptions(tx *sqldb.Tx, limit int) ([]Subscription, error) {
	return sqldb.All(tx, (*Subscription).columns, `SELECT tenant, id, url, secret, created, account FROM (
			SELECT *, row_number() OVER (PARTITION BY tenant, account ORDER BY created DESC, n DESC) AS place FROM subscriptions
		) AS ordered WHERE place <= ? ORDER BY tenant, created DESC, n DESC`, limit)
}

func deleteSubscription(tx *sqldb.Tx, tenant, id string) error {
	return tx.Exec(`DELETE FROM subscriptions WHERE tenant = ? AND id = ?`, tenant, id)
}

// Register stores a subscription that the tenant made at Vennio. Its secret and that of the
// subscription before are accepted.
func (b *Inbox) Register(ctx context.Context, id, url, secret string) error {
	return b.service.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := b.service.now(tx)
		if err != nil {
			return err
		}
		return addSubscription(tx, Subscription{Tenant: b.tenant, ID: id, URL: url, Secret: secret, Created: now, Account: b.account})
	})
}

// Subscriptions returns the newest 100 registered subscriptions of the tenant, the newest first.
func (b *Inbox) Subscriptions(ctx context.Context) ([]Subscription, error) {
	return sqldb.Select(ctx, b.service.db, func(tx *sqldb.Tx) ([]Subscription, error) { return Subscriptions(tx, b.tenant, 100) })
}

// ownAccount reports whether a subscription belongs to the tenant's account, or was stored
// before accounts were.
func (b *Inbox) ownAccount(s Subscription) bool { return s.Account == "" || s.Account == b.account }

// AssignAccount assigns subscriptions of the tenant, given by their ids, to its account. Call it
// with the ids that Vennio lists for the account, which may have had another key when they were
// made. It returns the number of changed subscriptions.
func (b *Inbox) AssignAccount(ctx context.Context, ids []string) (changed int, err error) {
	stored, err := b.Subscriptions(ctx)
	if err != nil {
		return 0, err
	}
	stored = slices.DeleteFunc(stored, func(s Subscription) bool { return s.Account == b.account || !slices.Contains(ids, s.ID) })
	if len(stored) == 0 {
		return 0, nil
	}
	return len(stored), b.service.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, s := range stored {
			if err := tx.Exec(`UPDATE subscriptions SET account = ? WHERE tenant = ? AND id = ?`, b.account, b.tenant, s.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// HasOtherAccounts reports whether a subscription of the tenant belongs to another account.
func (b *Inbox) HasOtherAccounts(ctx context.Context) (bool, error) {
	stored, err := b.Subscriptions(ctx)
	return slices.ContainsFunc(stored, func(s Subscription) bool { return !b.ownAccount(s) }), err
}

// SubscribedTenants returns the names of the tenants that have subscriptions, sorted. They need
// not be configured.
func (s *Service) SubscribedTenants(ctx context.Context) ([]string, error) {
	return sqldb.Select(ctx, s.db, func(tx *sqldb.Tx) ([]string, error) {
		return sqldb.All(tx, sqldb.Column[string], `SELECT DISTINCT tenant FROM subscriptions ORDER BY tenant`)
	})
}

// Unregister deletes a subscription of the tenant. Deliveries signed with its secret are then
// refused, by other processes within half a minute.
func (b *Inbox) Unregister(ctx context.Context, id string) error {
	return b.service.db.Write(ctx, func(tx *sqldb.Tx) error { return deleteSubscription(tx, b.tenant, id) })
}
