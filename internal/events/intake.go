package events

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Path is where Vennio delivers what it tells the default tenant.
const Path = "/webhooks/vennio"

// tenantKey is what net/http calls the tenant in TenantsPath.
const tenantKey = "tenant"

// TenantsPath is where it delivers to the others, as a pattern of
// [http.ServeMux].
const TenantsPath = Path + "/{" + tenantKey + "}"

// PathOf is where it delivers to one tenant.
func PathOf(tenant string) string {
	if tenant == "" {
		return Path
	}
	return Path + "/" + tenant
}

// Result is what became of a delivery.
type Result string

// The results. Only the first two are answered with success; Vennio repeats the
// others up to three times (vennio-api.md, Webhooks).
const (
	Accepted  Result = "accepted"
	Duplicate Result = "duplicate"
	Unsigned  Result = "unsigned"
	Misshapen Result = "misshapen" // the signature is none
	Mismatch  Result = "mismatch"  // the signature is of another secret or body
	TooLarge  Result = "too_large"
	Malformed Result = "malformed" // signed, but no event
	Failed    Result = "failed"    // ours: no secret, too much at once, the store
)

const (
	maxBody   = 1 << 20
	readLimit = 10 * time.Second // of one body
	atOnce    = 32               // bodies held at once: 32 MiB
	maxQueue  = 4096             // requests waiting for their turn, with their bodies unread
	waitLimit = 10 * time.Second // for one's turn
)

// intake bounds what deliveries cost.
type intake struct {
	office  *Office
	secrets *secrets
	turn    chan struct{}
	queue   chan struct{}
}

func newIntake(b *Office) *intake {
	return &intake{
		office: b, secrets: newSecrets(b),
		turn: make(chan struct{}, atOnce), queue: make(chan struct{}, maxQueue),
	}
}

// Handler takes deliveries of all tenants, at Path and at TenantsPath: POST, at
// most 1 MiB, signed with one of the tenant's secrets. A tenant that does not
// exist is answered as one whose secrets do not fit.
func (b *Office) Handler() http.Handler { return b.intake }

// ServeHTTP answers one delivery.
func (n *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		reply(w, http.StatusMethodNotAllowed, "this endpoint takes POST")
		return
	}
	result, why := n.deliver(w, r)
	n.office.o.OnDelivery(result)
	status := statuses[result]
	switch result {
	case Failed:
		w.Header().Set("Retry-After", "2")
	case TooLarge:
		w.Header().Set("Connection", "close") // what follows of the body is not read
	default:
	}
	if why == "" {
		why = string(result)
	}
	reply(w, status, why)
}

var statuses = map[Result]int{
	Accepted: http.StatusOK, Duplicate: http.StatusOK, Unsigned: http.StatusUnauthorized, Misshapen: http.StatusUnauthorized,
	Mismatch: http.StatusUnauthorized, TooLarge: http.StatusRequestEntityTooLarge, Malformed: http.StatusBadRequest, Failed: http.StatusServiceUnavailable,
}

// deliver takes what costs least first. why is for whoever reads Vennio's log.
func (n *intake) deliver(w http.ResponseWriter, r *http.Request) (result Result, why string) {
	signature, tenant := r.Header.Get(webhook.SignatureHeader), r.PathValue(tenantKey)
	switch {
	case !n.secrets.any(r.Context(), tenant):
		return Failed, "no webhook secret is set here: set VENNIO_WEBHOOK_SECRET, or run: vennio-mcp webhooks register"
	case signature == "":
		return Unsigned, "the delivery has no " + webhook.SignatureHeader + " header"
	case r.ContentLength > maxBody:
		return TooLarge, "the body is larger than 1 MiB"
	}
	leave, ok := n.enter(r.Context())
	if !ok {
		return Failed, "too many deliveries at once"
	}
	defer leave()
	body, err := read(w, r)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return TooLarge, "the body is larger than 1 MiB"
	}
	if err != nil {
		return Malformed, "the body could not be read"
	}
	return n.take(r.Context(), tenant, body, signature)
}

// take checks and stores what was read.
func (n *intake) take(ctx context.Context, tenant string, body []byte, signature string) (result Result, why string) {
	err := n.secrets.verify(ctx, tenant, body, signature)
	switch {
	case errors.Is(err, webhook.ErrMisshapen):
		return Misshapen, "the signature is not 64 hexadecimal digits"
	case errors.Is(err, errUnread):
		return Failed, "the webhook secrets could not be read"
	case err != nil:
		return Mismatch, "the signature fits none of the secrets"
	}
	e, err := webhook.Decode(body)
	if err != nil {
		return Malformed, "the body is signed, but no event"
	}
	added, err := n.office.Of(tenant).Receive(ctx, e, body)
	switch {
	case err != nil:
		n.office.warn(ctx, "an event could not be stored; Vennio will repeat it", err)
		return Failed, "the event could not be stored"
	case !added:
		return Duplicate, ""
	}
	return Accepted, ""
}

// enter waits for one's turn.
func (n *intake) enter(ctx context.Context) (leave func(), ok bool) {
	select {
	case n.queue <- struct{}{}:
		defer func() { <-n.queue }()
	default:
		return nil, false
	}
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	select {
	case n.turn <- struct{}{}:
		return func() { <-n.turn }, true
	case <-ctx.Done():
	case <-limit.C:
	}
	return nil, false
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(readLimit)) // not every writer can
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Result string `json:"result"`
	}{text}) // a sender that has gone needs no answer
}
