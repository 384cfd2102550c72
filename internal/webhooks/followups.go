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
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// accessQueue is the queue of the follow-ups of revoked calendar access. Names of sinks do not
// begin with a dot.
const accessQueue = ".access"

// followUps returns the tasks of an event, for one sink or, if sink is empty, for all sinks.
func (b *Inbox) followUps(id string, kind webhook.Type, sink string) (tasks []Task) {
	for _, s := range b.sinks {
		if s.wants(kind) && (sink == "" || sink == s.Name) {
			tasks = append(tasks, Task{Tenant: b.tenant, Event: id, To: s.Name})
		}
	}
	if b.service.o.Ledger != nil && kind.MayRevoke() && sink == "" {
		tasks = append(tasks, Task{Tenant: b.tenant, Event: id, To: accessQueue})
	}
	return tasks
}

func (s *Service) carryOut(ctx context.Context, t Task) error {
	b := s.Of(t.Tenant)
	var stored *Event
	var external string
	err := s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if stored, err = EventByID(tx, b.tenant, t.Event); err == nil && stored != nil && stored.Booking != "" {
			external, err = ExternalID(tx, b.tenant, stored.Booking, t.To)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case stored == nil:
		return Permanent(errors.New("the event is no longer stored"))
	case !stored.Erased.IsZero():
		return Permanent(ErrErased)
	}
	e, err := webhook.Decode(stored.Body)
	if err != nil {
		return Permanent(err)
	}
	if t.To == accessQueue && s.o.Ledger != nil {
		return b.closeConsents(ctx, e)
	}
	for _, sink := range b.sinks {
		if sink.Name != t.To {
			continue
		}
		r, isRequest, err := s.openRequest(ctx, e)
		if err != nil || isRequest && r == nil {
			return err
		}
		return b.send(ctx, sink, stored.Booking, message{tenant: b.tenant, event: e, received: stored.Received, externalID: external, request: r})
	}
	return Permanent(errors.New("the settings have no sink of this name"))
}

// send sends a message to a sink and stores the id that the sink gave the booking.
func (b *Inbox) send(ctx context.Context, sink configuredSink, booking string, m message) error {
	id, err := sink.send(ctx, m)
	if err != nil || id == "" || id == m.externalID || booking == "" {
		return err
	}
	err = b.service.db.Write(ctx, func(tx *sqldb.Tx) error { return setExternalID(tx, b.tenant, booking, sink.Name, id) })
	if err != nil {
		return fmt.Errorf("store the sink's id of the booking: %w", err)
	}
	return nil
}

// closeConsents closes the tenant's open consents to book a host who revoked calendar access,
// because the person who was asked saw times that the tenant may no longer see.
//
// consent.changed means a revocation only if its status says so.
func (b *Inbox) closeConsents(ctx context.Context, e webhook.Event) error {
	c, ok := e.Consent()
	if ok && e.Type != webhook.ConsentRevoked && c.Active {
		return nil
	}
	host := consent.HostIdentity{ID: c.Grantor.ID, Name: c.Grantor.Name, Email: c.Grantor.Email}
	if !ok || host == (consent.HostIdentity{}) {
		return Permanent(errors.New("calendar access was revoked, but the event does not say whose: close open requests with vennio-mcp approvals"))
	}
	_, err := b.service.o.Ledger.CloseForHost(ctx, b.tenant, host, "calendar access was revoked ("+string(e.Type)+")")
	return err
}

// Requested is the type of the event that a request waits for a person outside the client. It
// comes from this program and not from Vennio.
const Requested webhook.Type = "consent.requested"

// storedRequest is the stored body of the event. The facts stay in the ledger and are read when
// the event is sent, so that it has the current state of the request, and so that an erasure in
// the ledger is sufficient.
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

// request is what sinks receive about a request (docs/events.md).
type request struct {
	Question string    `json:"question"`
	Expires  time.Time `json:"expires"`
	Client   string    `json:"client,omitempty"` // the name that the client gives itself
	Page     string    `json:"approval_url"`
}

// requestID returns the id of the event about a proposal. It does not contain the id of the
// proposal, which may be sufficient to approve it: event ids appear in lists and logs.
func requestID(proposal string) string {
	sum := sha256.Sum256([]byte("vennio-mcp request v1\x00" + proposal))
	return "request_" + hex.EncodeToString(sum[:16])
}

// Request queues, for each sink of the tenant that wants it, that p waits for a person outside
// the client. Repeated calls for a proposal change nothing. client is the name of the requesting
// client, empty if unknown.
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
	e := &pendingEvent{event: Event{Tenant: b.tenant, ID: id, Type: string(Requested), At: p.At, Body: body}, tasks: tasks}
	b.service.writer.store(ctx, e)
	if e.err != nil {
		return fmt.Errorf("queue that a request waits for a person: %w", e.err)
	}
	return nil
}

// openRequest reports whether e comes from Request, and returns what to send: nil if the request
// was answered, has expired or was erased.
func (s *Service) openRequest(ctx context.Context, e webhook.Event) (r *request, isRequest bool, err error) {
	var data storedRequestData
	if e.Type != Requested || json.Unmarshal(e.Data, &data) != nil || e.ID != requestID(data.Proposal) {
		return nil, false, nil
	}
	if s.o.Ledger == nil || s.o.Page == nil {
		return nil, true, Permanent(errors.New("this process serves no approval page"))
	}
	p, err := s.o.Ledger.Proposal(ctx, data.Proposal)
	switch {
	case errors.Is(err, consent.ErrNoProposal):
		return nil, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("read the request: %w", err)
	case p.State != consent.StateOpen:
		return nil, true, nil
	}
	page, err := s.o.Page(p.ID)
	if err != nil {
		return nil, true, fmt.Errorf("find the approval page: %w", err)
	}
	return &request{sanitize.Mask(p.Act.Question()), p.Expires, data.Client, page}, true, nil
}
