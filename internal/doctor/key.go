package doctor

import (
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// keyLife is after how long a key is to be replaced (vennio-api.md, Webhooks).
const keyLife = 90 * 24 * time.Hour

func (p Patient) key() Finding {
	const check = "key"
	switch {
	case p.Absent:
		return ok(check, "none is set: there is no default tenant, each caller has a key of their tenant's or their own")
	case p.Sandbox:
		return note(check, "none is set: the built-in sandbox answers, and nothing real is booked", "For the real Vennio set VENNIO_API_KEY.")
	}
	switch kind := vennioclient.KeyKind(p.Config.APIKey.Reveal()); {
	case kind == vennioclient.KeyUnknown:
		return ok(check, "set, of no known kind") // the settings' warnings say more
	case kind.Publishable():
		return warn(check, "set, "+string(kind)+": it can find slots and book, and do nothing else", "Use a secret key (vennio_sk_…) to see, move and cancel bookings too.")
	case kind.Test():
		return note(check, "set, "+string(kind)+": bookings are stored, but nobody is written to and no calendar changes", "For real bookings use a live key.")
	default:
		return ok(check, "set, %s", kind)
	}
}

// keyAge is how long the key has been in use.
func (p Patient) keyAge() Finding {
	const check = "key age"
	since, err := p.KeySince()
	if err != nil {
		return warn(check, "not known: "+err.Error(), "Set "+p.setting("VENNIO_API_KEY_CREATED")+" to the day on which the key was made.")
	}
	age := p.Now().Sub(since)
	saw := fmt.Sprintf("known since %s (%d days)", since.UTC().Format(time.DateOnly), int(age.Hours()/24))
	if age > keyLife {
		return warn(check, saw+", to be replaced after 90 days", "Make a new key at Vennio, set it, then revoke this one.")
	}
	return ok(check, "%s", saw)
}
