package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// form reads query parameters and collects what is wrong with them.
type form struct {
	values url.Values
	errors map[string]string
}

// newForm refuses parameters that the operation does not know.
func newForm(values url.Values, known ...string) *form {
	f := &form{values, map[string]string{}}
	for name := range values {
		if !slices.Contains(known, name) {
			f.errors[name] = "is not a parameter of this operation"
		}
	}
	return f
}

func (f *form) err() error { return invalid(f.errors) }

// first returns the first of the named parameters that is there, and its name.
func (f *form) first(names ...string) (value, name string) {
	for _, n := range names {
		if v := f.values.Get(n); v != "" {
			return v, n
		}
	}
	return "", names[0]
}

func (f *form) number(fallback, least, most int, names ...string) int {
	raw, name := f.first(names...)
	if raw == "" {
		return fallback
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < least || n > most {
		f.errors[name] = fmt.Sprintf("must be a whole number from %d to %d", least, most)
		return fallback
	}
	return n
}

func (f *form) minutes(fallback, least, most int, names ...string) time.Duration {
	return time.Duration(f.number(fallback, least, most, names...)) * time.Minute
}

// instant accepts RFC 3339, and a bare date as midnight UTC.
func (f *form) instant(name string, fallback time.Time) time.Time {
	raw := f.values.Get(name)
	if raw == "" {
		return fallback
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t
		}
	}
	f.errors[name] = "must be an ISO 8601 time with an offset, such as 2026-05-14T09:00:00Z"
	return fallback
}

// zone returns nil where none is given.
func (f *form) zone(name string) *time.Location {
	raw := f.values.Get(name)
	if raw == "" {
		return nil
	}
	loc, err := loadZone(raw)
	if err != nil {
		f.errors[name] = "must be an IANA time zone, such as Europe/London"
	}
	return loc
}

func (f *form) boolean(name string, fallback bool) bool {
	return f.oneOf(name, strconv.FormatBool(fallback), "true", "false") == "true"
}

func (f *form) oneOf(name, fallback string, allowed ...string) string {
	raw := f.values.Get(name)
	if raw == "" {
		return fallback
	}
	if !slices.Contains(allowed, raw) {
		f.errors[name] = "must be one of " + strings.Join(allowed, ", ")
		return fallback
	}
	return raw
}

// list splits a comma-joined parameter and drops what is empty.
func (f *form) list(name string) []string {
	return slices.DeleteFunc(strings.Split(f.values.Get(name), ","), func(s string) bool { return strings.TrimSpace(s) == "" })
}
