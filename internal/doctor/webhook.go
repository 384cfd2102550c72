package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// registerLike returns an example of the command that registers the subscription.
func (t Target) registerLike() string {
	return "vennio-mcp webhooks register" + t.flag() + " --url https://your.host" + webhooks.PathOf(t.Tenant)
}

func (t Target) flag() string {
	if t.Tenant == "" {
		return ""
	}
	return " --tenant " + t.Tenant
}

// Subscribed reports whether Vennio sends events to this server. It implements
// Target.Webhook for a server that stores events in the Store.
func (t Target) Subscribed(ctx context.Context) Finding {
	const check = "webhook"
	if t.Sandbox {
		return ok(check, "not needed: vennio-mcp serve receives the sandbox's events without a subscription")
	}
	kept, newest, err := t.stored(ctx)
	switch {
	case err != nil:
		return problem(check, fmt.Sprintf("the subscriptions cannot be read: %v", err), "See the line about the store.")
	case len(kept) > 0:
		return t.listed(ctx, kept, newest)
	case len(t.Config.WebhookSecrets) > 0:
		return ok(check, "a secret is set; %s", newest)
	}
	return warn(check, "none is registered: bookings that are made, paid or cancelled elsewhere are noticed only when they are read", "Let vennio-mcp serve run behind an https address, then: "+t.registerLike())
}

// stored returns the stored subscriptions, the newest first, and the age of the newest
// event in words.
func (t Target) stored(ctx context.Context) (kept []webhooks.Subscription, newest string, err error) {
	newest = "no event so far"
	err = t.Store.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if kept, err = webhooks.Subscriptions(tx, t.Tenant, 100); err != nil {
			return err
		}
		last, err := webhooks.Events(tx, webhooks.EventFilter{Tenant: t.Tenant, Limit: 1})
		if err == nil && len(last) > 0 {
			newest = fmt.Sprintf("newest event %s ago", t.Now().Sub(last[0].Received).Round(time.Second))
		}
		return err
	})
	return kept, newest, err
}

// listed checks whether Vennio lists the newest subscription. That operation is not
// published, so its failure says nothing about the events.
func (t Target) listed(ctx context.Context, kept []webhooks.Subscription, newest string) Finding {
	const check = "webhook"
	s := kept[0]
	to := fmt.Sprintf("%s to %s", sanitize.Line(s.ID, 60), sanitize.Line(s.URL, 200))
	c, err := t.client(t.Transport, t.Config.Dialect)
	if err != nil {
		return problem(check, err.Error(), "Correct the setting.")
	}
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return ok(check, "registered, %s; %s; it is unknown whether Vennio has it (%s)", to, newest, vennioclient.KindOf(err))
	}
	has := func(s webhooks.Subscription) bool {
		return slices.ContainsFunc(all, func(w vennioclient.Webhook) bool { return w.ID == s.ID })
	}
	switch {
	case has(s):
		return ok(check, "Vennio has it, %s; %s", to, newest)
	case slices.ContainsFunc(kept, has):
		return warn(check, "the newest, "+to+", is gone at Vennio; an older one is there; "+newest, "vennio-mcp webhooks remove "+s.ID+t.flag())
	}
	return problem(check, "registered here, but gone at Vennio: "+to+"; "+newest, "vennio-mcp webhooks remove "+s.ID+t.flag()+", then: "+t.registerLike())
}

// tokenKeys checks the key set of the authorization server, if one is configured.
func (t Target) tokenKeys(ctx context.Context) []Finding {
	const check = "token keys"
	o := t.Config.Serve.OAuth
	if o == nil {
		return nil
	}
	set, err := o.Keys(ctx)
	if _, sent := errors.AsType[*url.Error](err); sent {
		return []Finding{noAnswer(check, o.JWKS, "jwks_url (oauth, in the settings file)", auth.FetchTimeout, err)}
	}
	if err != nil {
		return []Finding{problem(check, fmt.Sprintf("%s serves no key set: %v", o.JWKS, err), "Check jwks_url (oauth, in the settings file): the issuer names it as jwks_uri in its metadata.")}
	}
	var all []Finding
	if set.Usable == 0 {
		all = append(all, problem(check, o.JWKS+" has no key that can check a signature: every token is refused", "Check jwks_url (oauth, in the settings file), or ask the operator of the issuer for an RSA, EC or Ed25519 signing key."))
	} else {
		all = append(all, ok(check, "%d usable at %s", set.Usable, o.JWKS))
	}
	for _, malformed := range set.Malformed {
		all = append(all, warn(check, sanitize.Line(malformed, 200)+"; it is not used", "Inform the operator of the issuer: tokens signed with this key are refused, others are not affected."))
	}
	return all
}
