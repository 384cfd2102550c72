package vennioclient

import (
	"fmt"
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

// misfits gathers what is wrong with arguments, so that all of it is told at once.
type misfits map[string]string

// refused is the error of a call that is not sent; nil where nothing is wrong.
func (m misfits) refused() *Error {
	if len(m) == 0 {
		return nil
	}
	return &Error{Kind: KindInvalid, Title: "refused before sending", Fields: m}
}

// invalid refuses one argument.
func invalid(field, what string) *Error { return misfits{field: what}.refused() }

// hosts refuses none at all, and ids that would be read as several.
func (m misfits) hosts(ids []string) bool {
	ok := len(ids) > 0
	for _, id := range ids {
		ok = ok && id != "" && !strings.ContainsAny(id, ", \t\r\n")
	}
	if !ok {
		m["hosts"] = "must be one id or more, without commas or spaces"
	}
	return ok
}

func (m misfits) span(start, end time.Time) {
	if start.IsZero() || !end.After(start) {
		m["end"] = "must be after start, and both given"
	}
}

func (m misfits) metadata(meta map[string]string) {
	if len(meta) > maxMetadataKeys {
		m["metadata"] = fmt.Sprintf("must have at most %d keys, with those of title, guests and further hosts", maxMetadataKeys)
	}
	for key := range meta {
		if n := utf8.RuneCountInString(key); n == 0 || n > maxMetadataKey {
			m["metadata"] = fmt.Sprintf("must have keys of 1 to %d characters", maxMetadataKey)
		}
	}
}
