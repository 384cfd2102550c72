package webhooks

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	// registered is the number of subscriptions of a tenant whose secrets are accepted: two while
	// one replaces the other.
	registered = 2
	// mostSecrets is the number of secrets of a tenant: two configured ones, and those of subscriptions.
	mostSecrets = 2 + registered
	// secretsFresh is the minimum interval between reads of the stored secrets, whatever the number
	// of wrong signatures.
	secretsFresh = time.Second
	// secretsStale is the time after which stored secrets must be read again. Another process may
	// have removed a subscription, whose secret must then be refused.
	secretsStale = 30 * time.Second
	// secretsWait is the timeout of a read.
	secretsWait = 5 * time.Second
)

// errUnread is returned if the signature matches none of the configured secrets and the stored
// ones could not be read.
var errUnread = errors.New("the webhook secrets could not be read")

// secrets are the configured secrets and those of registered subscriptions, of all tenants. The
// cost of a delivery does not reveal whether its tenant exists.
type secrets struct {
	service *Service
	decoy   string // matches no signature

	loading sync.Mutex // held during a read of the store; separate from mu, so that deliveries whose signature matches do not wait
	loaded  time.Time  // end of the last read, which may have failed

	mu     sync.Mutex
	stored map[string][]string // by tenant
	asOf   time.Time           // start of the read that returned stored
}

func newSecrets(service *Service) *secrets { return &secrets{service: service, decoy: rand.Text()} }

// any reports whether the default tenant has a secret. For other tenants it returns true, so that
// the answer does not reveal whether they exist.
func (s *secrets) any(ctx context.Context, tenant string) bool {
	if tenant != "" {
		return true
	}
	found, asOf := s.of(tenant)
	if len(found) == 0 && s.refresh(ctx, asOf) {
		found, _ = s.of(tenant)
	}
	return len(found) > 0
}

// verify verifies a signature. Before it refuses one, it reads the stored secrets again, because
// another process may have registered a subscription, or if they are stale. The error is that of
// webhook.Verify, or errUnread.
func (s *secrets) verify(ctx context.Context, tenant string, body []byte, signature string) error {
	found, asOf := s.of(tenant)
	err := webhook.Verify(body, signature, found...)
	if errors.Is(err, webhook.ErrMismatch) && s.refresh(ctx, asOf) {
		found, asOf = s.of(tenant)
		err = webhook.Verify(body, signature, found...)
	}
	if errors.Is(err, webhook.ErrMismatch) && s.stale(asOf) {
		return errUnread
	}
	return err
}

func (s *secrets) stale(asOf time.Time) bool { return s.service.localNow().Sub(asOf) >= secretsStale }

// of returns a tenant's secrets and the time at which the stored ones were read. It omits stored
// secrets that are stale. For a tenant with a name it always returns the same number, so that
// the time of the comparison reveals nothing.
func (s *secrets) of(tenant string) (found []string, asOf time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.service.Of(tenant); own.configured {
		found = append(found, own.secrets...)
		if !s.stale(s.asOf) {
			found = append(found, s.stored[tenant]...)
		}
	}
	for tenant != "" && len(found) < mostSecrets {
		found = append(found, s.decoy)
	}
	return found, s.asOf
}

// refresh reads the stored secrets unless they were read within secretsFresh, and reports whether
// they are newer than since.
func (s *secrets) refresh(ctx context.Context, since time.Time) bool {
	s.loading.Lock()
	defer s.loading.Unlock()
	if now := s.service.localNow(); now.Sub(s.loaded) >= secretsFresh {
		s.load(ctx, now)
		s.loaded = s.service.localNow()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.asOf.Equal(since)
}

// load reads the stored secrets. The end of ctx does not stop it.
func (s *secrets) load(ctx context.Context, now time.Time) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretsWait)
	defer cancel()
	subscriptions, err := sqldb.Select(limited, s.service.db, func(tx *sqldb.Tx) ([]Subscription, error) { return newestSubscriptions(tx, registered) })
	if err != nil {
		s.service.logError(ctx, "the webhook secrets could not be read", err)
		return
	}
	kept := map[string][]string{}
	for _, sub := range subscriptions {
		if s.service.Of(sub.Tenant).ownAccount(sub) && len(kept[sub.Tenant]) < registered {
			kept[sub.Tenant] = append(kept[sub.Tenant], sub.Secret)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asOf, s.stored = now, kept
}
