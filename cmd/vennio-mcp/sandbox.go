package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const sandboxAbout = `Serves a made-up Vennio on loopback: real HTTP, state, conflicts, idempotency
keys, errors and limits, with hosts in three time zones. Point any Vennio client
at it. POST requests under /_sandbox/ make it fail on demand.`

func (p program) sandboxCommand() *cobra.Command {
	addr := "127.0.0.1:3001"
	c := &cobra.Command{
		Use: "sandbox", Short: "Serve the local sandbox of Vennio", Long: sandboxAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := loopbackOnly(addr); err != nil {
				return usageError{err}
			}
			box, err := app.StartSandbox(c.Context(), addr, p.clock())
			if err != nil {
				return listenError("--addr", addr, err)
			}
			defer box.Close()
			p.introduce(box.URL)
			<-c.Context().Done()
			return nil
		},
	}
	textFlag(c, &addr, "addr", "address", "loopback address to listen on; port 0 takes a free one")
	return c
}

// introduce says how to use a running sandbox, in lines to paste.
func (p program) introduce(url string) {
	_, _ = fmt.Fprintf(p.out, "Sandbox of Vennio on %s. Nothing here is real. Stop with Ctrl-C.\n\nHosts\n", url)
	for _, h := range sandbox.Hosts() {
		_, _ = fmt.Fprintf(p.out, "  %-16s %s  %s\n", h.Name, h.ID, h.Timezone)
	}
	_, _ = fmt.Fprintf(p.out, "\nTry\n  curl -H 'Authorization: Bearer %s' '%s/v1/availability/slots?duration=30'\n", sandbox.DefaultKey(), url)
	_, _ = fmt.Fprintf(p.out, "  VENNIO_API_URL=%s VENNIO_API_KEY=%s VENNIO_BUSINESS_ID=%s vennio-mcp serve\n", url, sandbox.DefaultKey(), sandbox.Hosts()[0].ID)
}
