package main

import (
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

const callersAbout = `Makes a bearer token for a caller of vennio-mcp serve. It is shown once: give it
to the caller. The line beside it goes into the settings file under tokens:, or
into the file of VENNIO_MCP_TOKENS_FILE; it holds no secret.`

func (p program) tokenCommand() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Make bearer tokens for callers of vennio-mcp serve", Long: callersAbout, Args: noArguments, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var tenant string
	fresh := &cobra.Command{
		Use: "new NAME", Short: "Make a token and the line that admits it", Long: callersAbout,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !callerName().MatchString(args[0]) || tenant != "" && !callerName().MatchString(tenant) {
				return usageError{errors.New("want the caller's name, of letters, digits and .-_@, such as: vennio-mcp token new ada-laptop")}
			}
			token, of := auth.NewToken(), ""
			if tenant != "" {
				of = ", tenant: " + tenant
			}
			_, err := fmt.Fprintf(p.out, "The token, shown this once:\n\n  %s\n\nThe line for the settings file, under tokens:\n\n  - {name: %s, hash: \"%s\"%s}\n", token, args[0], auth.HashOf(token), of)
			return err
		},
	}
	fresh.Flags().StringVar(&tenant, "tenant", "", "tenant of the settings file that the caller belongs to")
	c.AddCommand(fresh)
	return c
}

var callerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`) })
