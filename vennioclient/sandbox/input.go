package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of metadata, documented.
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40  // characters
	maxMetadataValue = 500 // characters
)

// decode reads one JSON object into v and refuses fields that v does not have.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("more than one value")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return invalid(map[string]string{wrong.Field: "must not be a JSON " + wrong.Value})
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid(map[string]string{strings.Trim(field, `"`): "is not a field of this operation"})
	}
	return refuse(validationError, "The body must be one JSON object.")
}

// fieldErrors maps the invalid fields of a body to their errors.
type fieldErrors map[string]string

func (m fieldErrors) err() error { return invalid(m) }

func (m fieldErrors) email(field, value string) {
	switch a, err := mail.ParseAddress(value); {
	case value == "":
		m[field] = "is required"
	case err != nil, a.Address != value:
		m[field] = "must be an e-mail address"
	}
}

// instant parses RFC 3339 and truncates it to seconds.
func (m fieldErrors) instant(field, value string) time.Time {
	if value == "" {
		m[field] = "is required"
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		m[field] = "must be an ISO 8601 time with an offset, such as 2026-05-14T09:00:00Z"
	}
	return t.Truncate(time.Second)
}

// span parses two instants; the second one must be later.
func (m fieldErrors) span(startField, start, endField, end string) span {
	out := span{m.instant(startField, start), m.instant(endField, end)}
	if m[startField] == "" && m[endField] == "" && out.empty() {
		m[endField] = "must be after " + startField
	}
	return out
}

func (m fieldErrors) metadata(data map[string]string) {
	if len(data) > maxMetadataKeys {
		m["metadata"] = fmt.Sprintf("must have at most %d keys", maxMetadataKeys)
	}
	for key, value := range data {
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxMetadataKey:
			m["metadata"] = fmt.Sprintf("keys must have 1 to %d characters", maxMetadataKey)
		case utf8.RuneCountInString(value) > maxMetadataValue:
			m["metadata."+key] = fmt.Sprintf("must have at most %d characters", maxMetadataValue)
		case strings.HasPrefix(key, reservedPrefix):
			m["metadata."+key] = "is reserved"
		}
	}
}

// form parses query parameters and collects their errors.
type form struct {
	values url.Values
	errors map[string]string
}

// newForm returns a form that refuses parameters other than known.
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

// first returns the first of the named parameters that is present, and its name.
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

// instant parses RFC 3339, or a date as midnight UTC.
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

// zone reads the parameter timezone. It returns nil if that is absent.
func (f *form) zone() *time.Location {
	raw := f.values.Get("timezone")
	if raw == "" {
		return nil
	}
	loc, err := loadZone(raw)
	if err != nil {
		f.errors["timezone"] = "must be an IANA time zone, such as Europe/London"
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

// list splits a parameter at its commas and removes empty elements.
func (f *form) list(name string) []string {
	return slices.DeleteFunc(strings.Split(f.values.Get(name), ","), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// find returns the first item for which is returns true, or nil.
func find[T any](all []*T, is func(*T) bool) *T {
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return nil
	}
	return all[i]
}

// The page sizes of lists (documented for consents).
const (
	defaultPage = 50
	maxPage     = 100
)

// pagination is the end of a list. NextCursor is null on the last page.
type pagination struct {
	NextCursor *string `json:"next_cursor"`
}

// pageRequest is the requested part of a list: at most limit items after the cursor.
type pageRequest struct {
	limit  int
	cursor string
}

func (f *form) page() pageRequest {
	return pageRequest{f.number(defaultPage, 1, maxPage, "limit"), f.values.Get("cursor")}
}

// paginate answers with the wanted items after the cursor, in the form of show. If wanted is nil, all
// are wanted. A cursor is the id of the last item of the page before, so a list that grows
// meanwhile neither repeats nor skips items.
func paginate[T, J any](all []*T, page pageRequest, id func(*T) string, wanted func(*T) bool, show func(*T) J, body func([]J, pagination) any) (answer, error) {
	first := 0
	if page.cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(page.cursor)
		seen := slices.IndexFunc(all, func(item *T) bool { return id(item) == string(last) })
		if err != nil || seen < 0 {
			return answer{}, invalid(map[string]string{"cursor": "is not a cursor that a list returned"})
		}
		first = seen + 1
	}
	out, last, end := []J{}, "", pagination{}
	for _, item := range all[first:] {
		if wanted != nil && !wanted(item) {
			continue
		}
		if len(out) == page.limit {
			end.NextCursor = new(base64.RawURLEncoding.EncodeToString([]byte(last)))
			break
		}
		out, last = append(out, show(item)), id(item)
	}
	return answer{status: http.StatusOK, body: body(out, end)}, nil
}
