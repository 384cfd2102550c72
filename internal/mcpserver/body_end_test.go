package mcpserver_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// req: X2. If a body was not read to its end, the following bytes on the connection are
// not parsed as a request, whatever the status; if it was read, they are.
func TestReq_X2_NothingIsReadAfterABodyThatWasNot(t *testing.T) {
	t.Parallel()
	said := map[string]http.Handler{
		"/none": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		"/some": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = r.Body.Read(make([]byte, 1))
			w.WriteHeader(http.StatusServiceUnavailable)
		}),
		"/form": http.HandlerFunc(form),
	}
	o := mcpserver.HTTPOptions{Pages: said}
	addTenants(t, &o, "acme")
	o.Tenant = func(context.Context, auth.Caller) (mcpserver.Tenant, error) {
		return mcpserver.Tenant{}, errors.New("none")
	}
	s := open(t, newRig(), o)
	const follows = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for path, want := range map[string][]int{
		"/none": {http.StatusNoContent}, "/some": {http.StatusServiceUnavailable},
		"/mcp":  {http.StatusInternalServerError}, // no server for the tenant
		"/form": {http.StatusOK, http.StatusOK},
	} {
		var got []int
		for _, a := range s.raw(framed(path, "Authorization: Bearer acme\r\nContent-Length: 8", "name=Ada", "", follows)) {
			got = append(got, a.status)
		}
		require.Equal(t, want, got, path)
	}
}
