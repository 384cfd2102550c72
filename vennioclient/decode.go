package vennioclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object. Its methods take several names of a field, in order of
// preference, and also accept each name in camel case, as Vennio's SDK writes it. A field that
// is null counts as absent.
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

// opens reports whether raw begins with a character, apart from white space.
func opens(raw json.RawMessage, first byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == first
}

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// field returns the first of the named fields that is present.
func (o object) field(names ...string) json.RawMessage {
	for _, name := range names {
		if raw := o[name]; !isNull(raw) {
			return raw
		}
		if raw := o[camel(name)]; !isNull(raw) {
			return raw
		}
	}
	return nil
}

// camel returns "StartTime" for "start_time".
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// text returns the first of the named fields that is a non-empty string or a number,
// because ids may be either.
func (o object) text(names ...string) string {
	for _, name := range names {
		if s := scalar(o.field(name)); s != "" {
			return s
		}
	}
	return ""
}

// scalar returns a string, a number or a bool as text, and "" for anything else.
func scalar(raw json.RawMessage) string {
	switch {
	case isNull(raw), opens(raw, '{'), opens(raw, '['):
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

// texts returns a field that is a list of strings or one string.
func (o object) texts(name string) []string {
	list, err := listFrom(o.field(name))
	if err != nil {
		list = []json.RawMessage{o.field(name)}
	}
	var out []string
	for _, item := range list {
		if s := scalar(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// time returns the first of the named fields that is present, in UTC. It must be strict
// RFC 3339 with an offset or Z. If no field is present, time returns the zero time. The
// error names the field, not its content.
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

// instant parses RFC 3339 strictly. time.Parse accepts an hour of one digit and a comma
// before the fraction (go.dev/issue/54580).
func instant(s string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, s)
	return at, err == nil && s[len("2026-05-18T09")] == ':' && !strings.Contains(s, ",")
}

// strings returns a field that is an object of strings. Values of other types are
// returned as JSON.
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

// payload returns the object under `data` of raw, or raw itself if there is none.
func payload(raw json.RawMessage) (object, error) {
	o, err := objectFrom(raw)
	data, noData := objectFrom(o["data"])
	if noData != nil {
		return o, err
	}
	if isNull(data["pagination"]) {
		data["pagination"] = o["pagination"]
	}
	return data, nil
}

// listOf decodes every element of raw, which is an array or an object with an array under
// name, its last word or `data`. It also returns the cursor of the next page.
func listOf[T any](raw json.RawMessage, name string, decode func(json.RawMessage) (T, error)) ([]T, string, error) {
	items, err := listFrom(raw)
	next := ""
	if err != nil {
		o, err := payload(raw)
		if err != nil {
			return nil, "", err
		}
		if items, err = listFrom(o.field(name, name[strings.LastIndexByte(name, '_')+1:], "data")); err != nil {
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

// readPage reads a page of the list with this name.
func readPage[T, P any](ctx context.Context, c *Client, path, name string, q query, decode func(json.RawMessage) (T, error), page func(all []T, next string) *P) (*P, error) {
	return call(ctx, c, get(path, q.values), func(raw json.RawMessage) (*P, error) {
		all, next, err := listOf(raw, name, decode)
		return page(all, next), err
	})
}

// cursor returns the cursor of the next page, "" on the last one.
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
