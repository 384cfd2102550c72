package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const sandboxAbout = `Serves a made-up Vennio on loopback: real HTTP, state, conflicts, idempotency
keys, errors and limits, with hosts in three time zones. Point any Vennio client
at it. POST requests under /_sandbox/ make it fail on demand. Its bookings are kept
in the state folder, where servers without an API key use them too; reset deletes
them.`

func (p program) sandboxCommand() *cobra.Command {
	addr := "127.0.0.1:3001"
	c := &cobra.Command{
		Use: "sandbox", Short: "Serve the local sandbox of Vennio", Long: sandboxAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := loopbackOnly(addr); err != nil {
				return usageError{err}
			}
			dir, err := config.SandboxDir(p.getenv)
			if err != nil {
				return usageError{err}
			}
			db := sqldb.Open(app.UsableSandboxDir(dir, p.logger(config.Config{LogLevel: "info", LogFormat: "auto"})))
			defer func() { _ = db.Close() }()
			box, err := app.StartSandbox(c.Context(), addr, p.clock(), db)
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
	c.AddCommand(p.resetCommand())
	return c
}

const resetAbout = `Deletes everything that the sandbox has stored on this machine: its bookings, and its ledger, events and
paired browsers. Programs that use the sandbox continue with a new one. It deletes nothing of a Vennio account.`

func plural(n int, one, several string) string {
	if n == 1 {
		several = one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func (p program) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reset", Short: "Delete what the sandbox has stored, and begin with a new one", Long: resetAbout, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := config.SandboxDir(p.getenv)
			if err != nil {
				return usageError{err}
			}
			r, err := app.ResetSandbox(c.Context(), dir)
			switch {
			case err != nil:
				return fmt.Errorf("the sandbox in %s was not reset: %w", dir, err)
			case r == nil:
				_, err = fmt.Fprintf(p.out, "Nothing to delete: the sandbox has stored nothing in %s.\n", dir)
			case r.Unreadable != nil:
				_, err = fmt.Fprintf(p.out, "Deleted %s, which could not be read (%s). The sandbox begins again.\n", r.Dir, sanitize.Line(r.Unreadable.Error(), 200))
			default:
				_, err = fmt.Fprintf(p.out, "Deleted from %s: %s, %s, %s. The sandbox begins again.\n", r.Dir,
					plural(r.Bookings, "booking", "bookings"), plural(r.Entries, "ledger entry", "ledger entries"), plural(r.Events, "event", "events"))
			}
			return err
		},
	}
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
