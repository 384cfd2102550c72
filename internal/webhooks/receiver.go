package webhooks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Path is the path of deliveries to the default tenant.
const Path = "/webhooks/vennio"

// tenantKey is the name of the tenant's path value in TenantsPath.
const tenantKey = "tenant"

// TenantsPath is the path of deliveries to other tenants, as a pattern of [http.ServeMux].
const TenantsPath = Path + "/{" + tenantKey + "}"

// PathOf returns the path of deliveries to a tenant.
func PathOf(tenant string) string {
	if tenant == "" {
		return Path
	}
	return Path + "/" + tenant
}

// Result is the result of a delivery.
type Result string

// The results. The first two are answered with success. Vennio repeats the others up to three
// times (vennio-api.md, Webhooks).
const (
	Accepted  Result = "accepted"
	Duplicate Result = "duplicate"
	Unsigned  Result = "unsigned"
	Misshapen Result = "misshapen" // not 64 hexadecimal digits
	Mismatch  Result = "mismatch"  // signature of another secret or body
	TooLarge  Result = "too_large"
	Malformed Result = "malformed" // signed, but not an event
	Failed    Result = "failed"    // no secret, too many deliveries, or an error of the database
)

// receiver handles deliveries. Signed ones have no rate limit: the time to store them limits
// their number. Unsigned ones have one.
type receiver struct {
	service  *Service
	secrets  *secrets
	bodies   *bodyLimit
	unsigned *rate.Limiter
}

func newReceiver(b *Service) *receiver {
	return &receiver{
		service: b, secrets: newSecrets(b), bodies: newBodyLimit(b.o.BodyTimeout, b.o.WaitTimeout),
		unsigned: rate.NewLimiter(rate.Limit(b.o.UnsignedRate), max(1, int(2*b.o.UnsignedRate))),
	}
}

// Handler returns the handler of deliveries to all tenants, at Path and at TenantsPath: POST
// requests of at most 1 MiB, signed with one of the tenant's secrets. The answer for a tenant
// that does not exist is that of a wrong signature.
func (s *Service) Handler() http.Handler { return s.receiver }

// ServeHTTP answers one delivery.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		status, why := rc.limitUnsigned(w, http.StatusMethodNotAllowed, "this endpoint accepts only POST")
		w.Header().Set("Allow", http.MethodPost)
		reply(w, status, why)
		return
	}
	result, why := rc.deliver(w, r)
	rc.service.o.OnDelivery(result)
	status := statuses[result]
	switch result {
	case Unsigned, Misshapen, Mismatch, TooLarge:
		status, why = rc.limitUnsigned(w, status, why)
	case Failed:
		w.Header().Set("Retry-After", "2")
	default:
	}
	if result != Accepted && result != Duplicate && result != Mismatch { // does not read the rest of the body
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rc.service.o.BodyTimeout))
	}
	reply(w, status, cmp.Or(why, string(result)))
}

// limitUnsigned returns the answer to an unsigned request: the given one, or 429 over the limit.
func (rc *receiver) limitUnsigned(w http.ResponseWriter, status int, why string) (int, string) {
	if rc.unsigned.Allow() {
		return status, why
	}
	w.Header().Set("Retry-After", "1")
	return http.StatusTooManyRequests, "too many requests that are not signed with one of the secrets"
}

var statuses = map[Result]int{
	Accepted: http.StatusOK, Duplicate: http.StatusOK, Unsigned: http.StatusUnauthorized, Misshapen: http.StatusUnauthorized,
	Mismatch: http.StatusUnauthorized, TooLarge: http.StatusRequestEntityTooLarge, Malformed: http.StatusBadRequest, Failed: http.StatusServiceUnavailable,
}

// deliver performs the cheapest checks first. why is the text of the answer, for Vennio's log.
func (rc *receiver) deliver(w http.ResponseWriter, r *http.Request) (result Result, why string) {
	signature, tenant := r.Header.Get(webhook.SignatureHeader), r.PathValue(tenantKey)
	shape := webhook.Verify(nil, signature) // without secrets it checks only the form
	switch {
	case !rc.secrets.any(r.Context(), tenant):
		return Failed, "no webhook secret is set here: set VENNIO_WEBHOOK_SECRET, or run: vennio-mcp webhooks register"
	case errors.Is(shape, webhook.ErrUnsigned):
		return Unsigned, "the delivery has no " + webhook.SignatureHeader + " header"
	case errors.Is(shape, webhook.ErrMisshapen):
		return Misshapen, "the signature is not 64 hexadecimal digits"
	case r.ContentLength > maxBody:
		return TooLarge, "the body is larger than 1 MiB"
	}
	body, release, err := rc.bodies.read(w, r)
	defer release()
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case errors.Is(err, errBusy):
		return Failed, "too many deliveries at once"
	case large:
		return TooLarge, "the body is larger than 1 MiB"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Malformed, "the body arrived too slowly"
	case err != nil:
		return Malformed, "the body could not be read"
	}
	return rc.store(r.Context(), tenant, body, signature)
}

func (rc *receiver) store(ctx context.Context, tenant string, body []byte, signature string) (result Result, why string) {
	err := rc.secrets.verify(ctx, tenant, body, signature)
	switch {
	case errors.Is(err, errUnread):
		return Failed, "the webhook secrets could not be read"
	case err != nil:
		return Mismatch, "the signature matches none of the secrets"
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1) and is not stored
	if excess := jsonlimits.Check(body); excess != nil {
		return Malformed, "the body is signed, but it " + excess.Error()
	}
	e, err := webhook.Decode(body)
	if err != nil {
		return Malformed, "the body is signed, but it is not an event"
	}
	added, err := rc.service.Of(tenant).Receive(ctx, e, body)
	switch {
	case err != nil:
		rc.service.logError(ctx, "an event could not be stored; Vennio will repeat it", err)
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
	}{text}) // the sender may have closed the connection
}

const (
	maxBody = 1 << 20
	small   = 16 << 10 // larger than Vennio's deliveries

	// Bytes of all bodies that are in memory: up to the small size of each body, and the rest of
	// larger ones.
	smallBytes  = 16 << 20
	largeBytes  = 16 << 20
	minReserved = 1 << 10 // reserved for the smallest body

	// A body must arrive within the body timeout. Bodies that are not small get more time, at
	// this rate.
	defaultBodyTimeout = 2 * time.Second
	minBytesPerSecond  = 256 << 10

	defaultWaitTimeout  = 2 * time.Second
	defaultUnsignedRate = 200
	maxWaiting          = 4096 // requests that wait for memory before their bodies are read
)

var errBusy = errors.New("too much at once")

// bodyLimit limits the memory of bodies whose signature is not verified yet. Memory is reserved
// in bytes, so that slow senders of small bodies reserve little. Small bodies, the usual ones of
// Vennio, do not wait for large ones.
type bodyLimit struct {
	small, large *semaphore.Weighted
	waiting      chan struct{}

	bodyTimeout, waitTimeout time.Duration // see Options
}

func newBodyLimit(bodyTimeout, waitTimeout time.Duration) *bodyLimit {
	return &bodyLimit{
		small: semaphore.NewWeighted(smallBytes), large: semaphore.NewWeighted(largeBytes), waiting: make(chan struct{}, maxWaiting),
		bodyTimeout: bodyTimeout, waitTimeout: waitTimeout,
	}
}

// read reads a body and reserves memory for it until release is called, which is never nil. The
// error is errBusy, an [http.MaxBytesError], [os.ErrDeadlineExceeded] if the body arrived too
// slowly, or another error of reading.
func (m *bodyLimit) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	length := r.ContentLength
	if length < 0 {
		length = maxBody // unknown
	}
	release = func() {}
	first := max(minReserved, min(length, small))
	if !m.acquire(r.Context(), m.small, first) {
		return nil, release, errBusy
	}
	release = func() { m.small.Release(first) }
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	head, err := withDeadline(w, m.bodyTimeout, func() ([]byte, error) { return io.ReadAll(io.LimitReader(limited, small)) })
	if err != nil || length <= small || len(head) < small {
		return head, release, err
	}
	rest := length - small
	if !m.acquire(r.Context(), m.large, rest) {
		return nil, release, errBusy
	}
	release = func() { m.small.Release(first); m.large.Release(rest) }
	body, err = withDeadline(w, m.bodyTimeout+time.Duration(rest)*time.Second/minBytesPerSecond, func() ([]byte, error) {
		whole := bytes.NewBuffer(make([]byte, 0, length+bytes.MinRead))
		_, _ = whole.Write(head) // never fails
		_, err := whole.ReadFrom(limited)
		return whole.Bytes(), err
	})
	return body, release, err
}

// withDeadline calls read with a deadline for the body. After an error the deadline remains in
// force for later reads.
func withDeadline(w http.ResponseWriter, limit time.Duration, read func() ([]byte, error)) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(limit)) // not every writer supports it
	body, err := read()
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	return body, err
}

// acquire reserves n bytes, or returns false after the timeout or if too many requests wait.
func (m *bodyLimit) acquire(ctx context.Context, in *semaphore.Weighted, n int64) bool {
	if in.TryAcquire(n) {
		return true
	}
	select {
	case m.waiting <- struct{}{}:
		defer func() { <-m.waiting }()
	default:
		return false
	}
	limited, cancel := context.WithTimeout(ctx, m.waitTimeout)
	defer cancel()
	return in.Acquire(limited, n) == nil
}
