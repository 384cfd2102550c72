package tenant

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrOtherSecret is the error of a process whose signing secret does not match that
// of the other processes of the store.
var ErrOtherSecret = errors.New("the store is used with another signing secret, and slot ids and approvals of one process would be unknown to the others. " +
	"Give every process the same VENNIO_SIGNING_SECRET; to replace it, set old,new on all of them, then new,old, then new (docs/operations/scaling.md). " +
	"If the old one is lost or leaked, stop every process, then run: vennio-mcp signing-secret forget")

// secretUse records, by fingerprints, which signing secrets a process uses.
type secretUse struct {
	signs    string
	verifies string // all fingerprints, separated by blanks
	origin   string
}

func (u *secretUse) columns() []any { return []any{&u.signs, &u.verifies, &u.origin} }

// use returns the record of this keyring.
func (k Keyring) use() secretUse {
	prints := make([]string, len(k.keys))
	for i, key := range k.keys {
		prints[i] = keyFingerprint(key)
	}
	return secretUse{signs: prints[0], verifies: strings.Join(prints, " "), origin: string(k.source)}
}

// Fingerprint identifies the signing secret without revealing it.
func (k Keyring) Fingerprint() string { return keyFingerprint(k.keys[0]) }

func keyFingerprint(key []byte) string {
	return hex.EncodeToString(sign(key, "vennio-mcp fingerprint of a signing secret v1")[:16])
}

// Register stores which signing secrets this process uses. It returns ErrOtherSecret
// unless this process verifies what the recorded one signs, and the reverse. A secret
// of the state folder that was generated again replaces the previous one.
func (k Keyring) Register(ctx context.Context, db *sqldb.DB) error {
	mine := k.use()
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		recorded, err := sqldb.One(tx, (*secretUse).columns, `SELECT signs, takes, origin FROM signing_secret WHERE id = 1`)
		switch {
		case err != nil, recorded != nil && *recorded == mine:
			return err
		case recorded != nil && !recorded.compatible(mine):
			return ErrOtherSecret
		}
		return tx.Exec(`INSERT INTO signing_secret (id, signs, takes, origin) VALUES (1, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET signs = excluded.signs, takes = excluded.takes, origin = excluded.origin`, mine.signs, mine.verifies, mine.origin)
	})
}

func (u secretUse) compatible(other secretUse) bool {
	if u.origin == string(fromFolder) && other.origin == string(fromFolder) {
		return true
	}
	return slices.Contains(strings.Fields(u.verifies), other.signs) && slices.Contains(strings.Fields(other.verifies), u.signs)
}

// ForgetSecretUse deletes the record: the process that starts next may use any secret.
func ForgetSecretUse(tx *sqldb.Tx) error { return tx.Exec(`DELETE FROM signing_secret`) }
