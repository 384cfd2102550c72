package webhooks_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

func (r *rig) stored() []webhooks.Event {
	r.t.Helper()
	found, err := r.inbox.List(r.t.Context(), webhooks.EventFilter{})
	require.NoError(r.t, err)
	return found
}

// req: W1, W2
func TestReq_W1_BadDeliveriesAreRefusedAndCounted(t *testing.T) {
	t.Parallel()
	good := booking("evt_1", "booking.created", "b-1")
	signed := webhook.Sign([]byte(good), secret)
	r := newRig(t)
	for _, c := range []struct {
		name, body, signature string
		status                int
		result                webhooks.Result
		stored                int // after this delivery
	}{
		{"signed with another secret", good, webhook.Sign([]byte(good), "whsec_other"), http.StatusUnauthorized, webhooks.Mismatch, 0},
		{"signed over another body", good + " ", signed, http.StatusUnauthorized, webhooks.Mismatch, 0},
		{"no signature", good, "", http.StatusUnauthorized, webhooks.Unsigned, 0},
		{"a truncated signature", good, signed[:40], http.StatusUnauthorized, webhooks.Misshapen, 0},
		{"a prefixed signature", good, "sha256=" + signed, http.StatusUnauthorized, webhooks.Misshapen, 0},
		{"no JSON, wrong signature", "<html>", webhook.Sign([]byte("x"), secret), http.StatusUnauthorized, webhooks.Mismatch, 0},
		{"no JSON, signed", "<html>", webhook.Sign([]byte("<html>"), secret), http.StatusBadRequest, webhooks.Malformed, 0},
		{"an empty body, signed", "", webhook.Sign(nil, secret), http.StatusBadRequest, webhooks.Malformed, 0},
		{"an unknown type", `{"id":"e","type":"moon.full"}`, webhook.Sign([]byte(`{"id":"e","type":"moon.full"}`), secret), http.StatusOK, webhooks.Accepted, 1},
		{"valid", good, signed, http.StatusOK, webhooks.Accepted, 2},
	} {
		before := r.counted(c.result)
		status, text := r.deliver(c.body, c.signature)
		assert.Equal(t, c.status, status, c.name)
		assert.Equal(t, before+1, r.counted(c.result), c.name)
		assert.Len(t, r.stored(), c.stored, c.name)
		assert.NotContains(t, text, secret)
	}
	large := strings.Repeat("x", 1<<20+1)
	for i, rest := range []string{
		"Content-Length: 10485760\r\n\r\n{", // refused before the body arrives
		"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + large + "\r\n0\r\n\r\n",
	} {
		status, text := readAnswer(t, r.sendHeader(signed, rest))
		assert.Equal(t, http.StatusRequestEntityTooLarge, status)
		assert.NotContains(t, text, secret)
		assert.Equal(t, i+1, r.counted(webhooks.TooLarge))
		assert.Len(t, r.stored(), 2)
	}
}

// field: rate of signed deliveries. Signed deliveries are accepted at any rate. Unsigned ones have
// a limit, which does not affect the signed ones.
func TestSignedDeliveriesHaveNoRateLimit(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.UnsignedRate = 0.001
		o.Others = []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}, Secrets: []string{"other"}}}
	})
	good := func(i int) (body, signature string) {
		body = booking(fmt.Sprint("evt_", i), "booking.created", "b-1")
		return body, webhook.Sign([]byte(body), secret)
	}
	statuses := map[int]int{}
	for i, signature := range []string{"", "x", strings.Repeat("0", 64), strings.Repeat("1", 64)} {
		status, text := r.deliverAt([]string{webhooks.Path, webhooks.PathOf("acme"), webhooks.PathOf("none"), webhooks.Path}[i], "{}", signature)
		statuses[status]++
		if status == http.StatusTooManyRequests {
			assert.Contains(t, text, "not signed")
		}
	}
	assert.Equal(t, map[int]int{http.StatusUnauthorized: 1, http.StatusTooManyRequests: 3}, statuses, "the answers of tenants that do not exist are the same")
	assert.Equal(t, 2, r.counted(webhooks.Mismatch), "the metric counts the original results")
	const signed = 500
	var sending sync.WaitGroup
	next := make(chan int)
	for range 20 {
		sending.Go(func() {
			for i := range next {
				body, signature := good(i)
				status, text := r.deliver(body, signature)
				assert.Equal(t, http.StatusOK, status, text)
			}
		})
	}
	for i := range signed {
		next <- i
	}
	close(next)
	sending.Wait()
	assert.Equal(t, signed, r.counted(webhooks.Accepted))
}

// req: X7
// field: webhook body beyond a limit
func TestReq_X7_ASignedBodyBeyondALimitIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for data, want := range map[string]string{
		strings.Repeat("[", 32) + strings.Repeat("]", 32):                     "nested more than 32 levels deep",
		strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000): "nested more than 32 levels deep",
		"[" + strings.Repeat("{},", 300_000) + "{}]":                          "more than 10,000 values",
		"{" + strings.Repeat(`"a":1,`, 100) + `"a":1}`:                        "more than 100 members",
		`1e400`:                        "a number that has more than 64 characters",
		strings.Repeat("7", 1_000_000): "a number that has more than 64 characters",
	} {
		body := `{"id":"evt_1","type":"booking.created","data":` + data + `}`
		status, text := r.deliver(body, webhook.Sign([]byte(body), secret))
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, text, want)
		status, _ = r.deliver(body, webhook.Sign([]byte(body), "whsec_other"))
		assert.Equal(t, http.StatusUnauthorized, status, "senders without the secret learn nothing")
	}
	assert.Empty(t, r.stored())
	good := booking("evt_1", "booking.created", "b-1")
	status, _ := r.deliver(good, webhook.Sign([]byte(good), secret))
	assert.Equal(t, http.StatusOK, status)
}

// The signature covers the mark (webhook.Verify). The event begins after it.
// field: byte order mark in a webhook body
func TestADeliveryMayBeginWithAByteOrderMark(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := "\ufeff" + booking("evt_1", "booking.created", "b-1")
	status, text := r.deliver(body, webhook.Sign([]byte(body), secret))
	assert.Equal(t, http.StatusOK, status, text)
	assert.Len(t, r.stored(), 1)
	unmarked := strings.TrimPrefix(body, "\ufeff")
	status, _ = r.deliver(body, webhook.Sign([]byte(unmarked), secret))
	assert.Equal(t, http.StatusUnauthorized, status, "the signature of another body")
}

// req: W1
func TestReq_W1_TwoSecretsAreAcceptedDuringARotation(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.Secrets = []string{"whsec_new", secret} })
	for i, with := range []string{secret, "whsec_new"} {
		body := booking(fmt.Sprint("evt_", i), "booking.created", "b-1")
		status, _ := r.deliver(body, webhook.Sign([]byte(body), with))
		assert.Equal(t, http.StatusOK, status, with)
	}
}

// req: W1
func TestReq_W1_TheTwoNewestRegisteredSecretsAreAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(o *webhooks.Options) { o.Secrets = nil })
	body := booking("evt_1", "booking.created", "b-1")
	deliver := func(with string) int {
		status, _ := r.deliver(body, webhook.Sign([]byte(body), with))
		return status
	}
	status, text := r.deliver(body, webhook.Sign([]byte(body), "whsec_1"))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, text, "vennio-mcp webhooks register")

	otherProcess, err := webhooks.Open(sqldb.OpenWith(r.dir, longWait), webhooks.Options{}) // as the command webhooks register in another process
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, otherProcess.Of("").Register(t.Context(), fmt.Sprint("wh_", i), "https://example.com", fmt.Sprint("whsec_", i)))
	}
	require.Eventually(t, func() bool { return deliver("whsec_2") == http.StatusOK }, waitLimit, tick, "the secrets are read again within a second")
	assert.Equal(t, http.StatusOK, deliver("whsec_1"))
	assert.Equal(t, http.StatusUnauthorized, deliver("whsec_0"))
}

// req: W2
func TestReq_W2_ARepeatedEventIsStoredOnce(t *testing.T) {
	t.Parallel()
	crm := newListener(t, nil)
	r := newRig(t, crm.sink("crm"))
	for _, body := range []string{
		booking("evt_1", "booking.created", "b-1"), booking("evt_1", "booking.created", "b-1"),
		`{"type":"booking.created","data":{}}`, `{"type":"booking.created","data":{}}`, // without an id: identified by its bytes
	} {
		r.send(body)
	}
	assert.Equal(t, 2, r.counted(webhooks.Accepted))
	assert.Equal(t, 2, r.counted(webhooks.Duplicate))
	assert.Len(t, r.stored(), 2)
	_, tasks, err := r.inbox.Show(t.Context(), "evt_1")
	require.NoError(t, err)
	assert.Len(t, tasks, 1, "one follow-up")
}

// req: W2
func TestReq_W2_TheBodyIsStoredUnchanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := "{ \"id\": \"evt_1\",\r\n\t\"type\":\"booking.created\", \"odd\": 1.50, \"data\": {\"x\":\"\\u00e9<&>\"}}  \n"
	r.send(body)
	e, _, err := r.inbox.Show(t.Context(), "evt_1")
	require.NoError(t, err)
	assert.Equal(t, body, string(e.Body))
}

// req: W2. Each is stored or answered with 503.
func TestReq_W2_TwoThousandConcurrentDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 2000
	var senders sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for i := range n {
		senders.Go(func() {
			body := booking(fmt.Sprint("evt_", i), "booking.created", "b-1")
			status, _ := r.deliver(body, webhook.Sign([]byte(body), secret))
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	senders.Wait()
	assert.Equal(t, n, answers[http.StatusOK]+answers[http.StatusServiceUnavailable], answers)
	assert.Len(t, r.stored(), answers[http.StatusOK])
	t.Logf("of %d concurrent deliveries, %d were stored and %d answered with 503", n, answers[http.StatusOK], answers[http.StatusServiceUnavailable])
}

func TestOnlyPOSTIsAccepted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.Equal(t, http.MethodPost, resp.Header.Get("Allow"))
}

func TestADatabaseErrorIsAnsweredWith503(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.db.Close())
	body := booking("evt_1", "booking.created", "b-1")
	status, _ := r.deliver(body, webhook.Sign([]byte(body), secret))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, 1, r.counted(webhooks.Failed))
}
