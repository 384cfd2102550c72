package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func (p program) stdioCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "stdio", Short: "Serve MCP on standard input and output (what happens without a command)", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config(c)
			if err != nil {
				return err
			}
			if cfg.Sandbox() && cfg.Real() {
				return usageError{errors.New("the settings file has accounts for callers over HTTP alone: set VENNIO_API_KEY for stdio, or leave out VENNIO_MCP_SETTINGS")}
			}
			a, err := p.assemble(c.Context(), cfg)
			if err != nil {
				return err
			}
			defer a.close()
			ctx := c.Context()
			if a.store.Shared() || len(cfg.SigningSecrets) > 0 { // else it is the folder's own
				if ctx, err = a.checkSecret(ctx, cfg); err != nil {
					return err
				}
			}
			if isTerminal(p.in) {
				_, _ = fmt.Fprintln(p.errs, "Waiting for an MCP client on standard input. To see one work: vennio-mcp demo. Stop with Ctrl-C.")
			}
			defer a.settling(ctx)()
			return otherSecret(ctx, mcpserver.Stdio(ctx, a.mcp, p.in, p.out, mcpserver.StdioOptions{Log: a.log, Subscriptions: a.feed}))
		},
	}
	settingFlags(c, config.StdioSettings(), false)
	return c
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// coloured reports whether colours may be written to w: to a terminal that can show them, unless
// NO_COLOR asks for none (no-color.org).
func (p program) coloured(w io.Writer) bool {
	return isTerminal(w) && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
}

// logFormat is the format of the log for observe.Logger. "auto" is console on a terminal, else json.
func (p program) logFormat(format string) string {
	if format == "json" || format == "auto" && !isTerminal(p.errs) {
		return "json"
	}
	if p.coloured(p.errs) {
		return "console"
	}
	return "plain"
}
