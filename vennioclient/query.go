package vennioclient

import (
	"net/url"
	"strconv"
	"time"
)

// query is a query string being written. What is zero is not sent.
type query struct {
	values url.Values
	wrong  misfits
}

func newQuery() query { return query{values: url.Values{}, wrong: misfits{}} }

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
