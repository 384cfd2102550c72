package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

var (
	hosts  = sandbox.Hosts()
	alice  = hosts[0]
	bob    = hosts[1]
	haruka = hosts[2]
	dana   = hosts[3]
)

// wednesday is the clock of all wire exchanges: 9:00 in London.
var wednesday = time.Date(2026, time.May, 13, 8, 0, 0, 0, time.UTC)

// clock is a time that only tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: wednesday} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newServer(o sandbox.Options) *sandbox.Server {
	if o.Now == nil {
		o.Now = newClock().Now
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	return sandbox.New(o)
}

type slot struct {
	Start, End  time.Time
	Description string
	Events      []struct{ Title string }
}

type access struct {
	ID          string
	PrincipalID string `json:"principal_id"`
	Scopes      []string
}

type slotsAnswer struct {
	BusinessID      string `json:"business_id"`
	Timezone        string
	DurationMinutes int `json:"duration_minutes"`
	Slots           []slot
	Consent         *access
	Consents        []access
}

type booking struct {
	ID, Status, Title, Notes string
	BusinessID               string    `json:"business_id"`
	StartTime                time.Time `json:"start_time"`
	EndTime                  time.Time `json:"end_time"`
	CustomerEmail            string    `json:"customer_email"`
	CustomerName             string    `json:"customer_name"`
	Participants             []string
	Metadata                 map[string]string
	SeriesID                 string `json:"series_id"`
	CheckoutURL              string `json:"checkout_url"`
}

type bookingAnswer struct{ Booking booking }

type problemAnswer struct {
	Type, Title, Detail string
	Status              int
	RequestID           string `json:"request_id"`
	Errors              map[string]string
	KeyType             string   `json:"key_type"`
	AvailableScopes     []string `json:"available_scopes"`
}

func (p problemAnswer) slug() string {
	return strings.TrimPrefix(p.Type, "https://api.vennio.app/errors/")
}

// request is one call to a handler, without a network between.
type request struct {
	method, target, body string
	key                  string // "" for the default key, "-" for none
	idempotency          string
}

func send(h http.Handler, r request) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), r.method, r.target, strings.NewReader(r.body))
	switch r.key {
	case "-":
	case "":
		req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
	default:
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.idempotency != "" {
		req.Header.Set("Idempotency-Key", r.idempotency)
	}
	return serve(h, req)
}

func serve(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// want sends r and decodes the answer, which must have the status.
func want[T any](t require.TestingT, h http.Handler, status int, r request) T {
	w := send(h, r)
	require.Equal(t, status, w.Code, "%s %s %s: %s", r.method, r.target, r.body, w.Body)
	var out T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), "%s", w.Body)
	return out
}

// refused sends r, which must be answered with a problem of that status and slug.
func refused(t require.TestingT, h http.Handler, status int, slug string, r request) problemAnswer {
	p := want[problemAnswer](t, h, status, r)
	require.Equal(t, slug, p.slug(), "%+v", p)
	require.Equal(t, status, p.Status)
	require.Regexp(t, `^req_[0-9a-f]{24}$`, p.RequestID)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	return p
}

func get(path string, pairs ...string) request {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return request{method: http.MethodGet, target: path + "?" + q.Encode()}
}

func slotsOf(host sandbox.Host, from, to time.Time, more ...string) request {
	return get("/v1/availability/slots", append([]string{
		"business_id", host.ID, "duration_minutes", "30", "from", iso(from), "to", iso(to),
	}, more...)...)
}

// book asks for a booking in the reference dialect; more is further JSON members.
func book(host sandbox.Host, start, end time.Time, more ...string) request {
	members := append([]string{
		`"business_id":"` + host.ID + `"`, `"customer_email":"guest@example.org"`, `"customer_name":"Gwen Guest"`,
		`"start_time":"` + iso(start) + `"`, `"end_time":"` + iso(end) + `"`,
	}, more...)
	return request{method: http.MethodPost, target: "/v1/bookings", body: "{" + strings.Join(members, ",") + "}"}
}

func iso(t time.Time) string { return t.Format(time.RFC3339) }

// freeSlot is the first half hour that the host offers from tomorrow on.
func freeSlot(t require.TestingT, h http.Handler, host sandbox.Host) slot {
	offers := want[slotsAnswer](t, h, http.StatusOK, slotsOf(host, wednesday.AddDate(0, 0, 1), wednesday.AddDate(0, 0, 3)))
	require.NotEmpty(t, offers.Slots)
	return offers.Slots[0]
}

// booked books the first free half hour and returns what was made of it.
func booked(t require.TestingT, h http.Handler, host sandbox.Host) booking {
	s := freeSlot(t, h, host)
	return want[bookingAnswer](t, h, http.StatusCreated, book(host, s.Start, s.End)).Booking
}
