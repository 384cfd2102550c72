package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// hosts looks for free times of each host, and by the way at the dialect.
func (p Patient) hosts(ctx context.Context, c *vennioclient.Client) []Finding {
	if len(p.Config.Hosts) == 0 {
		return []Finding{warn("dialect", "not checked: no host is set", "Set "+p.setting("VENNIO_BUSINESS_ID")+" or "+p.setting("VENNIO_HOSTS")+".")}
	}
	var all []Finding
	names := scheduling.NewHostNames(c, p.Now)
	for i, h := range p.Config.Hosts {
		name, unnamed := p.hostName(ctx, names, h)
		all = append(all, unnamed...)
		found, err := p.slots(ctx, c, h)
		if i == 0 {
			all = append(all, p.dialect(ctx, h, err))
		}
		all = append(all, p.calendar(name, found, err))
	}
	return all
}

// hostName is how people see a host, and a warning where that is no name.
func (p Patient) hostName(ctx context.Context, names *scheduling.HostNames, h scheduling.Host) (string, []Finding) {
	const check = "host name"
	host := consent.Party{Name: h.Name, ID: h.ID}
	if !host.Unnamed() || strings.Contains(h.ID, "@") {
		return host.Label(60, sanitize.Line), nil
	}
	calendar := "calendar " + consent.ShortID(h.ID)
	do := fmt.Sprintf("Name the host in %s: Name=id.", p.setting("VENNIO_HOSTS"))
	found, err := names.Find(ctx, h.ID)
	switch {
	case err != nil:
		saw := fmt.Sprintf("Vennio could not be asked for the name of the owner of %s: %s%s", calendar, vennioclient.KindOf(err), request(err))
		return "the owner of " + calendar, []Finding{warn(check, saw+"; until it can, nothing is booked with this host", do)}
	case len(found) == 0:
		saw := "Vennio gives no name for the owner of " + calendar + ", so people are asked to meet somebody without a name"
		return "the owner of " + calendar, []Finding{warn(check, saw, do)}
	}
	for _, name := range found {
		host.Name = name
	}
	return host.Label(60, consent.PersonName), nil
}

// slots asks for the free half hours of the next seven days.
func (p Patient) slots(ctx context.Context, c *vennioclient.Client, h scheduling.Host) (int, error) {
	from := p.Now().Add(time.Hour).Truncate(time.Minute)
	found, err := c.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: []string{h.ID}, Duration: 30 * time.Minute, From: from, To: from.AddDate(0, 0, 7), Timezone: "UTC",
	})
	return len(found), err
}

// dialect tries the other one where this one is not understood.
func (p Patient) dialect(ctx context.Context, h scheduling.Host, failed error) Finding {
	const check = "dialect"
	ours, other := p.Config.Dialect, vennioclient.Guide
	if ours == vennioclient.Guide {
		other = vennioclient.Reference
	}
	e, refused := errors.AsType[*vennioclient.Error](failed)
	switch {
	case failed == nil:
		return ok(check, "%s is understood", ours)
	case !refused || e.Status != http.StatusBadRequest:
		return ok(check, "%s was not refused", ours)
	}
	c, err := p.client(p.Transport, other)
	if err == nil {
		_, err = p.slots(ctx, c, h)
	}
	if err == nil {
		return problem(check, fmt.Sprintf("%s is not understood there, %s is", ours, other), fmt.Sprintf("Set VENNIO_API_DIALECT=%s.", other))
	}
	return problem(check, fmt.Sprintf("neither %s nor %s is understood there%s", ours, other, request(failed)), "Is VENNIO_API_URL Vennio's, or something else's?")
}

func (p Patient) calendar(name string, slots int, err error) Finding {
	const check = "host"
	switch vennioclient.KindOf(err) {
	case "":
		if slots == 0 {
			return warn(check, name+" has no free half hour within seven days", "Is that so? Look at the business hours and calendars in Vennio.")
		}
		return ok(check, "%s has free times within seven days", name)
	case vennioclient.KindCalendarNotConnected:
		return problem(check, "the calendar of "+name+" is not connected", "Connect it in Vennio; until then no times are found.")
	case vennioclient.KindNotFound:
		return problem(check, "Vennio does not know "+name, "Check the id in "+p.setting("VENNIO_HOSTS")+" or "+p.setting("VENNIO_BUSINESS_ID")+": it is a UUID of this account.")
	case vennioclient.KindForbidden:
		return problem(check, "the key may not see the free times of "+name, "Use a key with the scope read:availability, of the account that owns this host.")
	default:
		return problem(check, fmt.Sprintf("asked for the free times of %s, Vennio failed: %s%s", name, vennioclient.KindOf(err), request(err)), "See the lines above; if they are well, ask Vennio's support.")
	}
}
