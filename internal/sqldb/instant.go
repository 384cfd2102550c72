package sqldb

import (
	"fmt"
	"time"
)

// layout is how instants are kept: RFC 3339 in UTC, always of the same length,
// so that text order is time order.
const layout = "2006-01-02T15:04:05.000Z"

// Text returns t as the store keeps it: RFC 3339 in UTC, to the millisecond.
// The zero time is the empty text.
func Text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}

// Instant scans a time that is stored as Text writes it.
type Instant struct{ To *time.Time }

// Scan implements sql.Scanner.
func (i Instant) Scan(from any) error {
	text, ok := from.(string)
	if !ok {
		return fmt.Errorf("an instant is kept as text, not as %T", from)
	}
	if text == "" {
		*i.To = time.Time{}
		return nil
	}
	t, err := time.Parse(layout, text)
	*i.To = t
	return err
}
