package resources_test

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/resources"
)

func TestOnlyOurResourcesAreKnown(t *testing.T) {
	t.Parallel()
	for uri, known := range map[string]bool{
		"vennio://policy": true, "vennio://bookings/upcoming": true, "vennio://bookings/b-1": true, "vennio://bookings/a%2Fb": true,
		"skill://review-the-day/SKILL.md": true, "skill://review-the-day": false, "skill://review-the-day/skill.md": false, "skill://unknown/SKILL.md": false,
		"vennio://bookings/": false, "vennio://bookings": false, "vennio://bookings/a/b": false, "vennio://bookings/%zz": false,
		"file:///etc/passwd": false, "": false, "vennio://policy/x": false, "vennio://bookings/" + string(make([]byte, 300)): false,
	} {
		assert.Equal(t, known, resources.Known(uri), uri)
	}
}

// req: W4. A notification names the URI to which a client subscribed.
func TestReq_W4_AChangeConcernsTheBookingAndTheList(t *testing.T) {
	t.Parallel()
	var notified []string
	resources.Changes{Notify: func(uris ...string) { notified = append(notified, uris...) }}.BookingChanged("a/b c")
	assert.Equal(t, []string{"vennio://bookings/a%2Fb%20c", "vennio://bookings/upcoming"}, notified)
	for _, uri := range notified {
		assert.True(t, resources.Known(uri), uri)
	}
}

func TestThePolicyDescribesEachMethodInWords(t *testing.T) {
	t.Parallel()
	for policy, words := range map[consent.Policy]string{
		consent.PolicyAttested: "statement that a person agreed is enough", consent.PolicyAsk: "asked wherever the client can", consent.PolicyHuman: "never enough",
	} {
		s := server.NewMCPServer("test", "0", server.WithResourceCapabilities(true, false))
		resources.Register(s, resources.Policy{Consent: policy, Tools: []string{"find_slots"}, Timezone: "UTC"})
		m := s.HandleMessage(t.Context(), []byte(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"vennio://policy"}}`))
		got, ok := m.(mcp.JSONRPCResponse)
		require.True(t, ok)
		contents := got.Result.(mcp.ReadResourceResult).Contents
		require.Len(t, contents, 2)
		for _, c := range contents {
			assert.Contains(t, c.(mcp.TextResourceContents).Text, words)
		}
		assert.Contains(t, contents[1].(mcp.TextResourceContents).Text, "each call names its host by id")
		assert.Contains(t, contents[1].(mcp.TextResourceContents).Text, "sends no e-mail")
	}
}
