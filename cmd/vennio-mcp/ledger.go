package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const ledgerAbout = `The consent ledger records who was asked, who agreed to what and how, and what
became of it. It only grows: each entry carries the hash of the one before.`

func (p program) ledgerCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ledger", Short: "List, verify, export the consent ledger, or erase a person's data from it", Long: ledgerAbout, Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{Use: "list", Short: "List the entries, without personal data", Args: noArguments, RunE: p.withLedger(p.listLedger)},
		&cobra.Command{Use: "verify", Short: "Prove that no entry was changed, deleted or inserted, and that every consent matches its entries", Args: noArguments, RunE: p.withLedger(p.verifyLedger)},
		&cobra.Command{
			Use: "export", Short: "Write all entries as JSON lines, with what a third party needs to verify them", Args: noArguments,
			RunE: p.withLedger(func(c *cobra.Command, l *consent.Ledger, _ []string) error { return l.Export(c.Context(), p.out) }),
		},
		&cobra.Command{Use: "erase PERSON", Short: "Delete a person's data, by e-mail address or exact name, from the ledger and from kept events; the ledger stays provable", Args: onePerson, RunE: p.withStore(p.erasePerson)},
	)
	return c
}

func (p program) listLedger(c *cobra.Command, l *consent.Ledger, _ []string) error {
	const page = 200
	for after := int64(0); ; {
		entries, err := l.Entries(c.Context(), after, page)
		if err != nil || len(entries) == 0 {
			if err == nil && after == 0 {
				_, err = fmt.Fprintln(p.out, "No entries.")
			}
			return err
		}
		for _, e := range entries {
			_, _ = fmt.Fprintf(p.out, "%6d  %s  %-12s %s\n", e.Seq, e.At, e.Kind, e.Hash[:12])
			after = e.Seq
		}
	}
}

func (p program) verifyLedger(c *cobra.Command, l *consent.Ledger, _ []string) error {
	n, err := l.Verify(c.Context())
	if broken, ok := errors.AsType[*consent.BrokenError](err); ok {
		return fmt.Errorf("the ledger does NOT hold: %w", broken)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "The ledger holds: %d entries, none changed, deleted or inserted, and every consent matches its entries.\n", n)
	return err
}

// erasePerson erases from the ledger last: that scrubs the files of both.
func (p program) erasePerson(c *cobra.Command, _ config.Config, db *sqldb.DB, args []string) error {
	in, err := webhooks.Open(db, webhooks.Options{Now: p.now})
	if err != nil {
		return err
	}
	told, err := in.Erase(c.Context(), consent.Names(args[0]))
	if err != nil {
		return err
	}
	paired, err := approval.NewPairings(db, p.clock()).Erase(c.Context(), consent.Names(args[0]))
	if err != nil {
		return err
	}
	ledger := consent.New(db, p.now)
	bookings, err := ledger.AtVennio(c.Context(), args[0])
	if err != nil {
		return err
	}
	n, err := ledger.Erase(c.Context(), args[0])
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.out, "Erased from %d acts and %d events. The ledger stays provable: vennio-mcp ledger verify.\n", n, told)
	if paired > 0 {
		_, _ = fmt.Fprintf(p.out, "Ended the pairing of %d browsers that had this name.\n", paired)
	}
	_, err = io.WriteString(p.out, remainsAtVennio(bookings))
	return err
}

// remainsAtVennio says what an erasure here does not reach.
func remainsAtVennio(bookings []consent.AtVennio) string {
	var b strings.Builder
	b.WriteString("Not erased, since Vennio keeps it: the guests of each booking, and in its metadata the name and words of whoever agreed (mcp_consent_by, mcp_consent_words).\n")
	if len(bookings) == 0 {
		b.WriteString("The record here names no booking at Vennio; one that was made before an earlier erasure, or outside of this server, may exist all the same.\n")
	} else {
		b.WriteString("Bookings there, with all bookings of their series:\n")
	}
	for _, one := range bookings {
		_, _ = fmt.Fprintf(&b, "  %s", sanitize.Line(one.BookingID, 100))
		if one.Tenant != "" {
			_, _ = fmt.Fprintf(&b, " (tenant %s)", sanitize.Line(one.Tenant, 100))
		}
		b.WriteString("\n")
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
