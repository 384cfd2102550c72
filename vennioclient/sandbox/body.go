package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/mail"
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

// misfits collects what is wrong with a body, field by field.
type misfits map[string]string

func (m misfits) err() error { return invalid(m) }

func (m misfits) email(field, value string) {
	switch a, err := mail.ParseAddress(value); {
	case value == "":
		m[field] = "is required"
	case err != nil, a.Address != value:
		m[field] = "must be an e-mail address"
	}
}

// instant reads RFC 3339, to the second.
func (m misfits) instant(field, value string) time.Time {
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

// span reads two instants; the second must be later.
func (m misfits) span(startField, start, endField, end string) span {
	out := span{m.instant(startField, start), m.instant(endField, end)}
	if m[startField] == "" && m[endField] == "" && out.empty() {
		m[endField] = "must be after " + startField
	}
	return out
}

func (m misfits) metadata(data map[string]string) {
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
