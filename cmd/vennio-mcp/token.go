package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

const callersAbout = `Makes a bearer token for a caller of vennio-mcp serve. It is shown once: give it to the
caller. The line printed with it belongs in the settings file under tokens:, or in the
file of VENNIO_MCP_TOKENS_FILE; it contains no secret.`

// madeToken is a new token as --json shows it. All but the token itself belongs under tokens in the
// settings file.
type madeToken struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant,omitempty"`
	Token  string `json:"token"`
	Hash   string `json:"hash"`
}

func (p program) tokenCommand() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Make bearer tokens for callers of vennio-mcp serve", Long: callersAbout}
	var tenant string
	var asJSON bool
	fresh := &cobra.Command{
		Use: "new NAME", Short: "Make a token and the line that admits it", Long: callersAbout,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !callerName().MatchString(args[0]) {
				return usageError{errors.New("want the caller's name, of letters, digits and .-_@, such as: vennio-mcp token new ada-laptop; see: vennio-mcp token new --help")}
			}
			if tenant != "" && !callerName().MatchString(tenant) {
				return usageError{fmt.Errorf("--tenant %s: want the name of a tenant of the settings file", sanitize.Quote(tenant, 64))}
			}
			token := auth.NewToken()
			made := madeToken{Name: args[0], Tenant: tenant, Token: token, Hash: auth.HashOf(token).String()}
			if asJSON {
				return p.printJSON(made)
			}
			of := ""
			if tenant != "" {
				of = ", tenant: " + tenant
			}
			_, err := fmt.Fprintf(p.out, "The token, which is shown only now:\n\n  %s\n\nThe line for the settings file, under tokens:\n\n  - {name: %s, hash: \"%s\"%s}\n", token, made.Name, made.Hash, of)
			return err
		},
	}
	textFlag(fresh, &tenant, tenantFlag, "tenant", "tenant of the settings file that the caller belongs to")
	fresh.Flags().BoolVar(&asJSON, "json", false, "print the token and its hash as JSON")
	c.AddCommand(fresh)
	return c
}

var callerName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)
