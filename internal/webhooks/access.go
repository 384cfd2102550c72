package webhooks

import (
	"context"
	"errors"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// revoke closes the tenant's open consents to book a host who took calendar access back:
// whoever asked was shown times that are no longer theirs to see.
//
// consent.changed says only by its status which way it went; consent.revoked is
// taken at its word.
func (b *Inbox) revoke(ctx context.Context, e webhook.Event) error {
	c, ok := e.Consent()
	if ok && e.Type != webhook.ConsentRevoked && c.Active {
		return nil
	}
	who := consent.HostIdentity{ID: c.Grantor.ID, Name: c.Grantor.Name, Email: c.Grantor.Email}
	if !ok || who == (consent.HostIdentity{}) {
		return jobs.Final(errors.New("calendar access was revoked, but the event names nobody: close what is open with vennio-mcp approvals"))
	}
	_, err := b.all.o.Ledger.CloseForHost(ctx, b.tenant, who, "calendar access was revoked ("+string(e.Type)+")")
	return err
}
