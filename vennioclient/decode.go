package vennioclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object whose fields may go by several names, in order of
// preference. A field that is null counts as absent.
type object map[string]json.RawMessage

var (
	errNoObject = errors.New("not a JSON object")
	errNoList   = errors.New("not a JSON array")
)

func objectFrom(raw json.RawMessage) (object, error) {
	var o object
	if !opens(raw, '{') || json.Unmarshal(raw, &o) != nil {
		return nil, errNoObject
	}
	return o, nil
}

func listFrom(raw json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if !opens(raw, '[') || json.Unmarshal(raw, &list) != nil {
		return nil, errNoList
	}
	return list, nil
}

// opens looks at the first character, so that no answer is scanned in vain.
func opens(raw json.RawMessage, first byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == first
}

func none(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// field returns the first of the named fields that is there.
func (o object) field(names ...string) json.RawMessage {
	for _, name := range names {
		if raw := o[name]; !none(raw) {
			return raw
		}
	}
	return nil
}

// text returns the first of the named fields that is a string or a number and
// not empty: ids come as either.
func (o object) text(names ...string) string {
	for _, name := range names {
		if s := scalar(o[name]); s != "" {
			return s
		}
	}
	return ""
}

// scalar is a string, a number or a bool as text, "" for anything else.
func scalar(raw json.RawMessage) string {
	switch {
	case none(raw), opens(raw, '{'), opens(raw, '['):
		return ""
	case opens(raw, '"'):
		if plain := bytes.TrimSpace(raw); bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
			return string(plain[1 : len(plain)-1])
		}
		var s string
		_ = json.Unmarshal(raw, &s) // raw is part of a valid answer
		return s
	}
	return string(bytes.TrimSpace(raw))
}

// texts returns a field that is a list of texts, or one text.
func (o object) texts(name string) []string {
	list, err := listFrom(o[name])
	if err != nil {
		list = []json.RawMessage{o[name]}
	}
	var out []string
	for _, item := range list {
		if s := scalar(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// time returns the first of the named fields that is there, in UTC: RFC 3339
// with an offset or Z, strictly. None is the zero time. The error names the
// field, and does not repeat what stands in it.
func (o object) time(names ...string) (time.Time, error) {
	for _, name := range names {
		raw := o.field(name)
		if raw == nil {
			continue
		}
		at, ok := instant(scalar(raw))
		if !ok {
			return time.Time{}, fmt.Errorf("%s is not an RFC 3339 time with an offset", name)
		}
		return at.UTC(), nil
	}
	return time.Time{}, nil
}

// instant reads RFC 3339 where time.Parse is laxer (go.dev/issue/54580): it lets
// pass an hour of one digit and a comma before the fraction.
func instant(s string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, s)
	return at, err == nil && s[len("2026-05-18T09")] == ':' && !strings.Contains(s, ",")
}

// strings returns a field that is an object of texts. What else stands in it is
// kept as JSON.
func (o object) strings(name string) map[string]string {
	named, err := objectFrom(o[name])
	if err != nil || len(named) == 0 {
		return nil
	}
	out := make(map[string]string, len(named))
	for key, raw := range named {
		if out[key] = scalar(raw); opens(raw, '{') || opens(raw, '[') {
			out[key] = string(raw)
		}
	}
	return out
}

// payload returns the object that raw is, or the one under its `data`.
func payload(raw json.RawMessage) (object, error) {
	o, err := objectFrom(raw)
	data, noData := objectFrom(o["data"])
	if noData != nil {
		return o, err
	}
	if none(data["pagination"]) {
		data["pagination"] = o["pagination"]
	}
	return data, nil
}

// listOf decodes every element of raw, which is an array or an object that holds
// one under name or `data`. It returns where the next page begins as well.
func listOf[T any](raw json.RawMessage, name string, decode func(json.RawMessage) (T, error)) ([]T, string, error) {
	items, err := listFrom(raw)
	next := ""
	if err != nil {
		o, err := payload(raw)
		if err != nil {
			return nil, "", err
		}
		if items, err = listFrom(o.field(name, "data")); err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		next = o.cursor()
	}
	out := make([]T, len(items))
	for i, item := range items {
		if out[i], err = decode(item); err != nil {
			return nil, "", fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return out, next, nil
}

// cursor returns where the next page begins, "" at the end.
func (o object) cursor() string {
	pages, err := objectFrom(o["pagination"])
	if err != nil {
		pages = o
	}
	if scalar(pages["has_more"]) == "false" {
		return ""
	}
	return pages.text("next_cursor")
}
