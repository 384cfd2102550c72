package tools_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// besieged is a world that only a model calls, under this policy.
func besieged(t *testing.T, policy consent.Policy) *world {
	t.Helper()
	return newWorld(t, unlimited, func(w *world) {
		w.deps.Policy = policy
		w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
		w.deps.AskTime = time.Millisecond // for a page that nobody answers
	})
}

// given makes a series of bookings and a poll elsewhere, all that the world holds, and tells the model
// of them.
func (w *world) given(m *model) {
	w.t.Helper()
	start, err := time.Parse(time.RFC3339, w.slot().Start)
	require.NoError(w.t, err)
	_, err = w.deps.Vennio.CreateSeries(w.t.Context(), "given", vennioclient.BookingRequest{
		Hosts: []string{w.deps.Hosts[0].ID}, Customer: vennioclient.Person{Email: "ada@example.com", Name: "Ada"}, Start: start, End: start.Add(30 * time.Minute), Title: "Given",
		Recurrence: &vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: 4, Timezone: "Europe/London"},
	})
	require.NoError(w.t, err)
	poll, err := w.deps.Vennio.CreateProposal(w.t.Context(), "given-poll", vennioclient.ProposalRequest{
		Mode: vennioclient.ModePoll, VoterEmails: []string{"ada@example.com", "ben@example.com"}, Message: "Given",
		Slots: []vennioclient.ProposedTime{{Start: start.AddDate(0, 0, 9), End: start.AddDate(0, 0, 9).Add(30 * time.Minute)}},
	})
	require.NoError(w.t, err)
	m.proposal, m.option, m.invitation = poll.ID, poll.Slots[0].ID, poll.Invitations[0].Link.Reveal()
	w.stood, w.wrote = w.state(), w.vennio.Writes()
	m.made = w.vennio.Bookings()[0].ID
}

// state is what Vennio stores.
func (w *world) state() string {
	page, err := w.otherClient().ListProposals(w.t.Context(), vennioclient.ProposalsQuery{})
	require.NoError(w.t, err)
	links, err := w.otherClient().ListVennLinks(w.t.Context(), vennioclient.VennLinksQuery{})
	require.NoError(w.t, err)
	return fmt.Sprint(w.vennio.Bookings(), page.Proposals, links.Links)
}

// untouched: nothing was written since given.
func (w *world) untouched() bool {
	return w.vennio.Writes() == w.wrote && w.state() == w.stood
}

// A client of any generation that cannot ask, one that can show links included.
var mute = []string{"", cannotAsk, `{"elicitation":{"url":{}}}`, `{"sampling":{},"roots":{}}`}

// straight sends to srv with no transport between.
func straight(t *testing.T, srv *server.MCPServer) func([]byte) string {
	t.Helper()
	return func(message []byte) string { return text(srv.HandleMessage(t.Context(), message)) }
}

// req: C5. 1,000 sequences in two worlds: what a model learns in one it uses in the next.
func TestReq_C5_AModelAloneNeverReachesAWrite(t *testing.T) {
	t.Parallel()
	besiegeWorlds(t, 0, 2, 500)
}

// req: C5. 10,000 sequences over further worlds.
func TestReq_C5_AModelAloneNeverReachesAWrite_Slow(t *testing.T) {
	t.Parallel()
	for part := range uint64(4) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			besiegeWorlds(t, 2+part*5, 5, 500)
		})
	}
}

func besiegeWorlds(t *testing.T, first uint64, worlds, sequences int) {
	t.Helper()
	codes := map[string]int{}
	for seed := range uint64(worlds) {
		besiege(t, first+seed, sequences, codes)
	}
	assert.Greater(t, codes["approval_needed"], worlds*sequences/6, "consent was needed again and again: %v", codes)
	for _, code := range []string{"fine", "unknown_slot", "invalid_arguments"} {
		assert.NotZero(t, codes[code], code)
	}
}

func besiege(t *testing.T, seed uint64, sequences int, codes map[string]int) {
	t.Helper()
	w := besieged(t, []consent.Policy{consent.PolicyHuman, consent.PolicySigned}[seed%2])
	m := newModel(seed, mute, straight(t, w.server()))
	w.given(m)
	for range sequences {
		m.play()
	}
	require.True(t, w.untouched(), "seed %d", seed)
	kinds, _ := w.kinds()
	require.NotContains(t, kinds, "approved")
	require.NotContains(t, kinds, "attested")
	require.NotContains(t, kinds, "sent")
	for code, n := range m.codes {
		codes[code] += n
	}
}

// req: C5, C10. The same harness finds writes of each kind once the gate is gone.
func TestReq_C5_TheHarnessFindsAWriteWithoutTheGate(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for seed := range uint64(20) {
		w := besieged(t, consent.PolicyAttested)
		m := newModel(seed, mute, straight(t, w.server()))
		w.given(m)
		start := w.vennio.Bookings()[0].Start
		for range 50 {
			m.play()
		}
		for _, b := range w.vennio.Bookings() {
			found["booked"] = found["booked"] || !strings.Contains(w.stood, b.ID)
			found["cancelled"] = found["cancelled"] || b.Status == vennioclient.StatusCancelled
			found["series cancelled"] = found["series cancelled"] || b.Status == vennioclient.StatusCancelled && b.ID != m.made && strings.Contains(w.stood, b.ID)
			found["moved"] = found["moved"] || b.ID == m.made && !b.Start.Equal(start)
			found["changed"] = found["changed"] || strings.Contains(b.Notes, "Changed by nobody")
		}
		links, err := w.otherClient().ListVennLinks(t.Context(), vennioclient.VennLinksQuery{})
		require.NoError(t, err)
		found["shared"] = found["shared"] || len(links.Links) > 0
		page, err := w.otherClient().ListProposals(t.Context(), vennioclient.ProposalsQuery{})
		require.NoError(t, err)
		for _, p := range page.Proposals {
			found["proposed"] = found["proposed"] || p.ID != m.proposal
			found["closed"] = found["closed"] || p.ID == m.proposal && p.Status == vennioclient.ProposalExpired
			found["answered"] = found["answered"] || p.ID == m.proposal && p.Slots[0].Votes > 0
		}
	}
	assert.Equal(t, map[string]bool{"booked": true, "cancelled": true, "series cancelled": true, "moved": true, "changed": true, "proposed": true, "closed": true, "answered": true, "shared": true}, found)
}

// req: C5
func TestReq_C5_AModelAloneOverStdio(t *testing.T) {
	t.Parallel()
	for policy, safe := range map[consent.Policy]bool{consent.PolicySigned: true, consent.PolicyHuman: true, consent.PolicyAttested: false} {
		w := besieged(t, policy)
		siege(t, w, newModel(1, mute, overStdio(t, w.server())), safe)
	}
}

// req: C5
func TestReq_C5_AModelAloneOverHTTP(t *testing.T) {
	t.Parallel()
	for policy, safe := range map[consent.Policy]bool{consent.PolicySigned: true, consent.PolicyHuman: true, consent.PolicyAttested: false} {
		w := besieged(t, policy)
		siege(t, w, newModel(2, mute[1:], overHTTP(t, w.server())), safe)
	}
}

func siege(t *testing.T, w *world, m *model, safe bool) {
	t.Helper()
	w.given(m)
	for range 100 {
		m.play()
	}
	assert.Equal(t, safe, w.untouched(), "%v", m.codes)
	assert.Equal(t, safe, m.codes["approval_needed"] >= 10, "%v", m.codes)
}

// overStdio connects a client that declares nothing over pipes.
func overStdio(t *testing.T, srv *server.MCPServer) func([]byte) string {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- mcpserver.Stdio(context.WithoutCancel(t.Context()), srv, in, out, mcpserver.StdioOptions{})
	}()
	t.Cleanup(func() {
		_ = toServer.Close()
		assert.NoError(t, <-served)
	})
	lines := bufio.NewReaderSize(fromServer, 1<<20)
	send := func(message []byte) string {
		_, err := toServer.Write(append(message, '\n'))
		require.NoError(t, err)
		for {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			var said struct{ Method string }
			require.NoError(t, json.Unmarshal([]byte(line), &said))
			if said.Method == "" { // else a question to the client, which stays mute
				return line
			}
		}
	}
	hello := send([]byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
	require.Contains(t, hello, `"result"`)
	_, err := toServer.Write([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"))
	require.NoError(t, err)
	return send
}

// overHTTP connects a client of 2026-07-28 over loopback.
func overHTTP(t *testing.T, srv *server.MCPServer) func([]byte) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- mcpserver.HTTP(ctx, ln, srv, mcpserver.HTTPOptions{}) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-served)
	})
	return func(message []byte) string {
		var said struct{ Params struct{ Name string } }
		require.NoError(t, json.Unmarshal(message, &said))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+ln.Addr().String()+"/mcp", bytes.NewReader(message))
		require.NoError(t, err)
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"Mcp-Protocol-Version": modern, "Mcp-Method": "tools/call", "Mcp-Name": said.Params.Name,
		} {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
}
