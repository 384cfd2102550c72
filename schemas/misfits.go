package schemas

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

// Misfit is one thing wrong with the arguments.
type Misfit struct {
	Path    []string // where, from the outside in; empty for the whole
	Problem string   // what, as the rest of a sentence that begins with the place
}

// Misfits is the error of arguments that do not fit their schema.
type Misfits struct {
	All   []Misfit
	Shape string // the arguments there are
}

// Error is one sentence that names every misfit (the first eight of many) and
// the right names.
func (m *Misfits) Error() string {
	s := m.reasons() + "."
	if m.Shape != "" {
		s += " The arguments are: " + m.Shape + "."
	}
	return s
}

func (m *Misfits) reasons() string {
	const most = 8
	var parts []string
	for _, misfit := range m.All[:min(most, len(m.All))] {
		parts = append(parts, strings.TrimSpace(place(misfit.Path)+" "+misfit.Problem))
	}
	if more := len(m.All) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
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
	return plain.Line(b.String(), 60)
}

// misfits flattens a validation error.
func (s shape) misfits(e *jsonschema.ValidationError) (all []Misfit) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			all = append(all, s.misfits(cause)...)
		}
		return all
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			all = append(all, Misfit{append(slices.Clone(e.InstanceLocation), name), "is missing"})
		}
	case *kind.AdditionalProperties:
		here, _ := s.at(e.InstanceLocation)
		slices.Sort(k.Properties)
		for _, name := range k.Properties {
			all = append(all, Misfit{append(slices.Clone(e.InstanceLocation), name), unknown(name, here.Properties.names)})
		}
	default:
		all = append(all, Misfit{slices.Clone(e.InstanceLocation), wording(e.ErrorKind)})
	}
	return all
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
		return fmt.Sprintf("has %d characters, the most is %d", k.Got, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has %d items, the least is %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d items, the most is %d", k.Got, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("names the same twice (items %d and %d)", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.Format:
		return "is not a valid " + k.Want + formatHint[k.Want]
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Enum:
		return fmt.Sprintf("must be one of %s", strings.Trim(fmt.Sprint(k.Want), "[]"))
	default:
		return "does not fit the schema"
	}
}

var formatHint = map[string]string{"email": " address, such as ada@example.com"}

func unknown(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "is not an argument, did you mean " + near + "?"
	}
	return "is not an argument"
}
