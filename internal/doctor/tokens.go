package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// tokenKeys checks the key set of the authorization server, where one is set.
func (p Patient) tokenKeys(ctx context.Context) []Finding {
	const check = "token keys"
	o := p.Config.Serve.OAuth
	if o == nil {
		return nil
	}
	set, err := o.Keys(ctx)
	if _, sent := errors.AsType[*url.Error](err); sent {
		return []Finding{noAnswer(check, o.JWKS, "jwks_url (oauth, in the settings file)", auth.FetchLimit, err)}
	}
	if err != nil {
		return []Finding{problem(check, fmt.Sprintf("%s serves no key set: %v", o.JWKS, err), "Check jwks_url (oauth, in the settings file): the issuer names it as jwks_uri in its metadata.")}
	}
	var all []Finding
	if set.Usable == 0 {
		all = append(all, problem(check, o.JWKS+" has no key that can check a signature: every token is refused", "Check jwks_url (oauth, in the settings file), or ask whoever runs the issuer for an RSA, EC or Ed25519 signing key."))
	} else {
		all = append(all, ok(check, "%d usable at %s", set.Usable, o.JWKS))
	}
	for _, malformed := range set.Malformed {
		all = append(all, warn(check, sanitize.Line(malformed, 200)+"; it is not used", "Tell whoever runs the issuer: tokens signed with this key are refused, others are not affected."))
	}
	return all
}
