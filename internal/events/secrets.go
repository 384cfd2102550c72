package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	// registered is how many subscriptions count: two while one takes the other's place.
	registered = 2
	// secretsFresh is how often the store is asked for secrets at most, however
	// many deliveries are badly signed.
	secretsFresh = time.Second
)

// secrets are the operator's and those of the subscriptions made from here.
type secrets struct {
	inbox *Inbox

	mu   sync.Mutex
	kept []string
	read time.Time
}

func newSecrets(b *Inbox) *secrets { return &secrets{inbox: b} }

// any reports whether there is a secret at all.
func (s *secrets) any(ctx context.Context) bool { return len(s.all(ctx, false)) > 0 }

// verify checks a signature. A subscription may have been made a moment ago by
// another process: before a signature is refused, the store is asked again.
func (s *secrets) verify(ctx context.Context, body []byte, signature string) error {
	err := webhook.Verify(body, signature, s.all(ctx, false)...)
	if errors.Is(err, webhook.ErrMismatch) {
		err = webhook.Verify(body, signature, s.all(ctx, true)...)
	}
	return err
}

// all returns every secret; those of the store as they were a moment ago, unless
// they are wanted fresh or there was none.
func (s *secrets) all(ctx context.Context, fresh bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := len(s.inbox.o.Secrets)+len(s.kept) > 0
	if (fresh || !known) && s.inbox.o.Now().Sub(s.read) >= secretsFresh {
		s.reread(ctx)
	}
	return append(append([]string{}, s.inbox.o.Secrets...), s.kept...)
}

func (s *secrets) reread(ctx context.Context) {
	var subscriptions []store.Subscription
	err := s.inbox.db.Read(ctx, func(tx *store.Tx) (err error) {
		subscriptions, err = tx.Subscriptions(registered)
		return err
	})
	if err != nil {
		s.inbox.warn(ctx, "the webhook secrets could not be read", err)
		return
	}
	s.read, s.kept = s.inbox.o.Now(), nil
	for _, sub := range subscriptions {
		s.kept = append(s.kept, sub.Secret)
	}
}

// Register keeps a subscription that was made at Vennio, whose secret counts
// from then on, and the one before it until the next.
func (b *Inbox) Register(ctx context.Context, id, url, secret string) error {
	return b.db.Write(ctx, func(tx *store.Tx) error {
		return tx.AddSubscription(store.Subscription{ID: id, URL: url, Secret: secret, Created: b.o.Now()})
	})
}

func (b *Inbox) warn(ctx context.Context, what string, err error) {
	if b.o.Log != nil {
		b.o.Log.ErrorContext(ctx, what, "error", err)
	}
}

// Subscriptions returns those that were made from here and not ended, the newest
// first: at most 100.
func (b *Inbox) Subscriptions(ctx context.Context) (kept []store.Subscription, err error) {
	err = b.db.Read(ctx, func(tx *store.Tx) (err error) {
		kept, err = tx.Subscriptions(100)
		return err
	})
	return kept, err
}

// Unregister forgets a subscription; what is still signed with its secret is
// refused from then on.
func (b *Inbox) Unregister(ctx context.Context, id string) error {
	return b.db.Write(ctx, func(tx *store.Tx) error { return tx.DropSubscription(id) })
}
