package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const ledgerAbout = `The consent ledger records which person was asked, who agreed to what and by which
method, and the outcome. Entries are only added. Each contains the hash of the previous
one about the same action, and seals fix the order of all entries (docs/ledger.md).`

func (p program) ledgerCommand() *cobra.Command {
	c := &cobra.Command{Use: "ledger", Short: "List, show, verify and export the consent ledger, or erase a person's data from it", Long: ledgerAbout}
	c.AddCommand(
		p.listLedgerCommand(), p.showLedgerCommand(),
		&cobra.Command{Use: "verify", Short: "Check that no entry was changed, deleted or inserted, and that every consent matches its entries", Args: noArguments, RunE: p.withStore(p.verifyLedger)},
		&cobra.Command{
			Use: "export", Short: "Write all entries as JSON lines, with what a third party needs to verify them", Args: noArguments,
			RunE: p.withLedger(func(c *cobra.Command, l *consent.Ledger, _ []string) error { return l.Export(c.Context(), p.out) }),
		},
		&cobra.Command{Use: "erase PERSON", Short: "Delete a person's data, by e-mail address or exact name, from the ledger and from stored events; the ledger still verifies", Args: onePerson, RunE: p.withStore(p.erasePerson)},
	)
	return c
}

// methods are how consent can be given, as --method names them.
var methods = map[string]consent.Method{"client": consent.InClient, "card": consent.OnCard, "page": consent.OnPage, "passkey": consent.Signed, "terminal": consent.InTerminal, "attested": consent.Attested}

// defaultTenant is how --tenant of ledger list names the tenant without a name, and tables show it.
const defaultTenant = "-"

func (p program) listLedgerCommand() *cobra.Command {
	var f consent.Filter
	var tenant, outcome, method string
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List entries with booking, outcome and method, without personal data, the oldest first", Args: noArguments,
		RunE: p.withStore(func(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
			f.Outcome, f.Method = consent.Outcome(outcome), methods[method]
			if c.Flags().Changed(tenantFlag) {
				name := strings.TrimPrefix(tenant, defaultTenant)
				f.Tenant = &name
			}
			lines, err := p.ledger(cfg, db).List(c.Context(), f)
			if err != nil {
				return err
			}
			if f.Tenant != nil && len(lines) == 0 {
				if _, known := cfg.Of(*f.Tenant); !known {
					return noTenant(cfg, *f.Tenant)
				}
			}
			return p.printLedger(lines, asJSON)
		}),
	}
	textFlag(c, &tenant, tenantFlag, "tenant", "entries of this tenant; - is the default one (default: all tenants)")
	textFlag(c, &f.Booking, "booking", "id", "entries about this booking")
	choiceFlag(c, &outcome, "outcome", "outcome", "entries with this outcome", string(consent.Sent), string(consent.Done), string(consent.NotDone), string(consent.Unknown))
	choiceFlag(c, &method, "method", "method", "entries about a consent that was given in this way", "passkey", "client", "card", "page", "terminal", "attested")
	p.momentFlag(c, &f.Since, "since", "entries since")
	p.momentFlag(c, &f.Until, "until", "entries before")
	numberFlag(c, &f.Limit, "limit", 0, 1_000_000, "list only the newest so many; 0: all")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

func (p program) printLedger(lines []consent.Line, asJSON bool) error {
	if asJSON {
		return printLines(p, lines, func(l consent.Line) consent.Line { return l })
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(p.out, "No entries.")
		return err
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ENTRY\tTIME\tKIND\tTENANT\tOUTCOME\tMETHOD\tBOOKING\tHASH")
	for _, l := range lines {
		kind := l.Kind
		if l.Erased {
			kind += " (erased)"
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Seq, l.At, kind, cmp.Or(sanitize.Line(l.Tenant, 64), defaultTenant), cmp.Or(string(l.Outcome), "-"), cmp.Or(methodWord(l), "-"), cmp.Or(sanitize.Line(l.Booking, 80), "-"), l.Hash[:12])
	}
	return table.Flush()
}

// methodWord returns the method of an entry as --method takes it. It is empty if the entry is neither a
// consent nor a write; a refusal says where the person declined.
func methodWord(l consent.Line) string {
	if !l.UnderConsent() {
		return refusedWhere(l)
	}
	for word, method := range methods {
		if method == l.Method {
			return word
		}
	}
	return ""
}

// refusedWhere returns where a person declined, such as "declined in the terminal". It is empty if the
// entry is no refusal.
func refusedWhere(l consent.Line) string {
	_, place, ok := strings.Cut(string(l.Method), " ") // "approved in the terminal"
	if !ok || !l.Refusal() {
		return ""
	}
	return "declined " + place
}

func (p program) showLedgerCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show entries in full, personal data included: one by its number, or all about a request, a grant or a booking",
		Args: oneID("ledger list"), ValidArgsFunction: p.completeIDs(p.ledgerIDs),
		RunE: p.withLedger(func(c *cobra.Command, l *consent.Ledger, args []string) error {
			lines, err := l.Show(c.Context(), args[0])
			if err != nil {
				return err
			}
			if len(lines) == 0 {
				return usageError{fmt.Errorf("the ledger has no entry %s; vennio-mcp ledger list shows what there is", sanitize.Quote(args[0], 80))}
			}
			if asJSON {
				return p.printLedger(lines, true)
			}
			for _, l := range lines {
				p.showEntry(l)
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return c
}

// showEntry prints one entry, a field a line.
func (p program) showEntry(l consent.Line) {
	method := refusedWhere(l)
	if l.UnderConsent() {
		method = string(l.Method)
	}
	_, _ = fmt.Fprintf(p.out, "entry %d\n", l.Seq)
	for _, field := range [][2]string{
		{"at", l.At},
		{"kind", l.Kind},
		{"tenant", cmp.Or(l.Tenant, defaultTenant)},
		{"tool", l.Tool},
		{"booking", l.Booking},
		{"outcome", string(l.Outcome)},
		{"method", method},
		{"request", l.Proposal},
		{"grant", l.Grant},
		{"hash", l.Hash},
		{"details", string(l.Details)},
	} {
		if field[1] != "" {
			_, _ = fmt.Fprintf(p.out, "  %-8s %s\n", field[0], sanitize.Line(field[1], 1<<16))
		}
	}
	if l.Erased {
		_, _ = fmt.Fprintln(p.out, "  details  erased, together with a person's data")
	}
}

func (p program) ledgerIDs(ctx context.Context, _ *cobra.Command, cfg config.Config, db *sqldb.DB) (ids []string, err error) {
	lines, err := p.ledger(cfg, db).List(ctx, consent.Filter{Limit: mostCompletions})
	for _, l := range lines {
		ids = append(ids, cobra.CompletionWithDesc(fmt.Sprint(l.Seq), l.Kind))
	}
	return ids, err
}

func (p program) verifyLedger(c *cobra.Command, cfg config.Config, db *sqldb.DB, _ []string) error {
	found, err := p.ledger(cfg, db).Inspect(c.Context())
	if broken, ok := errors.AsType[*consent.BrokenError](err); ok {
		return fmt.Errorf("the ledger does NOT hold: %w", broken)
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "The ledger holds: %d entries, none changed, deleted or inserted, and every consent matches its entries.\n", found.Entries)
	if found.Unsealed > 0 {
		_, _ = fmt.Fprintf(p.out, "Entries without a seal: %d, the oldest of %s. A running server seals entries about a second after they are written.\n", found.Unsealed, found.Oldest)
	}
	if found.Signatures > 0 {
		_, _ = fmt.Fprintf(p.out, "Signatures by passkeys: %d, all valid.\n", found.Signatures)
	}
	for _, change := range found.Unsigned {
		what := "removed"
		if change.Added {
			what = "added"
		}
		_, _ = fmt.Fprintf(p.out, "Attention: entry %d of %s: the passkey %s of %s%s was %s without a signature. That is right only if its owner had lost all passkeys.\n",
			change.Seq, change.At, change.Passkey.ID, sanitize.Quote(change.Passkey.Name, 100), ofTenant(change.Passkey.Tenant), what)
	}
	for _, tenant := range slices.Sorted(maps.Keys(found.EarlierConsents)) {
		if own, _ := cfg.Of(tenant); own.Consent == consent.PolicySigned {
			_, _ = fmt.Fprintf(p.out, "Attention: consents%s without a signature, older than the first request under the policy signed: %d. That is right only if another policy applied before it.\n",
				ofTenant(tenant), found.EarlierConsents[tenant])
		}
	}
	return unsignedConsents(cfg, found.UnsignedConsents)
}

// unsignedConsents returns an error about the consents of tenants for which the settings require signatures.
func unsignedConsents(cfg config.Config, all []consent.UnsignedConsent) error {
	const most = 20
	var entries []string
	for _, one := range all {
		if own, _ := cfg.Of(one.Tenant); own.Consent == consent.PolicySigned {
			number := "one that was erased"
			if one.Seq > 0 {
				number = fmt.Sprint(one.Seq)
			}
			entries = append(entries, fmt.Sprintf("%s (%s)", number, one.Method))
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return fmt.Errorf("consents without a signature, although the policy is signed: %d. A process with another policy shares this store; entries %s", len(entries), strings.Join(entries[:min(most, len(entries))], ", "))
}

// ofTenant names a tenant in a sentence; the default one is not named.
func ofTenant(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " (tenant " + sanitize.Line(tenant, 100) + ")"
}

// erasePerson erases from the ledger last: that scrubs the files of both.
func (p program) erasePerson(c *cobra.Command, cfg config.Config, db *sqldb.DB, args []string) error {
	in, err := webhooks.Open(db, webhooks.Options{Now: p.now})
	if err != nil {
		return err
	}
	events, err := in.Erase(c.Context(), consent.Mentions(args[0]))
	if err != nil {
		return err
	}
	paired, err := approval.NewPairings(db, p.clock()).Erase(c.Context(), consent.Mentions(args[0]))
	if err != nil {
		return err
	}
	ledger := p.ledger(cfg, db)
	bookings, err := ledger.BookingsOf(c.Context(), args[0])
	if err != nil {
		return err
	}
	n, passkeys, err := ledger.Erase(c.Context(), args[0])
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "Erased from %d acts and %d events. The ledger still verifies: vennio-mcp ledger verify.\n", n, events)
	if paired > 0 {
		_, _ = fmt.Fprintf(p.out, "Ended the pairing of %d browsers that had this name.\n", paired)
	}
	if passkeys > 0 {
		_, _ = fmt.Fprintf(p.out, "Erased this name from %d passkeys, which sign nothing any more; what they signed still verifies.\n", passkeys)
	}
	_, err = io.WriteString(p.out, remainsAtVennio(bookings))
	return err
}

// remainsAtVennio returns a text that lists the data which Vennio keeps after an erasure here, and
// explains how to remove it there.
func remainsAtVennio(bookings []consent.Booking) string {
	var b strings.Builder
	b.WriteString("Not erased, since Vennio keeps it: the guests of each booking, and in its metadata the name and words of whoever agreed (mcp_consent_by, mcp_consent_words).\n")
	if len(bookings) == 0 {
		b.WriteString("The record here names no booking at Vennio; one that was made before an earlier erasure, or outside of this server, may exist all the same.\n")
	} else {
		b.WriteString("Bookings there, with all bookings of their series:\n")
	}
	for _, one := range bookings {
		_, _ = fmt.Fprintf(&b, "  %s%s\n", sanitize.Line(one.BookingID, 100), ofTenant(one.Tenant))
	}
	b.WriteString("To remove it there: have the host delete these bookings in Vennio, or overwrite both metadata fields through Vennio's API (PATCH /v1/bookings/{id}); for what was mailed or backed up, ask Vennio.\n")
	return b.String()
}

func onePerson(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("name one person, by e-mail address or exact name; see: %s --help", c.CommandPath())}
	}
	return nil
}
