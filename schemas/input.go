package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// Input decodes and checks the arguments of one tool.
type Input[T any] struct {
	// Schema is what the model is shown.
	Schema json.RawMessage

	shape func() shape // this and the next at the first call, not at the start
	rule  func() rule
}

// inputs keeps what was made of each type: every tenant's tools take the same.
var inputs sync.Map

// NewInput makes the schema of T; a T that has no valid schema is a bug and
// panics, here or at the first call.
func NewInput[T any]() Input[T] {
	t := reflect.TypeFor[T]()
	if made, ok := inputs.Load(t); ok {
		return made.(Input[T])
	}
	raw := marshal(reflectSchema(t, false))
	shape := sync.OnceValue(func() shape { return shapeOf(raw) })
	made, _ := inputs.LoadOrStore(t, Input[T]{
		Schema: raw,
		shape:  shape,
		rule:   sync.OnceValue(func() rule { return ruleOf(compile(raw), shape()) }),
	})
	return made.(Input[T])
}

func compile(raw json.RawMessage) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // no scheme: references are never fetched
	if err := c.AddResource("input.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("input.json")
}

// Refuse is the error of arguments that cannot be decoded, with the reason.
func (i Input[T]) Refuse(reason string) *Misfits {
	return &Misfits{All: []Misfit{{Problem: reason}}, Shape: "The arguments are: " + i.shape().signature()}
}

// Decode returns the arguments as a T, or *Misfits that name what is wrong with them: everything, or
// the first nine of more. Absent arguments count as none. Before validation it ignores what clients
// add, and coerces what is plainly meant: see coercer.
func (i Input[T]) Decode(args json.RawMessage) (T, error) {
	var in T
	s, co := i.shape(), coercer{left: jsonlimits.MaxValues}
	doc, err := co.document(s, args)
	if err != nil {
		return in, i.Refuse(err.Error())
	}
	maps.DeleteFunc(doc, func(name string, _ any) bool { return foreign(s, name) })
	co.object(s, doc)
	c := checker{broken: co.broken}
	c.check(i.rule(), doc)
	misfits := c.found
	slices.SortStableFunc(misfits, func(a, b Misfit) int { return slices.Compare(a.Path, b.Path) })
	if len(misfits) == 0 {
		if err := i.into(&in, doc); err != nil {
			return in, err
		}
		if c, ok := any(in).(checked); ok {
			misfits = c.misfits()
		}
	}
	if len(misfits) > 0 {
		return in, &Misfits{All: misfits, Shape: s.around(misfits)}
	}
	if r, ok := any(&in).(reducible); ok && co.reduced != "" {
		r.reducedFrom(co.reduced)
	}
	return in, nil
}

// checked is an input with rules that no JSON Schema says.
type checked interface{ misfits() []Misfit }

// reducible is an input with a limit, which is reduced where it is above its maximum.
type reducible interface{ reducedFrom(asked string) }

// Reduced says how many results were asked for, where that was more than the maximum.
type Reduced struct {
	Asked string `json:"-"`
}

func (r *Reduced) reducedFrom(asked string) { r.Asked = asked }

// Note is the sentence that says so; "" where nothing was reduced.
func (r Reduced) Note(limit int) string {
	if r.Asked == "" {
		return ""
	}
	return fmt.Sprintf("limit %s was reduced to %d, the most.", r.Asked, limit)
}

func (Input[T]) into(in *T, doc map[string]any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, in)
}
