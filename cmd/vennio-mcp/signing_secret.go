package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

const (
	secretWait  = 2 * time.Second // for the store, before the server starts without it
	secretAgain = time.Second
)

// checkSecret refuses to start beside processes that use another signing secret.
// Where the store is away it is asked again until it answers, and the context ends
// then if the secret is another one; context.Cause tells.
func (a *assembled) checkSecret(ctx context.Context, cfg config.Config) (context.Context, error) {
	if !cfg.Real() || a.keys.Temporary() {
		return ctx, nil
	}
	limited, done := context.WithTimeout(ctx, secretWait)
	defer done()
	err := a.keys.Register(limited, a.store)
	if err == nil || errors.Is(err, tenant.ErrOtherSecret) {
		return ctx, err
	}
	a.log.Warn().Err(err).Msg("the store cannot be asked yet whether others use the same signing secret")
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(secretAgain):
			}
			switch err := a.keys.Register(ctx, a.store); {
			case err == nil:
				return
			case errors.Is(err, tenant.ErrOtherSecret):
				end(err)
				return
			}
		}
	}()
	return ctx, nil
}

// otherSecret is the error with which a server ends that found another secret later.
func otherSecret(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, tenant.ErrOtherSecret) {
		return cause
	}
	return err
}

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
