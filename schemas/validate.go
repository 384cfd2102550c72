package schemas

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// ValidationError is the error of arguments that violate their schema.
type ValidationError struct {
	Violations []Violation
	Shape      string // the arguments that exist, or the shape of the one that is wrong
	Year       int    // for the dates in examples; 0: no example has a date
}

// Violation is one violation of a schema.
type Violation struct {
	Path    []string // of the value, from the outermost name; empty for the whole
	Problem string   // the rest of a sentence that begins with the path
}

// maxViolations is the number of violations that a message names. Validation stops at the next one:
// naming more would not help, and finding all of them takes time and memory.
const maxViolations = 8

// Error is one sentence that names the violations, the first eight of more, and the right names.
func (e *ValidationError) Error() string {
	var parts []string
	for _, v := range e.Violations[:min(maxViolations, len(e.Violations))] {
		parts = append(parts, strings.TrimSpace(pathText(v.Path)+" "+v.Problem))
	}
	if len(e.Violations) > maxViolations {
		parts = append(parts, "and more")
	}
	text := strings.Join(parts, "; ")
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	if e.Shape != "" {
		text += " " + e.Shape + "."
	}
	if e.Year != 0 {
		text = strings.ReplaceAll(text, "YYYY", strconv.Itoa(e.Year))
	}
	return text
}

func pathText(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case step != "" && step[0] >= '0' && step[0] <= '9':
			b.WriteString("[" + step + "]")
		case i > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return sanitize.Line(b.String(), 60)
}

// rule is a compiled schema that is split into values, so that the check of a document can stop at any
// value. The library would collect all errors first.
type rule struct {
	own        *jsonschema.Schema // checks a value, but not the values in it
	properties map[string]rule
	names      []string // of the properties, in the order of the schema
	closed     bool     // other properties are errors
	items      *rule
}

func ruleOf(s *jsonschema.Schema, at shape) rule {
	own := *s
	own.Properties, own.Items2020 = nil, nil
	r := rule{own: &own, names: at.Properties.names, properties: make(map[string]rule, len(s.Properties))}
	if r.closed = s.AdditionalProperties == false; r.closed {
		own.AdditionalProperties = nil
	}
	for name, property := range s.Properties {
		r.properties[name] = ruleOf(property, at.Properties.byName[name])
	}
	if s.Items2020 != nil {
		items := ruleOf(s.Items2020, *at.Items)
		r.items = &items
	}
	return r
}

// checker collects violations.
type checker struct {
	path   []step
	found  []Violation
	broken map[string]string // by argument: why its text is not valid JSON
}

type step struct {
	name  string
	index int // used if name is empty
}

func (c *checker) full() bool { return len(c.found) > maxViolations }

func (c *checker) report(problem string, further ...string) {
	if c.full() {
		return
	}
	path := make([]string, 0, len(c.path)+len(further))
	for _, s := range c.path {
		path = append(path, cmp.Or(s.name, strconv.Itoa(s.index)))
	}
	c.found = append(c.found, Violation{append(path, further...), problem})
}

func (c *checker) check(r rule, value any) {
	if bad, ok := errors.AsType[*jsonschema.ValidationError](r.own.Validate(value)); ok {
		c.explain(bad)
	}
	switch v := value.(type) {
	case string:
		if char, bad := sanitize.Unsafe(v); bad {
			c.report(fmt.Sprintf("holds the invisible character U+%04X, remove it", char))
		}
	case []any:
		if r.items == nil {
			return
		}
		for i := 0; i < len(v) && !c.full(); i++ {
			c.inside(step{index: i}, *r.items, v[i])
		}
	case map[string]any:
		c.members(r, v)
	}
}

func (c *checker) members(r rule, v map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		property, known := r.properties[name]
		switch {
		case c.full():
			return
		case known:
			c.inside(step{name: name}, property, v[name])
		case r.closed:
			c.report(unknown(name, r.names), name)
		}
	}
}

func (c *checker) inside(s step, r rule, value any) {
	c.path = append(c.path, s)
	c.check(r, value)
	c.path = c.path[:len(c.path)-1]
}

// explain reports the rules that one value violates.
func (c *checker) explain(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		c.explain(cause)
	}
	if len(e.Causes) > 0 {
		return
	}
	if k, ok := e.ErrorKind.(*kind.Required); ok {
		for _, name := range k.Missing {
			c.report(missing(name, len(c.path) == 0), name)
		}
		return
	}
	if k, ok := e.ErrorKind.(*kind.Type); ok && k.Got == "string" && len(c.path) > 0 {
		if why := c.broken[c.path[len(c.path)-1].name]; why != "" {
			c.report(why)
			return
		}
	}
	c.report(wording(e.ErrorKind))
}

// missing is the problem of a required argument that was not sent.
func missing(name string, outermost bool) string {
	if outermost && name == "consent" {
		return "is missing (required): send {granted: false} to see what would be written"
	}
	return "is missing (required)"
}

// wording says what a value should be. It does not quote the value, which may be long, private or
// hostile.
func wording(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("is of type %s, want %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Minimum:
		return "is too small, the least is " + k.Want.RatString()
	case *kind.Maximum:
		return "is too large, the most is " + k.Want.RatString()
	case *kind.MinLength:
		return fmt.Sprintf("has %d characters, the least is %d", k.Got, k.Want)
	case *kind.MaxLength:
		if k.Want == len("15:04") { // only times of day have this maximum
			return noTime
		}
		return fmt.Sprintf("has %d characters, the most is %d", k.Got, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has %d items, the least is %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d items, the most is %d", k.Got, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("names the same twice (items %d and %d)", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Enum:
		return fmt.Sprintf("must be one of %s", list(k.Want))
	default:
		return "does not fit the schema"
	}
}

func unknown(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "is not an argument, did you mean " + near + "?"
	}
	return "is not an argument"
}

func list(values []any) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprint(v)
	}
	return strings.Join(all, ", ")
}

// shape is the part of a JSON Schema that coercion and error messages use.
type shape struct {
	Type       string     `json:"type"`
	Properties properties `json:"properties"`
	Items      *shape     `json:"items"`
	Required   []string   `json:"required"`
	Enum       []string   `json:"enum"`
	Maximum    *float64   `json:"maximum"`
}

func (s shape) has(name string) bool {
	_, known := s.Properties.byName[name]
	return known
}

func shapeOf(schema json.RawMessage) (s shape) {
	if err := json.Unmarshal(schema, &s); err != nil {
		panic(err)
	}
	return s
}

type properties struct {
	names  []string // in the order of the schema
	byName map[string]shape
}

func (p *properties) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if err := json.Unmarshal(raw, &p.byName); err != nil {
		return err
	}
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		p.names = append(p.names, name.(string))
		if err := d.Decode(new(json.RawMessage)); err != nil {
			return err
		}
	}
	return nil
}

// signature lists the arguments, the required ones first: "slot_id (required), title (required), notes".
func (s shape) signature() string {
	var must, may []string
	for _, name := range s.Properties.names {
		if slices.Contains(s.Required, name) {
			must = append(must, name+" (required)")
		} else {
			may = append(may, name)
		}
	}
	text := strings.Join(append(must, may...), ", ")
	if len(must) == 0 {
		text += " (all optional)"
	}
	return text
}

// describeAround lists the arguments. If all violations are in arguments that contain others, it
// describes these instead.
func (s shape) describeAround(found []Violation) string {
	outer, seen, inner := false, map[string]bool{}, []string(nil)
	for _, v := range found {
		name := ""
		if len(v.Path) > 0 {
			name = v.Path[0]
		}
		property, known := s.Properties.byName[name]
		text := property.describe(name)
		if !known || text == "" {
			outer = true
		} else if !seen[name] {
			seen[name] = true
			inner = append(inner, text)
		}
	}
	if outer {
		inner = append(inner, "The arguments are: "+s.signature())
	}
	return strings.Join(inner, ". ")
}

// describe describes an argument that contains others; it is empty for other arguments.
func (s shape) describe(name string) string {
	text := name + " is "
	switch {
	case s.Type == "array" && s.Items != nil && len(s.Items.Properties.names) > 0:
		text += "a list of objects with " + s.Items.signature()
	case s.Type == "array" && s.Items != nil && len(s.Items.Enum) > 0:
		text += "a list of " + strings.Join(s.Items.Enum, ", ")
	case s.Type == "array":
		text += "a list of strings"
	case s.Type == "object":
		text += "an object with " + s.signature()
	default:
		return ""
	}
	if example := examples[name]; example != "" {
		text += ", for example " + example
	}
	return text
}

// examples are values of arguments that contain others. YYYY is replaced by the year of the call.
var examples = map[string]string{
	"attendees": `[{"email": "ada@example.com", "name": "Ada Byron"}]`,
	"hosts":     `["Alice"]`,
	"prefer":    `{"earliest": "09:00", "latest": "17:00", "days": ["tue", "wed"]}`,
	"busy":      `[{"start": "YYYY-12-01T09:00", "end": "YYYY-12-01T10:30"}]`,
	"consent":   `{"granted": false}`,
}
