package scheduling

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// NewLink is a Venn Link that is to be made: whoever has it can book.
type NewLink struct {
	Host    Host
	Request vennioclient.VennLinkRequest
	Act     consent.Act
}

// Free is the price of a link that costs nothing. Without a price, the one that is set in Vennio counts.
const Free = "free"

// PrepareLink resolves a link without writing. A link that was made from the same arguments within
// consent.RepeatWindow is the same act; later it is another one.
func (s *Service) PrepareLink(ctx context.Context, in schemas.ShareLinkInput) (l NewLink, err error) {
	var wanted []schemas.HostRef
	if in.Host != "" {
		wanted = []schemas.HostRef{in.Host}
	}
	hosts, err := s.ResolveHosts(ctx, wanted)
	if err != nil {
		return l, err
	}
	l.Host = hosts[0]
	l.Request = vennioclient.VennLinkRequest{
		Title: sanitize.Line(in.Title, 120), HostID: l.Host.ID, Duration: in.Duration(), ExpiresIn: time.Duration(in.ExpiresInHours) * time.Hour,
	}
	l.Act = consent.Act{
		Tool: ToolShare, Tenant: s.Tenant, BookingID: "links of " + l.Host.ID, Zone: s.Zone.String(), Title: l.Request.Title, Hosts: parties(hosts[:1]),
		Terms: consent.Terms{Minutes: int(in.Duration() / time.Minute), ExpiresInHours: in.ExpiresInHours},
	}
	for _, q := range in.Questions {
		text := sanitize.Line(q, 200)
		l.Act.Questions = append(l.Act.Questions, text)
		l.Request.Questions = append(l.Request.Questions, vennioclient.Question{ID: fmt.Sprintf("q%d", len(l.Act.Questions)), Label: text, Required: true})
	}
	if l.Act.Price, l.Request.Price, err = linkPrice(in.Price); err != nil {
		return l, err
	}
	if err := s.giveUpOld(ctx, l.Act); err != nil {
		return l, err
	}
	l.Act, err = s.distinct(ctx, l.Act, func(g consent.Grant) bool { return s.Now().Sub(g.At) >= consent.RepeatWindow })
	return l, err
}

// distinct gives an act the first serial number under which it was not done, or was done by a grant that
// still answers for it.
func (s *Service) distinct(ctx context.Context, act consent.Act, isPast func(consent.Grant) bool) (consent.Act, error) {
	for {
		g, _, err := s.Ledger.FindConsent(ctx, act)
		if err != nil || g == nil || g.Outcome != consent.Done || !isPast(*g) {
			return act, err
		}
		act.Serial++
	}
}

// withoutCents are the currencies whose minor unit is the unit itself, and withThousandths those with three
// decimals (ISO 4217), which a Price cannot express.
const (
	withoutCents    = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	withThousandths = "BHD IQD JOD KWD LYD OMR TND"
)

// linkPrice reads a price for people and for Vennio, in the minor unit of its currency.
func linkPrice(text string) (shown string, price *vennioclient.Price, err error) {
	switch text = strings.TrimSpace(text); {
	case text == "":
		return "", nil, nil
	case strings.EqualFold(text, Free), text == "0":
		return Free, &vennioclient.Price{}, nil
	}
	p, err := ParsePrice(text)
	if err != nil {
		return "", nil, refuse(schemas.CodeInvalidArguments, "price: "+err.Error()+", or free.", "")
	}
	switch amount := p.Cents; {
	case amount == 0:
		return Free, &vennioclient.Price{}, nil
	case strings.Contains(withThousandths, p.Currency), strings.Contains(withoutCents, p.Currency) && amount%100 != 0:
		return "", nil, refuse(schemas.CodeInvalidArguments, "price: an amount in "+p.Currency+" cannot have two decimals.", "Ask the person for another amount or currency.")
	case strings.Contains(withoutCents, p.Currency):
		return fmt.Sprintf("%d %s", amount/100, p.Currency), &vennioclient.Price{Amount: amount / 100, Currency: p.Currency}, nil
	}
	return p.String(), &vennioclient.Price{Amount: p.Cents, Currency: p.Currency}, nil
}

// Shared is a link that was made under a grant.
type Shared struct {
	Grant consent.Grant
	Link  vennioclient.VennLink
	Fresh bool // this call made it
}

// Share makes a link under a grant. Vennio repeats its answer to a repeated call under the same key.
func (s *Service) Share(ctx context.Context, l NewLink, g consent.Grant) (out Shared, err error) {
	out = Shared{Fresh: g.Outcome != consent.Done}
	out.Grant, err = s.execute(ctx, g, func(g consent.Grant) (string, error) {
		made, err := s.Vennio.CreateVennLink(ctx, vennioclient.IdempotencyKey(g.Key()), l.Request)
		if err != nil {
			return "", err
		}
		out.Link = *made
		return made.ID, nil
	})
	return out, err
}

const linkPages, linkPage = 10, 100

// findNewLink looks for the link that was to be made: one of the same host, title and length that was made
// since the consent and belongs to no other grant. Links have no metadata.
func (s *Service) findNewLink(ctx context.Context, left consent.Unsettled) (finding, string, error) {
	act, q := left.Act, vennioclient.VennLinksQuery{Limit: linkPage}
	for range linkPages {
		page, err := s.Vennio.ListVennLinks(ctx, q)
		if err != nil {
			return unclear, "", err
		}
		for _, l := range page.Links {
			isLike := l.Title == act.Title && l.Duration == time.Duration(act.Minutes)*time.Minute && !l.CreatedAt.Before(left.Grant.At.Add(-time.Minute)) &&
				slices.ContainsFunc(act.Hosts, func(h consent.Host) bool { return l.HostID == "" || idKey(h.ID) == idKey(l.HostID) })
			if !isLike {
				continue
			}
			taken, err := s.Ledger.HasBooking(ctx, left.Tenant, l.ID, left.Grant.ID)
			if err != nil {
				return unclear, "", err
			}
			if !taken {
				return done, l.ID, nil
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return notDone, "", nil
		}
	}
	return unclear, "", nil
}
