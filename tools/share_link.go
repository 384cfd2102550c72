package tools

import (
	"context"
	"fmt"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// shareLink defines the tool that makes a Venn Link, with a person's consent.
func shareLink(d *Deps) Tool {
	return define(d, spec{
		name: toolShare, title: "Share a booking link", effect: adds,
		description: "Make a link through which anybody who has it can book a host, free or paid, with questions for the guest. " + consentRule(d.Policy) +
			" Vennio e-mails nobody; the person sends the link. It cannot be withdrawn here.",
	}, d.shareLink)
}

func (d *Deps) shareLink(ctx context.Context, in schemas.ShareLinkInput) (*schemas.ShareLinkResult, error) {
	l, err := d.PrepareLink(ctx, in)
	if err != nil {
		return nil, err
	}
	req := writeRequest{act: l.Act, proposal: d.proposal(l.Act, []scheduling.Host{l.Host}, d.Zone, nil)}
	made, err := withConsent(ctx, d, req, in.Consent, l, d.Share)
	if err != nil {
		return nil, writeFailed(err, writeShare)
	}
	out := &schemas.ShareLinkResult{
		LinkID: sanitize.Line(made.Link.ID, 100), URL: d.Vennio.SafeLink(made.Link.URL), Repeated: !made.Fresh, Title: l.Act.Title, DurationMinutes: l.Act.Minutes,
		Host: l.Host.Shown(), Price: l.Act.Price, Questions: l.Act.Questions, Consent: consentOnFile(made.Grant),
		Undo: "No call undoes it: Vennio documents none that deletes a link; people do that in Vennio.",
		Next: "Give the person the link to send. list_bookings shows what was booked with it.",
	}
	if at := made.Link.ExpiresAt; !at.IsZero() {
		out.Expires = times.Moment(at, d.Zone) + " (" + d.Zone.String() + ")"
	}
	if out.URL == "" {
		out.Next = fmt.Sprintf("Tell the person that Vennio gave no address for the link %s, and that they find it in Vennio.", out.LinkID)
	}
	return out, nil
}
