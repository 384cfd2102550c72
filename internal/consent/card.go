package consent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrCardKey refuses an answer from a card without the proposal's key.
var ErrCardKey = errors.New("the card's key is missing, wrong or no longer valid")

// CardKey is the evidence with which a card answers a proposal: a secret that reaches the host of the
// card and not the model.
type CardKey struct {
	Key    string // as IssueCardKey returned it
	Holder string // a keyed hash of the caller: the same when the key is issued and when it is used
}

// maxCardMisses is the number of wrong keys after which the right one is void.
const maxCardMisses = 3

// IssueCardKey returns a new key of 256 random bits for an open proposal, and voids the one before. It
// is valid for one answer, until the proposal expires. Only its SHA-256 is stored.
//
// ErrNoProposal, ErrAnswered and ErrExpired as for Answer.
func (l *Ledger) IssueCardKey(ctx context.Context, id, holder string) (key string, err error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	key = hex.EncodeToString(random)
	err = l.update(ctx, func(tx *transaction) error {
		p, err := tx.proposal(id)
		if err != nil {
			return err
		}
		if err := p.answerable(); err != nil {
			return err
		}
		hash := p.cardHash(key)
		return errors.Join(
			tx.enforce(guard{key: keyOfCard(id)}),
			tx.Exec(`UPDATE proposals SET card_key = ?, card_holder = ?, card_misses = 0 WHERE id = ? AND state = 'open'`, hash, holder, id),
			tx.Require(`EXISTS (SELECT 1 FROM proposals WHERE id = ? AND card_key = ?)`, id, hash), // the update found it open, and keeps it locked
		)
	})
	if err != nil {
		return "", err
	}
	return key, nil
}

// keyOfCard returns the key for Exclude under which answers of the card of a proposal, and new card keys, are
// stored one at a time.
func keyOfCard(proposal string) string { return "card\n" + proposal }

// cardHash binds a key to its proposal and act.
func (p Proposal) cardHash(key string) string {
	return sha256Hex(strings.Join([]string{"vennio-mcp card v1", p.ID, p.stored.digest, key}, "\n"))
}

type storedCardKey struct{ hash, holder string }

func (k *storedCardKey) columns() []any { return []any{&k.hash, &k.holder} }

// checkCardKey returns ErrCardKey as refused if a card may not answer the proposal. Then the
// transaction must be committed, because it counts wrong keys. Calls without a key, and those of
// other callers, do not count: they could void the key of the person. The guards of a valid key hold as
// long as it was not voided.
func (tx *transaction) checkCardKey(p Proposal, got CardKey) (valid []guard, refused, err error) {
	stored, err := sqldb.One(tx.Tx, (*storedCardKey).columns, `SELECT p.card_key, p.card_holder FROM proposals p WHERE p.id = ?`, p.ID)
	switch {
	case err != nil:
		return nil, nil, err
	case got.Key == "" || stored == nil || stored.hash == "" || stored.holder != got.Holder:
		return nil, ErrCardKey, nil
	}
	valid = []guard{{keyOfCard(p.ID), `EXISTS (SELECT 1 FROM proposals p WHERE p.id = ? AND p.card_key = ?)`, []any{p.ID, stored.hash}}}
	if subtle.ConstantTimeCompare([]byte(p.cardHash(got.Key)), []byte(stored.hash)) == 1 {
		return valid, nil, nil
	}
	if err := tx.enforce(valid...); err != nil {
		return nil, nil, err
	}
	return nil, ErrCardKey, tx.Exec(`UPDATE proposals SET card_misses = card_misses + 1, card_key = CASE WHEN card_misses + 1 >= `+strconv.Itoa(maxCardMisses)+` THEN '' ELSE card_key END
		WHERE id = ?`, p.ID)
}
