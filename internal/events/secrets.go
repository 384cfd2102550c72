package events

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	// registered is how many subscriptions of a tenant count: two while one takes
	// the other's place.
	registered = 2
	// mostSecrets is how many a tenant has: two set, and those of subscriptions.
	mostSecrets = 2 + registered
	// secretsFresh is how often the store is asked for secrets at most, however
	// many deliveries are badly signed.
	secretsFresh = time.Second
)

// secrets are the operator's and those of the subscriptions made from here, for
// all tenants: what a delivery costs does not tell whether its tenant exists.
type secrets struct {
	office *Office
	decoy  string // fits nothing

	mu   sync.Mutex
	kept map[string][]string // by tenant
	read time.Time
}

func newSecrets(b *Office) *secrets { return &secrets{office: b, decoy: rand.Text()} }

// any reports whether the default tenant has a secret at all. Of the others it
// is not told.
func (s *secrets) any(ctx context.Context, tenant string) bool {
	if tenant != "" {
		return true
	}
	found, asOf := s.of(tenant)
	if len(found) == 0 && s.renewed(ctx, asOf) {
		found, _ = s.of(tenant)
	}
	return len(found) > 0
}

// verify checks a signature. A subscription may have been made a moment ago by
// another process: before a signature is refused, the store is asked again.
func (s *secrets) verify(ctx context.Context, tenant string, body []byte, signature string) error {
	found, asOf := s.of(tenant)
	err := webhook.Verify(body, signature, found...)
	if errors.Is(err, webhook.ErrMismatch) && s.renewed(ctx, asOf) {
		found, _ = s.of(tenant)
		err = webhook.Verify(body, signature, found...)
	}
	return err
}

// of returns a tenant's secrets, and as of when those of the store are known. A
// tenant with a name has always as many, so that nobody can time them.
func (s *secrets) of(tenant string) (found []string, asOf time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.office.Of(tenant); own.known {
		found = append(append(found, own.secrets...), s.kept[tenant]...)
	}
	for tenant != "" && len(found) < mostSecrets {
		found = append(found, s.decoy)
	}
	return found, s.read
}

// renewed reports whether secrets are known that were not at that time. It asks
// the store, unless that was a moment ago.
func (s *secrets) renewed(ctx context.Context, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.office.o.Now().Sub(s.read) >= secretsFresh {
		s.reread(ctx)
	}
	return !s.read.Equal(since)
}

func (s *secrets) reread(ctx context.Context) {
	var subscriptions []store.Subscription
	err := s.office.db.Read(ctx, func(tx *store.Tx) (err error) {
		subscriptions, err = tx.NewestSubscriptions(registered)
		return err
	})
	if err != nil {
		s.office.warn(ctx, "the webhook secrets could not be read", err)
		return
	}
	s.read, s.kept = s.office.o.Now(), map[string][]string{}
	for _, sub := range subscriptions {
		s.kept[sub.Tenant] = append(s.kept[sub.Tenant], sub.Secret)
	}
}

// Register keeps a subscription of the tenant's that was made at Vennio, whose
// secret counts from then on, and the one before it until the next.
func (b *Inbox) Register(ctx context.Context, id, url, secret string) error {
	return b.all.db.Write(ctx, func(tx *store.Tx) error {
		return tx.AddSubscription(store.Subscription{Tenant: b.tenant, ID: id, URL: url, Secret: secret, Created: b.all.o.Now()})
	})
}

func (b *Office) warn(ctx context.Context, what string, err error) {
	if b.o.Log != nil {
		b.o.Log.ErrorContext(ctx, what, "error", err)
	}
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
