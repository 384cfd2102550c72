package vennioclient

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of metadata (vennio-api.md, Bookings), in characters.
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

// argumentErrors maps each invalid argument to its error, so that one error reports all of them.
type argumentErrors map[string]string

// refused returns the error of a call that is not sent because its arguments are invalid, or nil.
func (m argumentErrors) refused() *Error {
	if len(m) == 0 {
		return nil
	}
	return &Error{Kind: KindInvalid, Title: "refused before sending", Fields: m}
}

func invalid(field, what string) *Error { return argumentErrors{field: what}.refused() }

// hosts refuses an empty list, and ids that Vennio would read as several.
func (m argumentErrors) hosts(ids []string) bool {
	ok := len(ids) > 0
	for _, id := range ids {
		ok = ok && id != "" && !strings.ContainsAny(id, ", \t\r\n")
	}
	if !ok {
		m["hosts"] = "must be one id or more, without commas or spaces"
	}
	return ok
}

func (m argumentErrors) span(start, end time.Time) {
	if start.IsZero() || !end.After(start) {
		m["end"] = "must be after start, and both given"
	}
}

func (m argumentErrors) metadata(meta map[string]string) {
	if len(meta) > maxMetadataKeys {
		m["metadata"] = fmt.Sprintf("must have at most %d keys, including those of title, attendees and further hosts", maxMetadataKeys)
	}
	for key := range meta {
		if n := utf8.RuneCountInString(key); n == 0 || n > maxMetadataKey {
			m["metadata"] = fmt.Sprintf("must have keys of 1 to %d characters", maxMetadataKey)
		}
	}
}

// query builds a query string. Zero values are left out.
type query struct {
	values url.Values
	wrong  argumentErrors
}

func newQuery() query { return query{values: url.Values{}, wrong: argumentErrors{}} }

func pageQuery(limit int, cursor string) query {
	q := newQuery()
	q.number("limit", limit)
	q.text("cursor", cursor)
	return q
}

func (q query) text(name, value string) {
	if value != "" {
		q.values.Set(name, value)
	}
}

func (q query) number(name string, n int) {
	if n != 0 {
		q.values.Set(name, strconv.Itoa(n))
	}
}

func (q query) instant(name string, at time.Time) {
	if !at.IsZero() {
		q.values.Set(name, stamp(at))
	}
}

func (q query) minutes(name string, d time.Duration) {
	if d < 0 || d%time.Minute != 0 {
		q.wrong[name] = "must be whole minutes"
	}
	q.number(name, int(d/time.Minute))
}

// stamp writes an instant as RFC 3339 in UTC, so that one instant is one text.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
