package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const passkeysAbout = `With a passkey a person signs on their own device exactly what they approve. Under
VENNIO_CONSENT=signed nothing else counts as consent (docs/consent.md).

The first passkey of a tenant is trusted as it is added. After that, a passkey of the tenant must sign each
addition and removal. Passkeys in the settings file (passkeys) replace those that were added.`

func (p program) passkeysCommand() *cobra.Command {
	c := &cobra.Command{Use: "passkeys", Short: "Add, list and remove the passkeys with which people sign what they approve", Long: passkeysAbout}
	c.AddCommand(p.addPasskeyCommand(), p.listPasskeysCommand(), p.removePasskeyCommand())
	return c
}

const addPasskeyAbout = `Prints a link to the page on which your browser makes a passkey, once and within ten minutes. The link is
a secret: the command needs a terminal, and no assistant may see the link. Without VENNIO_MCP_PUBLIC_URL the
command serves the page itself on localhost, where the passkey then works.`

func (p program) addPasskeyCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "add", Short: "Add a passkey", Long: addPasskeyAbout, Args: noArguments,
		RunE: p.withPasskeyLink(func(*cobra.Command, []string) (consent.PasskeyLink, error) {
			owner := p.person(name)
			if owner == "" {
				return consent.PasskeyLink{}, usageError{errors.New("give the name of the passkey's owner with --name, for the record")}
			}
			return consent.PasskeyLink{Name: owner}, nil
		}),
	}
	c.Flags().Var(textValue(&name, "name", ""), "name", "name of the owner, for the record (default: the user's)")
	addTenantFlag(c.Flags())
	return c
}

const removePasskeyAbout = `Prints a link to the page on which a passkey of the tenant, possibly the removed one, signs the removal.

If all devices with passkeys are lost, --lost removes one without a signature. The ledger records that, and
vennio-mcp ledger verify and passkeys list report it from then on.`

func (p program) removePasskeyCommand() *cobra.Command {
	var lost bool
	withLink := p.withPasskeyLink(func(_ *cobra.Command, args []string) (consent.PasskeyLink, error) {
		return consent.PasskeyLink{Remove: args[0]}, nil
	})
	c := &cobra.Command{
		Use: "remove ID", Short: "Remove a passkey", Long: removePasskeyAbout, Args: oneID("passkeys list"), ValidArgsFunction: p.completeIDs(p.passkeyIDs),
		RunE: func(c *cobra.Command, args []string) error {
			if lost {
				return p.removeLostPasskey(c, args[0])
			}
			return withLink(c, args)
		},
	}
	c.Flags().BoolVar(&lost, "lost", false, "remove it without a signature, because all passkeys are lost; the ledger records that")
	addTenantFlag(c.Flags())
	return c
}

// idLast moves the id of a passkey behind "--" if it begins with a dash, as one id in 64 does: otherwise it
// would be read as flags.
func idLast(root *cobra.Command, args []string) []string {
	c, _, err := root.Find(args)
	if err != nil || c.CommandPath() != root.Name()+" passkeys remove" || slices.Contains(args, "--") {
		return args
	}
	at := slices.IndexFunc(args, func(arg string) bool {
		const shortest = 22 // of 16 bytes
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		return strings.HasPrefix(arg, "-") && len(arg) >= shortest && c.Flag(name) == nil
	})
	if at < 0 {
		return args
	}
	return append(slices.Delete(slices.Clone(args), at, at+1), "--", args[at])
}

func (p program) removeLostPasskey(c *cobra.Command, id string) error {
	return p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
		if err := p.pairable(c, cfg); err != nil {
			return err
		}
		if err := p.ledger(cfg, db).RemoveLostPasskey(c.Context(), tenantIn(c), id); err != nil {
			return passkeyError(err, c, id)
		}
		_, err := fmt.Fprintf(p.out, "The passkey was removed without a signature, which the ledger records. To add another one: vennio-mcp passkeys add%s\n", forTenant(tenantIn(c)))
		return err
	})(c, nil)
}

// passkeyError explains an error of the ledger about a passkey.
func passkeyError(err error, c *cobra.Command, id string) error {
	switch {
	case errors.Is(err, consent.ErrNoPasskey):
		return usageError{fmt.Errorf("no passkey has the id %s; vennio-mcp passkeys list%s lists them", sanitize.Quote(id, 100), forTenant(tenantIn(c)))}
	case errors.Is(err, consent.ErrPinned):
		return usageError{err}
	}
	return err
}

// withPasskeyLink runs a command that makes a link to the page on which passkeys are changed.
func (p program) withPasskeyLink(linkOf func(*cobra.Command, []string) (consent.PasskeyLink, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := p.config(c)
		if err != nil {
			return err
		}
		if err := p.pairable(c, cfg); err != nil {
			return err
		}
		link, err := linkOf(c, args)
		if err != nil {
			return err
		}
		link.Tenant = tenantIn(c)
		db := sqldb.Open(commandStore(cfg))
		defer func() { _ = db.Close() }()
		ledger := p.ledger(cfg, db)
		token, err := ledger.NewPasskeyLink(c.Context(), link)
		if err != nil {
			return passkeyError(err, c, link.Remove)
		}
		return p.showPasskeyLink(c.Context(), cfg, ledger, token)
	}
}

// showPasskeyLink prints a link. Without a public URL it serves the page until the link is used.
func (p program) showPasskeyLink(ctx context.Context, cfg config.Config, ledger *consent.Ledger, token string) error {
	path := approval.PasskeyPath + token
	if cfg.Serve.PublicURL != "" {
		_, err := fmt.Fprintf(p.out, "Open this in your browser, once, within ten minutes:\n%s\n", cfg.Serve.PublicURL+path)
		return err
	}
	links, _, done, err := p.approvalLinks(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	links.SetBase("") // a server that shares the database would show it elsewhere
	address, err := links.Path(path)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "Open this in your browser, once, within ten minutes:\n%s\n", address)
	look := time.NewTicker(elsewhereLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if _, err := ledger.PasskeyLink(ctx, token); errors.Is(err, consent.ErrNoLink) {
			_, err := fmt.Fprintln(p.out, "The link was used, or it has expired. The passkeys are now listed by: vennio-mcp passkeys list")
			return err
		}
	}
}

// passkeyLine is a passkey as --json shows it.
type passkeyLine struct {
	Tenant    string        `json:"tenant,omitempty"` // absent for the default one
	ID        string        `json:"id"`
	PublicKey string        `json:"public_key"`
	Name      string        `json:"name"`
	RP        string        `json:"rp"`
	Added     time.Time     `json:"added,omitzero"` // absent for pinned ones
	How       consent.Trust `json:"how"`            // pinned, first use, signed or unsigned
	Until     time.Time     `json:"until,omitzero"` // of a pinned one: it signs nothing from then on
}

func passkeyLineOf(k consent.Passkey) passkeyLine {
	return passkeyLine{k.Tenant, k.ID, k.PublicKey, k.Name, k.RP, k.At, cmp.Or(k.How, "pinned"), k.Until}
}

func (p program) listPasskeysCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the passkeys, as the settings file takes them", Args: noArguments,
		RunE: p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
			tenant := tenantIn(c)
			if _, ok := cfg.Of(tenant); !ok {
				return noTenant(cfg, tenant)
			}
			ledger := p.ledger(cfg, db)
			all, err := ledger.Passkeys(c.Context(), tenant)
			if err != nil {
				return err
			}
			if pinned := cfg.Passkeys[tenant]; len(pinned) > 0 { // with those that sign nothing any more
				all = nil
				for _, one := range pinned {
					all = append(all, consent.Passkey{Credential: one, Tenant: tenant})
				}
			}
			lost, err := ledger.LostPasskeys(c.Context(), tenant)
			if err != nil {
				return err
			}
			if err := p.printPasskeys(all, tenant, asJSON); err != nil || asJSON {
				return err
			}
			for _, k := range lost {
				_, _ = fmt.Fprintf(p.out, "# ATTENTION: %s of %s was removed without a signature, %s.\n", k.ID, sanitize.Quote(k.Name, 100), k.At.Format(time.DateOnly))
			}
			return nil
		}),
	}
	addTenantFlag(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

func (p program) printPasskeys(all []consent.Passkey, tenant string, asJSON bool) error {
	if asJSON {
		return printLines(p, all, passkeyLineOf)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintf(p.out, "No passkey was added. To add one: vennio-mcp passkeys add%s\n", forTenant(tenant))
		return err
	}
	_, _ = fmt.Fprintln(p.out, "passkeys:")
	for _, k := range all {
		how := "pinned in the settings file"
		if k.How != "" {
			how = map[consent.Trust]string{
				consent.FirstUse:    "the first one, trusted as it was added",
				consent.BySignature: "signed by another passkey",
				consent.Unsigned:    "ATTENTION: added without a signature, after all others were removed",
			}[k.How] + ", " + k.At.Format(time.DateOnly)
		}
		_, _ = fmt.Fprintf(p.out, "  - id: %s # %s\n    public_key: %s\n    name: %q\n    rp: %s\n", k.ID, how, k.PublicKey, k.Name, k.RP)
		if tenant != "" {
			_, _ = fmt.Fprintf(p.out, "    tenant: %s\n", tenant)
		}
		if !k.Until.IsZero() {
			_, _ = fmt.Fprintf(p.out, "    until: %s\n", k.Until.Format(time.RFC3339))
		}
	}
	return nil
}

func (p program) passkeyIDs(ctx context.Context, c *cobra.Command, cfg config.Config, db *sqldb.DB) (ids []string, err error) {
	all, err := p.ledger(cfg, db).Passkeys(ctx, tenantIn(c))
	for _, k := range all {
		ids = append(ids, cobra.CompletionWithDesc(k.ID, k.Name))
	}
	return ids, err
}
