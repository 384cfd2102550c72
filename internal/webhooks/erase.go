package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// atATime bounds the bodies that Erase holds at once: 32 MiB.
const atATime = 32

// Erase empties the bodies of the events of all tenants in which one text names
// somebody, and returns how many that were. That there were such events stays,
// and when they were erased. What is left of them in the database's files goes
// with store.DB.Scrub. It may be repeated.
func (b *Office) Erase(ctx context.Context, names func(text string) bool) (erased int, err error) {
	for last := int64(0); ; {
		var found []sqldb.Event
		err := b.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
			found, last, err = tx.EventsAfter(last, atATime)
			return err
		})
		if err != nil || len(found) == 0 {
			return erased, err
		}
		n, err := b.empty(ctx, found, names)
		if err != nil {
			return erased, err
		}
		erased += n
	}
}

// empty erases those of the events that name somebody.
func (b *Office) empty(ctx context.Context, found []sqldb.Event, names func(string) bool) (n int, err error) {
	var keys []sqldb.EventKey
	for _, e := range found {
		if tells(e.Body, names) {
			keys = append(keys, sqldb.EventKey{Tenant: e.Tenant, ID: e.ID})
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	return len(keys), b.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := b.now(tx)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := tx.EraseEvent(key, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// tells: some text of a body names somebody. What cannot be read cannot be shown
// not to.
func tells(body []byte, names func(string) bool) bool {
	for texts := json.NewDecoder(bytes.NewReader(body)); ; {
		next, err := texts.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if text, ok := next.(string); ok && names(text) {
			return true
		}
	}
}
