package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

const secretAbout = `The store remembers the fingerprint of the signing secret that its processes use,
and a process with another one does not start, except while the secret is rotated
(docs/operations/scaling.md).`

func (p program) signingSecretCommand() *cobra.Command {
	c := &cobra.Command{Use: "signing-secret", Short: "Allow the store to be used with another signing secret", Long: secretAbout}
	c.AddCommand(&cobra.Command{
		Use: "forget", Short: "Delete the record of the signing secret, if the secret is lost or leaked; stop every process first", Long: secretAbout, Args: noArguments,
		RunE: p.withStore(func(c *cobra.Command, _ config.Config, db *sqldb.DB, _ []string) error {
			if err := db.Write(c.Context(), tenant.ForgetSecretUse); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.out, "Forgotten. The process that starts next decides which signing secret the store is used with; slots offered before must be searched again.")
			return err
		}),
	})
	return c
}
