package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/observe"
)

func (p program) stdioCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "stdio", Short: "Serve MCP on standard input and output (what happens without a command)", Args: noArguments, RunE: p.serveStdio,
	}
	settingFlags(c, config.StdioSettings(), false)
	return c
}

func (p program) serveStdio(c *cobra.Command, _ []string) error {
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if cfg.Sandbox() && cfg.Real() {
		return usageError{errors.New("the settings file has accounts for callers over HTTP alone: set VENNIO_API_KEY for stdio, or leave out VENNIO_MCP_SETTINGS")}
	}
	a, err := p.newApp(c.Context(), cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	if isTerminal(p.in) {
		_, _ = fmt.Fprintln(p.errs, "Waiting for an MCP client on standard input. To see one work: vennio-mcp demo. Stop with Ctrl-C.")
	}
	return a.ServeStdio(c.Context(), p.in, p.out)
}

// newApp assembles a process with the server of the default tenant.
func (p program) newApp(ctx context.Context, cfg config.Config) (*app.App, error) {
	a, err := app.New(cfg, p.appOptions(cfg))
	if err != nil {
		return nil, err
	}
	if err := a.AddDefaultTenant(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (p program) appOptions(cfg config.Config) app.Options {
	o := app.Options{Version: version(), Getenv: p.getenv, Log: p.logger(cfg), Now: p.now, Store: p.store, Settlement: p.settlement}
	if isTerminal(p.errs) {
		o.Terminal = p.errs
	}
	return o
}

// logger returns the log that the settings describe, on standard error.
func (p program) logger(cfg config.Config) zerolog.Logger {
	return observe.Logger(p.errs, cfg.LogLevel, p.logFormat(cfg.LogFormat))
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
