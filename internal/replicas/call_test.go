package replicas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// request is a tool call of MCP 2026-07-28 without a session, which any replica can handle.
const request = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}}}}`

// errLost means that there was no response, or one without information.
var errLost = errors.New("no answer")

// call calls a tool of the server at url that returns a booking.
func call(ctx context.Context, url, tool string, arguments any) (schemas.BookSlotResult, error) {
	return callOf[schemas.BookSlotResult](ctx, url, tool, arguments)
}

// callOf calls a tool of the server at url.
func callOf[Out any](ctx context.Context, url, tool string, arguments any) (answer Out, err error) {
	return callAs[Out](ctx, url, "", tool, arguments)
}

// callAs calls a tool as the caller with a token, or as one without if it is empty.
func callAs[Out any](ctx context.Context, url, token, tool string, arguments any) (answer Out, err error) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return answer, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/mcp", strings.NewReader(fmt.Sprintf(request, tool, raw)))
	if err != nil {
		return answer, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
	} {
		req.Header.Set(name, value)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer, errors.Join(errLost, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if _, data, streamed := bytes.Cut(body, []byte("data: ")); streamed {
		body, _, _ = bytes.Cut(data, []byte("\n"))
	}
	var told struct {
		Result struct{ StructuredContent *Out }
	}
	if err = errors.Join(err, json.Unmarshal(body, &told)); err != nil || told.Result.StructuredContent == nil {
		return answer, errors.Join(errLost, fmt.Errorf("%d %.200s", resp.StatusCode, body), err)
	}
	return *told.Result.StructuredContent, nil
}

// offer is a free time with a slot ID that any replica accepts.
type offer struct {
	start time.Time
	host  sandbox.Host
	id    string
}

func (o offer) arguments(name string) map[string]any {
	return map[string]any{
		"slot_id": o.id, "title": "Intro " + name, "hosts": []string{o.host.Name},
		"attendees": []any{map[string]any{"email": name + "@example.com", "name": name}},
		"consent":   map[string]any{"granted": true, "given_by": name, "statement": "Yes"},
	}
}

// offers returns n free times of two hosts, with IDs signed with the shared secret.
func offers(t *testing.T, url string, n int) []offer {
	t.Helper()
	return offersTo(t, "", url, n)
}

// offersTo returns offers to a tenant.
func offersTo(t *testing.T, name, url string, n int) (found []offer) {
	t.Helper()
	client, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(url))
	require.NoError(t, err)
	signer := slots.NewSigner(tenant.NewKeyring([]byte(secret)), tenant.NewIdentity(name, url, "").Realm, time.Now)
	for _, host := range sandbox.Hosts()[:2] { // the third charges, the fourth has no calendar
		free, err := client.Slots(t.Context(), vennioclient.SlotsQuery{
			Hosts: []string{host.ID}, Duration: 15 * time.Minute, Interval: 15 * time.Minute,
			From: time.Now().Add(time.Hour), To: time.Now().Add(300 * 24 * time.Hour), Timezone: host.Timezone,
		})
		require.NoError(t, err)
		for _, slot := range free {
			id, err := signer.Sign(slots.Offer{Start: slot.Start, Duration: 15 * time.Minute, Hosts: []string{host.ID}, Zone: host.Timezone})
			require.NoError(t, err)
			found = append(found, offer{slot.Start, host, id})
		}
	}
	require.GreaterOrEqual(t, len(found), n)
	return found[:n]
}
