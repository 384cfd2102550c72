package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// coercer changes arguments whose meaning is clear into the form that the schema requires, before they
// are validated. It works in the same way for all tools: it uses the shape of the schema and, for a
// few arguments, their name (see coerceByName). It does not change unclear arguments, which validation
// then reports.
type coercer struct {
	left    int               // the number of values that JSON in strings may still contain
	reduced string            // the limit that was asked for, if it was above its maximum
	broken  map[string]string // by argument: why its text is not valid JSON
}

// object coerces the members of an object and deletes those that mean an absent value.
func (c *coercer) object(s shape, v map[string]any) {
	for alias, name := range aliases {
		if value, sent := v[alias]; sent && s.has(name) && !s.has(alias) {
			if _, both := v[name]; !both {
				v[name] = value
				delete(v, alias)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		value := v[name]
		property, known := s.Properties.byName[name]
		if value = c.value(name, property, value); value == nil || known && absent(name, s, value) {
			delete(v, name)
			continue
		}
		v[name] = value
	}
}

// absent reports whether a value means that there is none: an empty string, or for an optional
// argument a word that wrappers send for null.
func absent(name string, parent shape, value any) bool {
	switch text, isText := value.(string); {
	case !isText:
		return false
	case text == "":
		return true
	case slices.Contains(parent.Required, name):
		return false
	default:
		return nullWords[strings.ToLower(text)] || name == "repeat" && once[fold(text)]
	}
}

var (
	// nullWords are the words that wrappers send for null, and models for an argument that they omit.
	nullWords = map[string]bool{"null": true, "undefined": true, "none": true, "nil": true, "n/a": true}
	// once are the words for a meeting that does not repeat, without punctuation and blanks.
	once = setOf("no", "never", "once", "false", "no repeat", "does not repeat", "doesn't repeat", "doesnt repeat", "not repeating", "non-recurring", "one-time", "one-off", "single", "0")
)

// value returns the value in the form that s requires, or nil if none was sent.
func (c *coercer) value(name string, s shape, value any) any {
	if text, isText := value.(string); isText {
		value = strings.TrimSpace(text)
		if s.Type != "" && s.Type != "string" {
			value = c.text(name, s, value.(string))
		}
	}
	if _, broken := c.broken[name]; broken {
		return value
	}
	if own := coerceByName[name]; own != nil {
		value = own(value)
	}
	switch s.Type {
	case "object":
		if items, isList := value.([]any); isList && len(items) == 1 {
			if only, isObject := items[0].(map[string]any); isObject {
				value = only
			}
		}
		if v, ok := value.(map[string]any); ok {
			c.object(s, v)
		}
	case "array":
		return c.list(name, s, value)
	case "integer", "number":
		return c.atMost(name, s, number(single(value)))
	case "string":
		return s.oneOf(name, single(value))
	default:
	}
	return value
}

// text reads a string as the other type that s requires: JSON in a string.
func (c *coercer) text(name string, s shape, text string) any {
	if text == "" {
		return nil
	}
	switch s.Type {
	case "boolean": // no other words: an unclear one must never become a consent
		switch strings.ToLower(text) {
		case "true":
			return true
		case "false", "no", "0":
			return false
		}
	case "object", "array":
		if !strings.ContainsAny(text[:1], `{["n`) {
			break
		}
		value, err := c.decode(text)
		if err != nil {
			if text[0] == '{' || text[0] == '[' {
				if c.broken == nil {
					c.broken = map[string]string{}
				}
				c.broken[name] = err.Error()
			}
			break
		}
		return value
	}
	return text
}

// decode reads JSON from a string, repeatedly if it was encoded repeatedly.
func (c *coercer) decode(text string) (any, error) {
	const most = 3
	for range most {
		values, err := jsonlimits.Scan([]byte(text))
		if err == nil && values > c.left {
			err = jsonlimits.TooMany
		}
		if err != nil {
			return nil, err
		}
		c.left -= values
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return nil, errors.New("is text, and not valid JSON")
		}
		inner, isText := value.(string)
		if !isText {
			return value, nil
		}
		text = strings.TrimSpace(inner)
	}
	return nil, errors.New("is JSON text within JSON text")
}

// itemsOf returns the items of a list; another value is the only item.
func itemsOf(value any) []any {
	if items, isList := value.([]any); isList {
		return items
	}
	return []any{value}
}

// list makes a list of a single value and removes empty items.
func (c *coercer) list(name string, s shape, value any) any {
	if value == nil {
		return nil
	}
	items := itemsOf(value)
	kept := items[:0:len(items)]
	for _, item := range items {
		if s.Items != nil {
			item = c.value(name+"[]", *s.Items, item)
		}
		if text, isText := item.(string); isText && (text == "" || nullWords[strings.ToLower(text)]) {
			continue
		}
		if item != nil {
			kept = append(kept, item)
		}
	}
	return kept
}

func (c *coercer) atMost(name string, s shape, value any) any {
	n, isNumber := value.(json.Number)
	if !isNumber || name != "limit" || s.Maximum == nil {
		return value
	}
	if f, err := n.Float64(); err == nil && f > *s.Maximum {
		c.reduced = n.String()
		return json.Number(strconv.FormatFloat(*s.Maximum, 'f', -1, 64))
	}
	return value
}

// single returns the only item of a list if a single value is required.
func single(value any) any {
	if items, isList := value.([]any); isList && len(items) == 1 {
		switch item := items[0].(type) {
		case string:
			return strings.TrimSpace(item)
		case json.Number:
			return item
		}
	}
	return value
}

// number reads numbers in strings, and whole numbers with a fraction or an exponent: 30.0 is an integer
// (JSON Schema 2020-12, 6.1.1).
func number(value any) any {
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	}
	if !jsonlimits.Number(text) {
		return value // it is not a number of a sensible length
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !json.Valid([]byte(text)) {
		return value
	}
	const exact = 1 << 53
	if f == float64(int64(f)) && f < exact && f > -exact {
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	return json.Number(text)
}

// oneOf finds the value of an enumeration, ignoring case and punctuation.
func (s shape) oneOf(name string, value any) any {
	text, isText := value.(string)
	if !isText || len(s.Enum) == 0 || len(text) > longestName {
		return value
	}
	meant := fold(text)
	for _, allowed := range s.Enum {
		if fold(allowed) == meant {
			return allowed
		}
	}
	if allowed, ok := synonyms[name][meant]; ok {
		return allowed
	}
	return text
}

// document reads the arguments as one object. Wrappers send it as a JSON string, as [] if it is empty,
// or inside another object, as {"arguments": {…}}.
func (c *coercer) document(s shape, args json.RawMessage) (map[string]any, error) {
	if len(bytes.TrimSpace(args)) == 0 {
		return map[string]any{}, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(args))
	if err != nil {
		return nil, errors.New("the arguments are not valid JSON")
	}
	object, err := c.whole(doc)
	if err != nil {
		return nil, err
	}
	const most = 3
	for range most {
		inner, wrapped := unwrapped(s, object)
		if !wrapped {
			break
		}
		if object, err = c.whole(inner); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func (c *coercer) whole(doc any) (map[string]any, error) {
	if text, isText := doc.(string); isText {
		if strings.TrimSpace(text) == "" {
			return map[string]any{}, nil
		}
		var err error
		if doc, err = c.decode(strings.TrimSpace(text)); err != nil {
			if excess, ok := errors.AsType[jsonlimits.Excess](err); ok {
				return nil, fmt.Errorf("the arguments %w", excess)
			}
			return nil, errors.New("the arguments are text that is not one JSON object")
		}
	}
	switch v := doc.(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		return v, nil
	case []any:
		if len(v) == 0 {
			return map[string]any{}, nil
		}
		if only, isObject := v[0].(map[string]any); isObject && len(v) == 1 {
			return only, nil
		}
	}
	return nil, errors.New("the arguments must be one JSON object")
}

// unwrapped returns the value of a wrapper of all arguments, if there is one and no argument of ours is
// beside it.
func unwrapped(s shape, object map[string]any) (inner any, wrapped bool) {
	for _, name := range wrappers {
		value, sent := object[name]
		if !sent || s.has(name) {
			continue
		}
		switch value.(type) {
		case map[string]any, string:
		default:
			continue
		}
		if text, isText := value.(string); isText && strings.TrimSpace(text) != "" && !strings.HasPrefix(strings.TrimSpace(text), "{") {
			continue
		}
		for other := range object {
			if other != name && !slices.Contains([]string{"name", "tool", "tool_name", "toolName"}, other) && !addedByClient(s, other) {
				return nil, false
			}
		}
		return value, true
	}
	return nil, false
}
