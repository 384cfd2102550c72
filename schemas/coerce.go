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

// coercer changes arguments that are plainly meant into the form that the schema wants, before they
// are validated. It is the same for all tools: the shape of the schema decides, and for a few
// arguments their name (see byName). What is unclear it leaves as it is, for validation to report.
type coercer struct {
	left    int    // values that JSON in strings may still contain
	reduced string // what was asked for where a limit was above its maximum
	broken  map[string]string
}

// object coerces the members of an object. It deletes those that count as absent.
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

// absent reports whether a value stands for no value: an empty string, or for an optional argument
// the words that wrappers put for null.
func absent(name string, parent shape, value any) bool {
	switch text, isText := value.(string); {
	case !isText:
		return false
	case text == "":
		return true
	case slices.Contains(parent.Required, name):
		return false
	default:
		return nothing[strings.ToLower(text)] || name == "repeat" && once[fold(text)]
	}
}

var (
	// nothing are the words that wrappers put for null, and models for an argument that they leave out.
	nothing = map[string]bool{"null": true, "undefined": true, "none": true, "nil": true, "n/a": true}
	// once are the words for a meeting that does not repeat, without punctuation.
	once = setOf("no", "never", "once", "false", "no repeat", "does not repeat", "doesn't repeat", "doesnt repeat", "not repeating", "non-recurring", "one-time", "one-off", "single", "0")
)

// value returns what stands for value where s is wanted, or nil where nothing was sent.
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
	if own := byName[name]; own != nil {
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

// text reads text where something else is wanted: JSON in a string.
func (c *coercer) text(name string, s shape, text string) any {
	if text == "" {
		return nil
	}
	switch s.Type {
	case "boolean": // only these: what is unclear must never become a consent
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
				c.breaks(name, err)
			}
			break
		}
		return value
	}
	return text
}

// breaks notes why the text of an argument could not be read as JSON.
func (c *coercer) breaks(name string, err error) {
	if c.broken == nil {
		c.broken = map[string]string{}
	}
	c.broken[name] = err.Error()
}

// decode reads JSON from a string, several times where it was encoded several times.
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

// list makes a list of a single value, and drops empty items.
func (c *coercer) list(name string, s shape, value any) any {
	items, isList := value.([]any)
	switch {
	case value == nil:
		return nil
	case !isList:
		items = []any{value}
	}
	kept := items[:0:len(items)]
	for _, item := range items {
		if s.Items != nil {
			item = c.value(itemOf(name), *s.Items, item)
		}
		if text, isText := item.(string); isText && (text == "" || nothing[strings.ToLower(text)]) {
			continue
		}
		if item != nil {
			kept = append(kept, item)
		}
	}
	return kept
}

// atMost reduces a limit to its maximum.
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

// single is the one item of a list where a single value is wanted.
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

// number reads numbers written as strings, and whole numbers written with a
// fraction or an exponent: 30.0 is an integer (JSON Schema 2020-12, 6.1.1).
func number(value any) any {
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	}
	if !jsonlimits.Number(text) {
		return value // as long as it is, or beyond any number, it was not meant as one
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

// oneOf finds the value of an enumeration that is meant, whatever its case and punctuation.
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

// document reads the arguments as one object. Wrappers send it as a JSON string, empty as [] and
// wrapped once more, as {"arguments": {…}}.
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

// unwrapped is what stands in the wrapper of all arguments, if there is one and nothing of ours is
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
			if other != name && !slices.Contains([]string{"name", "tool", "tool_name", "toolName"}, other) && !foreign(s, other) {
				return nil, false
			}
		}
		return value, true
	}
	return nil, false
}
