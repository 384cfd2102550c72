package schemas

import (
	"cmp"
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

// Misfit is one thing wrong with the arguments.
type Misfit struct {
	Path    []string // where, from the outside in; empty for the whole
	Problem string   // what, as the rest of a sentence that begins with the place
}

// Misfits is the error of arguments that do not fit their schema.
type Misfits struct {
	All   []Misfit
	Shape string // the arguments there are, or the shape of the one that is wrong
	Year  int    // for the dates in examples; 0: none is shown
}

// mostMisfits is how many misfits a message names. Validation stops at the next
// one: naming more would not help, and finding them all costs time and memory.
const mostMisfits = 8

// Error is one sentence that names the misfits, the first eight of more, and the
// right names.
func (m *Misfits) Error() string {
	s := m.reasons()
	if !strings.HasSuffix(s, "?") {
		s += "."
	}
	if m.Shape != "" {
		s += " " + m.Shape + "."
	}
	if m.Year != 0 {
		s = strings.ReplaceAll(s, "YYYY", strconv.Itoa(m.Year))
	}
	return s
}

func (m *Misfits) reasons() string {
	var parts []string
	for _, misfit := range m.All[:min(mostMisfits, len(m.All))] {
		parts = append(parts, strings.TrimSpace(place(misfit.Path)+" "+misfit.Problem))
	}
	if len(m.All) > mostMisfits {
		parts = append(parts, "and more")
	}
	return strings.Join(parts, "; ")
}

func place(path []string) string {
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

// rule is a compiled schema, split so that a document can be checked one value at
// a time and the check can stop. The library would collect every error first.
type rule struct {
	own        *jsonschema.Schema // checks a value, but not what it contains
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

// checker collects misfits. It spells out a path only where it reports one.
type checker struct {
	path   []step
	found  []Misfit
	broken map[string]string // why the text of an argument is no JSON
}

type step struct {
	name  string
	index int // where name is empty
}

func (c *checker) full() bool { return len(c.found) > mostMisfits }

func (c *checker) report(problem string, further ...string) {
	if c.full() {
		return
	}
	path := make([]string, 0, len(c.path)+len(further))
	for _, s := range c.path {
		path = append(path, cmp.Or(s.name, strconv.Itoa(s.index)))
	}
	c.found = append(c.found, Misfit{append(path, further...), problem})
}

// check compares a value and all that it contains with r.
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

// explain reports what one value violates.
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

// missing says that a required argument was not sent.
func missing(name string, outermost bool) string {
	if outermost && name == "consent" {
		return "is missing (required): send {granted: false} to see what would be written"
	}
	return "is missing (required)"
}

// wording says what a value should have been. It quotes no value: values are
// long, private or hostile.
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
		if k.Want == len("15:04") { // only times of day are as short
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
