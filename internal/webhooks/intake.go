package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"golang.org/x/time/rate"

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

// intake takes deliveries. How many of those that are signed is decided by how fast
// they are stored; requests that are not signed have a limit of their own.
type intake struct {
	office   *Office
	secrets  *secrets
	room     *room
	unsigned *rate.Limiter
}

func newIntake(b *Office) *intake {
	return &intake{
		office: b, secrets: newSecrets(b), room: newRoom(b.o.BodyTimeout, b.o.WaitTimeout),
		unsigned: rate.NewLimiter(rate.Limit(b.o.UnsignedRate), max(1, int(2*b.o.UnsignedRate))),
	}
}

// Handler takes deliveries of all tenants, at Path and at TenantsPath: POST, at
// most 1 MiB, signed with one of the tenant's secrets. A tenant that does not
// exist is answered as one whose secrets do not fit.
func (b *Office) Handler() http.Handler { return b.intake }

// ServeHTTP answers one delivery.
func (n *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		status, why := n.refused(w, http.StatusMethodNotAllowed, "this endpoint takes POST")
		w.Header().Set("Allow", http.MethodPost)
		reply(w, status, why)
		return
	}
	result, why := n.deliver(w, r)
	n.office.o.OnDelivery(result)
	status := statuses[result]
	switch result {
	case Unsigned, Misshapen, Mismatch, TooLarge:
		status, why = n.refused(w, status, why)
	case Failed:
		w.Header().Set("Retry-After", "2")
	default:
	}
	if result != Accepted && result != Duplicate && result != Mismatch { // some of the body may be unread, and stays so
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(n.office.o.BodyTimeout))
	}
	if why == "" {
		why = string(result)
	}
	reply(w, status, why)
}

// refused is the answer to a request that is not signed: why, or that there were too
// many.
func (n *intake) refused(w http.ResponseWriter, status int, why string) (int, string) {
	if n.unsigned.Allow() {
		return status, why
	}
	w.Header().Set("Retry-After", "1")
	return http.StatusTooManyRequests, "too many requests that are not signed with one of the secrets"
}

var statuses = map[Result]int{
	Accepted: http.StatusOK, Duplicate: http.StatusOK, Unsigned: http.StatusUnauthorized, Misshapen: http.StatusUnauthorized,
	Mismatch: http.StatusUnauthorized, TooLarge: http.StatusRequestEntityTooLarge, Malformed: http.StatusBadRequest, Failed: http.StatusServiceUnavailable,
}

// deliver takes what costs least first. why is for whoever reads Vennio's log.
func (n *intake) deliver(w http.ResponseWriter, r *http.Request) (result Result, why string) {
	signature, tenant := r.Header.Get(webhook.SignatureHeader), r.PathValue(tenantKey)
	shape := webhook.Verify(nil, signature) // without secrets: nothing fits
	switch {
	case !n.secrets.any(r.Context(), tenant):
		return Failed, "no webhook secret is set here: set VENNIO_WEBHOOK_SECRET, or run: vennio-mcp webhooks register"
	case errors.Is(shape, webhook.ErrUnsigned):
		return Unsigned, "the delivery has no " + webhook.SignatureHeader + " header"
	case errors.Is(shape, webhook.ErrMisshapen):
		return Misshapen, "the signature is not 64 hexadecimal digits"
	case r.ContentLength > maxBody:
		return TooLarge, "the body is larger than 1 MiB"
	}
	body, leave, err := n.room.read(w, r)
	defer leave()
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case errors.Is(err, errNoRoom):
		return Failed, "too many deliveries at once"
	case large:
		return TooLarge, "the body is larger than 1 MiB"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Malformed, "the body came too slowly"
	case err != nil:
		return Malformed, "the body could not be read"
	}
	return n.take(r.Context(), tenant, body, signature)
}

// take checks and stores what was read.
func (n *intake) take(ctx context.Context, tenant string, body []byte, signature string) (result Result, why string) {
	err := n.secrets.verify(ctx, tenant, body, signature)
	switch {
	case errors.Is(err, errUnread):
		return Failed, "the webhook secrets could not be read"
	case err != nil:
		return Mismatch, "the signature fits none of the secrets"
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1), and what is stored has none
	if excess := jsonlimits.Check(body); excess != nil {
		return Malformed, "the body is signed, but it " + excess.Error()
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

func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Result string `json:"result"`
	}{text}) // a sender that has gone needs no answer
}
