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
	// registered is how many subscriptions of a tenant count: two while one takes
	// the other's place.
	registered = 2
	// mostSecrets is how many a tenant has: two set, and those of subscriptions.
	mostSecrets = 2 + registered
	// secretsFresh is how often the store is asked for secrets at most, however
	// many deliveries are badly signed.
	secretsFresh = time.Second
	// secretsStale is for how long what the store said counts. Another process may
	// have removed a subscription since, and whoever has its secret signs well.
	secretsStale = 30 * time.Second
	// secretsWait bounds asking.
	secretsWait = 5 * time.Second
)

// errUnread: the signature fits none of the secrets that are set, and which the
// store has is not known.
var errUnread = errors.New("the webhook secrets could not be read")

// secrets are the operator's and those of the subscriptions made from here, for
// all tenants: what a delivery costs does not tell whether its tenant exists.
type secrets struct {
	office *Office
	decoy  string // fits nothing

	asking sync.Mutex // held by who asks the store: whoever's signature fits need not wait for it
	asked  time.Time  // last, whatever came of it

	mu   sync.Mutex
	kept map[string][]string // by tenant
	read time.Time           // as of when the store had those
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
// another process: before a signature is refused, the store is asked again. So it
// is where it was asked too long ago, since one may have been removed. The error
// is the webhook package's, or errUnread.
func (s *secrets) verify(ctx context.Context, tenant string, body []byte, signature string) error {
	found, asOf := s.of(tenant)
	err := webhook.Verify(body, signature, found...)
	if errors.Is(err, webhook.ErrMismatch) && s.renewed(ctx, asOf) {
		found, asOf = s.of(tenant)
		err = webhook.Verify(body, signature, found...)
	}
	if errors.Is(err, webhook.ErrMismatch) && s.stale(asOf) {
		return errUnread
	}
	return err
}

func (s *secrets) stale(asOf time.Time) bool { return s.office.here().Sub(asOf) >= secretsStale }

// of returns a tenant's secrets, and as of when those of the store are known;
// they are left out where that is too long ago. A tenant with a name has always
// as many, so that nobody can time them.
func (s *secrets) of(tenant string) (found []string, asOf time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.office.Of(tenant); own.known {
		found = append(found, own.secrets...)
		if !s.stale(s.read) {
			found = append(found, s.kept[tenant]...)
		}
	}
	for tenant != "" && len(found) < mostSecrets {
		found = append(found, s.decoy)
	}
	return found, s.read
}

// renewed reports whether secrets are known that were not at that time. It asks
// the store, unless that was a moment ago, with or without an answer.
func (s *secrets) renewed(ctx context.Context, since time.Time) bool {
	s.asking.Lock()
	defer s.asking.Unlock()
	if now := s.office.here(); now.Sub(s.asked) >= secretsFresh {
		s.reread(ctx, now)
		s.asked = s.office.here()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.read.Equal(since)
}

// reread asks the store as of now. Whoever made it ask does not stop it by
// leaving.
func (s *secrets) reread(ctx context.Context, now time.Time) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretsWait)
	defer cancel()
	var subscriptions []sqldb.Subscription
	err := s.office.db.Read(limited, func(tx *sqldb.Tx) (err error) {
		subscriptions, err = tx.NewestSubscriptions(registered)
		return err
	})
	if err != nil {
		s.office.warn(ctx, "the webhook secrets could not be read", err)
		return
	}
	kept := map[string][]string{}
	for _, sub := range subscriptions {
		if s.office.Of(sub.Tenant).counts(sub) && len(kept[sub.Tenant]) < registered {
			kept[sub.Tenant] = append(kept[sub.Tenant], sub.Secret)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read, s.kept = now, kept
}

func (b *Office) warn(ctx context.Context, what string, err error) {
	if b.o.Log != nil {
		b.o.Log.ErrorContext(ctx, what, "error", err)
	}
}
