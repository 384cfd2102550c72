package sqldb

import "time"

// Subscription is a webhook as it was registered at Vennio.
type Subscription struct {
	Tenant  string // whose account; empty for the default one
	ID      string // Vennio's, wh_…
	URL     string
	Secret  string // signs what is delivered to it; Vennio shows it once
	Created time.Time
	Account string // tells the key it was made with from others; empty if that is not known
}

func (s *Subscription) columns() []any {
	return []any{&s.Tenant, &s.ID, &s.URL, &s.Secret, Instant{&s.Created}, &s.Account}
}

// AddSubscription keeps a subscription, or what changed of one.
func (tx *Tx) AddSubscription(s Subscription) error {
	return tx.Exec(`INSERT INTO subscriptions (tenant, id, url, secret, created, account) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET url = excluded.url, secret = excluded.secret, created = excluded.created, account = excluded.account`,
		s.Tenant, s.ID, s.URL, s.Secret, Text(s.Created), s.Account)
}

// Subscriptions returns up to limit subscriptions of a tenant, the newest first.
func (tx *Tx) Subscriptions(tenant string, limit int) ([]Subscription, error) {
	return All(tx, (*Subscription).columns, `SELECT tenant, id, url, secret, created, account FROM subscriptions WHERE tenant = ? ORDER BY created DESC, n DESC LIMIT ?`, tenant, limit)
}

// NewestSubscriptions returns up to limit subscriptions of each account of each
// tenant, the newest of each tenant first.
func (tx *Tx) NewestSubscriptions(limit int) ([]Subscription, error) {
	return All(tx, (*Subscription).columns, `SELECT tenant, id, url, secret, created, account FROM (
			SELECT *, row_number() OVER (PARTITION BY tenant, account ORDER BY created DESC, n DESC) AS place FROM subscriptions
		) AS ordered WHERE place <= ? ORDER BY tenant, created DESC, n DESC`, limit)
}

// SubscriptionTenants returns the tenants that have subscriptions, in the order of
// their names.
func (tx *Tx) SubscriptionTenants() ([]string, error) {
	return tx.names(`SELECT DISTINCT tenant FROM subscriptions ORDER BY tenant`)
}

// SetSubscriptionAccount says whose a tenant's subscription is.
func (tx *Tx) SetSubscriptionAccount(tenant, id, account string) error {
	return tx.Exec(`UPDATE subscriptions SET account = ? WHERE tenant = ? AND id = ?`, account, tenant, id)
}

// DropSubscription forgets a tenant's subscription and its secret.
func (tx *Tx) DropSubscription(tenant, id string) error {
	return tx.Exec(`DELETE FROM subscriptions WHERE tenant = ? AND id = ?`, tenant, id)
}
