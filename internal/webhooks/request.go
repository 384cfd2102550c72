package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Requested is the type of the one event that is this program's own: a request waits for a person
// outside the client.
const Requested webhook.Type = "consent.requested"

// storedRequest is the body under which the event is stored. The facts stay in the ledger: a
// delivery reads them there, so that it tells how the request stands by then, and an erasure in the
// ledger reaches them.
type storedRequest struct {
	ID        string            `json:"id"`
	Type      webhook.Type      `json:"type"`
	CreatedAt time.Time         `json:"created_at"`
	Data      storedRequestData `json:"data"`
}

type storedRequestData struct {
	Proposal string `json:"proposal"`
	Client   string `json:"client,omitempty"`
}

// request is what sinks are told of a request (docs/events.md).
type request struct {
	Question string    `json:"question"`
	Expires  time.Time `json:"expires"`
	Client   string    `json:"client,omitempty"` // as it calls itself
	Page     string    `json:"approval_url"`
}

// requestID is the id of the event about a proposal. It does not contain the proposal's id, which
// may be enough to approve: event ids appear in lists and logs.
func requestID(proposal string) string {
	sum := sha256.Sum256([]byte("vennio-mcp request v1\x00" + proposal))
	return "request_" + hex.EncodeToString(sum[:16])
}

// Request queues, once for each sink of the tenant that wants it, that p waits for a person outside
// the client. Calls for a proposal that was queued before change nothing. client is the name of the
// requesting client, empty if unknown.
func (b *Inbox) Request(ctx context.Context, p consent.Proposal, client string) error {
	id := requestID(p.ID)
	tasks := b.followUps(id, Requested, "")
	if len(tasks) == 0 {
		return nil
	}
	body, err := encode(storedRequest{id, Requested, p.At, storedRequestData{p.ID, sanitize.Mask(sanitize.Line(client, 60))}})
	if err != nil {
		return err
	}
	d := &delivery{row: sqldb.Event{Tenant: b.tenant, ID: id, Type: string(Requested), At: p.At, Body: body}, tasks: tasks}
	b.all.batches.store(ctx, d)
	if d.err != nil {
		return fmt.Errorf("queue that a request waits for a person: %w", d.err)
	}
	return nil
}

// request reports whether e is one of Request's, not of Vennio's, and returns what it tells now: nil
// once the request was answered, has expired or was erased.
func (b *Office) request(ctx context.Context, e webhook.Event) (r *request, own bool, err error) {
	var data storedRequestData
	if e.Type != Requested || json.Unmarshal(e.Data, &data) != nil || e.ID != requestID(data.Proposal) {
		return nil, false, nil
	}
	if b.o.Ledger == nil || b.o.Page == nil {
		return nil, true, jobs.Final(errors.New("no approval page is served here"))
	}
	p, err := b.o.Ledger.Proposal(ctx, data.Proposal)
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		return nil, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("read the request: %w", err)
	case p.State != consent.StateOpen:
		return nil, true, nil
	}
	page, err := b.o.Page(p.ID)
	if err != nil {
		return nil, true, fmt.Errorf("find the approval page: %w", err)
	}
	return &request{sanitize.Mask(p.Act.Question()), p.Expires, data.Client, page}, true, nil
}

// asks tells a request to people, less the page's address.
func (w wording) asks(r request) string {
	text := "Approval needed: " + w.safe(r.Question)
	if r.Client != "" {
		text += " Requested by " + w.quoted(r.Client, 60) + "."
	}
	return text + " Open until " + times.Clock(r.Expires.Truncate(time.Minute), w.zone) + " (" + w.zone.String() + "): "
}
