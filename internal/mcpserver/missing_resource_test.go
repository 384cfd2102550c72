package mcpserver_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
)

// The error about a missing resource names the resource, whether mcp-go or a handler
// returned it.
func TestAMissingResourceIsNamed(t *testing.T) {
	t.Parallel()
	g := newRig(server.WithResourceCapabilities(false, false))
	g.srv.AddResourceTemplate(mcp.NewResourceTemplate("test://room/{id}", "room"),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return nil, &rpcerr.Error{Code: mcp.INVALID_PARAMS, Message: "No such room."}
		})
	s := open(t, g, mcpserver.HTTPOptions{})
	headers := s.login("2025-11-25", `{}`)
	w := dial(t, g, mcpserver.StdioOptions{})
	w.greet("2025-11-25", `{}`)
	for _, uri := range []string{"test://nowhere", "test://room/7"} {
		read := request("1", "", "resources/read", `"uri":"`+uri+`"`)
		w.send(read)
		resp := s.post(request("1", modern, "resources/read", `"uri":"`+uri+`"`), modernly("resources/read", uri)...)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		for _, m := range []message{single(t, resp), single(t, s.post(read, headers...)), w.answer("1")} {
			require.NotNil(t, m.Error, uri)
			assert.JSONEq(t, `{"uri":"`+uri+`"}`, string(m.Error.Data))
		}
	}
}
