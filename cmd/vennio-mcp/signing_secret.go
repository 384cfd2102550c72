package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// errOtherSecret refuses to start beside processes that use another secret.
var errOtherSecret = errors.New("the store is used with another signing secret, and slot ids and approvals of one process would be unknown to the others. " +
	"Give every process the same VENNIO_SIGNING_SECRET; to replace it, set old,new on all of them, then new,old, then new (docs/operations/scaling.md). " +
	"If the old one is lost or leaked, stop every process, then run: vennio-mcp signing-secret forget")

// Where a secret comes from.
const (
	secretOfSettings = "setting"
	secretOfFolder   = "folder"
)

// secretUse is which secret this process signs with, and which it takes.
func (a *assembled) secretUse(cfg config.Config) sqldb.SecretUse {
	u := sqldb.SecretUse{Signs: fingerprint(a.secret), Origin: secretOfFolder}
	if len(cfg.SigningSecrets) > 0 {
		u.Origin = secretOfSettings
	}
	takes := []string{u.Signs}
	for _, other := range a.others {
		takes = append(takes, fingerprint(other))
	}
	u.Takes = strings.Join(takes, " ")
	return u
}

// fingerprint tells a secret from others, and nothing of it.
func fingerprint(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte("vennio-mcp fingerprint of a signing secret v1"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// agreeOnSecret notes which secret this process uses, unless it does not go together
// with the one that is noted: each must take what the other signs. A secret of the
// state folder that was made anew takes the place of the one before.
func agreeOnSecret(ctx context.Context, db *sqldb.DB, mine sqldb.SecretUse) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		kept, err := tx.SecretUse()
		if err != nil || kept != nil && *kept == mine {
			return err
		}
		if kept != nil && !goTogether(*kept, mine) {
			return errOtherSecret
		}
		return tx.SetSecretUse(mine)
	})
}

func goTogether(kept, mine sqldb.SecretUse) bool {
	if kept.Origin == secretOfFolder && mine.Origin == secretOfFolder {
		return true
	}
	return slices.Contains(strings.Fields(mine.Takes), kept.Signs) && slices.Contains(strings.Fields(kept.Takes), mine.Signs)
}

const (
	secretWait  = 2 * time.Second // for the store, before the server starts without it
	secretAgain = time.Second
)

// checkSecret refuses to start beside processes that use another signing secret.
// Where the store is away it is asked again until it answers, and the context ends
// then if the secret is another one; context.Cause tells.
func (a *assembled) checkSecret(ctx context.Context, cfg config.Config) (context.Context, error) {
	if !cfg.Real() || a.ownSecret {
		return ctx, nil
	}
	mine := a.secretUse(cfg)
	limited, done := context.WithTimeout(ctx, secretWait)
	defer done()
	err := agreeOnSecret(limited, a.store, mine)
	if err == nil || errors.Is(err, errOtherSecret) {
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
			switch err := agreeOnSecret(ctx, a.store, mine); {
			case err == nil:
				return
			case errors.Is(err, errOtherSecret):
				end(err)
				return
			}
		}
	}()
	return ctx, nil
}

// otherSecret is the error with which a server ends that found another secret later.
func otherSecret(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, errOtherSecret) {
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
			if err := db.Write(c.Context(), (*sqldb.Tx).ForgetSecretUse); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.out, "Forgotten. The process that starts next decides which signing secret the store is used with; slots offered before must be searched again.")
			return err
		}),
	})
	return c
}
