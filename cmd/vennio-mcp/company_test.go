package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// bank is a Vennio with an account for each key: accounts share nothing.
type bank struct {
	url string

	mu       sync.Mutex
	accounts map[string]*sandbox.Server
	headers  []string // all that came, as text
}

func newBank(t *testing.T, keys ...string) *bank {
	t.Helper()
	b := &bank{accounts: map[string]*sandbox.Server{}}
	for i, key := range keys {
		b.accounts[key] = sandbox.New(sandbox.Options{Seed: int64(i)})
	}
	site := httptest.NewServer(b)
	t.Cleanup(site.Close)
	b.url = site.URL
	return b
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	b.mu.Lock()
	b.headers = append(b.headers, fmt.Sprint(r.URL, r.Header))
	account := b.accounts[key]
	b.mu.Unlock()
	if account == nil {
		http.Error(w, `{"error":"unauthorized"}`, http.StatusUnauthorized)
		return
	}
	account.ServeHTTP(w, r)
}

func (b *bank) received() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.headers, "\n")
}

const (
	keyOfAcme = "vennio_sk_test_c4n4ry_acme"
	keyOfBeta = "vennio_sk_test_c4n4ry_beta"
	keyOfGuy  = "vennio_sk_test_c4n4ry_guy"
)

// company is the real binary with two tenants, Acme and Beta, and callers who
// bring a key of their own where it lets them.
type company struct {
	t                         *testing.T
	bank                      *bank
	server                    *process
	url                       string
	env                       []string
	acme, beta, reader, guest string // tokens
}

func newCompany(t *testing.T, more ...string) *company {
	t.Helper()
	c := &company{
		t: t, bank: newBank(t, keyOfAcme, keyOfBeta, keyOfGuy),
		acme: auth.NewToken(), beta: auth.NewToken(), reader: auth.NewToken(), guest: auth.NewToken(),
	}
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	hosts := strings.TrimSuffix(sandboxHostsSetting(), ",")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
tokens:
  - {name: ada, hash: "%s", tenant: acme}
  - {name: reader, hash: "%s", tenant: acme, scopes: ["vennio:read"]}
  - {name: bob, hash: "%s", tenant: beta}
  - {name: guest, hash: "%s"}
caller_keys: true
tenants:
  - {name: acme, api_key: "${ACME_KEY}", hosts: "%s", consent: attested}
  - {name: beta, api_key: "${BETA_KEY}", hosts: "%s", consent: attested, guest_domains: beta.example}
`, auth.HashOf(c.acme), auth.HashOf(c.reader), auth.HashOf(c.beta), auth.HashOf(c.guest), hosts, hosts), 0o600))
	c.env = stored(t, clean(t, append([]string{
		"VENNIO_API_URL=" + c.bank.url, "ACME_KEY=" + keyOfAcme, "BETA_KEY=" + keyOfBeta, "VENNIO_LOG_LEVEL=debug",
		"VENNIO_MCP_SETTINGS=" + settings, "VENNIO_CONSENT=attested",
	}, more...)...))
	c.server = start(t, c.env, "serve", "--addr", "127.0.0.1:0")
	c.url = c.server.address()
	return c
}

// alice hosts in every account; callers with keys of their own know her by id.
var alice = aliceID()

// member is one of its callers, with a session of Streamable HTTP.
type member struct {
	*company
	headers []string
}

func (c *company) as(token string, headers ...string) *member {
	c.t.Helper()
	m := &member{c, append([]string{"Authorization", "Bearer " + token}, headers...)}
	first, _, _ := strings.Cut(hello, "\n")
	got := post(c.t, c.url+"/mcp", first, m.headers...)
	require.Equal(c.t, http.StatusOK, got.status, got.body)
	m.headers = append(m.headers, "Mcp-Session-Id", got.header.Get("Mcp-Session-Id"), "Mcp-Protocol-Version", "2025-11-25")
	return m
}

func (m *member) session() string { return m.headers[len(m.headers)-3] }

// says sends a message and reads the JSON of its result into out.
func (m *member) says(method string, params any, out any) posted {
	m.t.Helper()
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	require.NoError(m.t, err)
	got := post(m.t, m.url+"/mcp", string(raw), m.headers...)
	body := got.body
	if _, data, event := strings.Cut(body, "data: "); event {
		body = strings.TrimSpace(data)
	}
	if out != nil {
		require.NoError(m.t, json.Unmarshal([]byte(body), out), body)
	}
	return got
}

// result is what a tool answered.
type result struct {
	BookingID string `json:"booking_id"`
	Status    string
	Slots     []struct {
		ID string `json:"slot_id"`
	}
	Bookings []struct {
		ID string `json:"booking_id"`
	}
	Error struct{ Code, Message string }
}

func (m *member) call(tool string, arguments map[string]any) result {
	m.t.Helper()
	var answer struct {
		Result struct {
			StructuredContent result `json:"structuredContent"`
		}
	}
	m.says("tools/call", map[string]any{"name": tool, "arguments": arguments}, &answer)
	return answer.Result.StructuredContent
}

// finds a slot of Alice's, the last one: the first may begin at any moment.
func (m *member) finds() string {
	m.t.Helper()
	found := m.call("find_slots", map[string]any{"hosts": []string{alice}, "timezone": "Europe/London"})
	require.NotEmpty(m.t, found.Slots, found.Error)
	return found.Slots[len(found.Slots)-1].ID
}

func (m *member) books(slot, email string) result {
	m.t.Helper()
	return m.call("book_slot", map[string]any{
		"slot_id": slot, "title": "Intro", "hosts": []string{alice},
		"attendees": []any{map[string]any{"email": email, "name": "Ada Byron"}},
		"consent":   map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"},
	})
}

// holds tells whether an account has a booking of this id.
func (c *company) holds(key, booking string) bool {
	c.t.Helper()
	for _, b := range c.bank.accounts[key].Bookings() {
		if b.ID == booking {
			return true
		}
	}
	return false
}

func (c *company) everything() string { return c.server.stderr.String() }

func TestACompanyIsServed(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada, bob := c.as(c.acme), c.as(c.beta)
	made := ada.books(ada.finds(), "ada@acme.example")
	require.Equal(t, "confirmed", made.Status, made.Error)
	assert.True(t, c.holds(keyOfAcme, made.BookingID))
	assert.False(t, c.holds(keyOfBeta, made.BookingID))
	refused := bob.books(bob.finds(), "ada@acme.example")
	assert.Equal(t, "not_allowed", refused.Error.Code, "a limit of Beta's alone")
	made = bob.books(bob.finds(), "bob@beta.example")
	assert.True(t, c.holds(keyOfBeta, made.BookingID), made.Error)
}
