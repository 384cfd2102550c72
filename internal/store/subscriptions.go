package store

import "time"

// Subscription is a webhook as it was registered at Vennio.
type Subscription struct {
	ID      string // Vennio's, wh_…
	URL     string
	Secret  string // signs what is delivered to it; Vennio shows it once
	Created time.Time
}

func (s *Subscription) columns() []any { return []any{&s.ID, &s.URL, &s.Secret, instant{&s.Created}} }

// AddSubscription keeps a subscription, or what changed of one.
func (tx *Tx) AddSubscription(s Subscription) error {
	return tx.exec(`INSERT INTO subscriptions (id, url, secret, created) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET url = excluded.url, secret = excluded.secret, created = excluded.created`,
		s.ID, s.URL, s.Secret, Text(s.Created))
}

// Subscriptions returns up to limit subscriptions, the newest first.
func (tx *Tx) Subscriptions(limit int) ([]Subscription, error) {
	return all[Subscription](tx, `SELECT id, url, secret, created FROM subscriptions ORDER BY created DESC, n DESC LIMIT ?`, limit)
}

// DropSubscription forgets a subscription and its secret.
func (tx *Tx) DropSubscription(id string) error {
	return tx.exec(`DELETE FROM subscriptions WHERE id = ?`, id)
}
