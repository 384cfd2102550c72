// Package schemas is the contract with the model: what each tool takes and returns, as Go structs with
// their JSON Schemas (2020-12). Arguments are coerced and checked against those schemas, and every
// result can render itself as text.
//
// Inputs are closed, so that a misspelt argument is an error that the model can read. Outputs are open
// and require nothing, so that a field added later breaks no client that remembers the schema, and an
// error is as valid a result as a success. Everything is inlined, because some clients cannot follow
// a $ref.
//
// The JSON Schemas are generated from the structs: go generate ./schemas writes them, and a test
// compares them with the structs.
package schemas

import (
	"bytes"
	"embed"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

//go:generate go test -count=1 -run ^TestTheGeneratedSchemasMatchTheStructs$ . -update

//go:embed generated
var generated embed.FS

// Output returns the JSON Schema of T, a result of a tool or a pointer to one. A T without a generated
// schema is a bug and panics.
func Output[T any]() json.RawMessage { return generatedSchema(reflect.TypeFor[T]()) }

func generatedSchema(t reflect.Type) json.RawMessage {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if schema, read := generatedByType.Load(t); read {
		return schema.(json.RawMessage)
	}
	raw, err := generated.ReadFile("generated/" + t.Name() + ".json")
	if err != nil {
		panic(err)
	}
	schema, _ := generatedByType.LoadOrStore(t, json.RawMessage(bytes.TrimSpace(raw)))
	return schema.(json.RawMessage)
}

// generatedByType caches the generated schemas by type, for the tools of all tenants.
var generatedByType sync.Map

// Input decodes and checks the arguments of one tool.
type Input[T any] struct {
	// Schema is the JSON Schema that the model sees.
	Schema json.RawMessage

	shape func() shape // both are made at the first call, so that the program starts faster
	rule  func() rule
}

// inputs has the Input of each type: the tools of all tenants share them.
var inputs sync.Map

// NewInput returns the Input of T. A T without a generated schema is a bug and panics.
func NewInput[T any]() Input[T] {
	t := reflect.TypeFor[T]()
	if made, ok := inputs.Load(t); ok {
		return made.(Input[T])
	}
	made, _ := inputs.LoadOrStore(t, newInput[T](generatedSchema(t)))
	return made.(Input[T])
}

func newInput[T any](schema json.RawMessage) Input[T] {
	shape := sync.OnceValue(func() shape { return shapeOf(schema) })
	return Input[T]{
		Schema: schema, shape: shape,
		rule: sync.OnceValue(func() rule { return ruleOf(compile(schema), shape()) }),
	}
}

func compile(schema json.RawMessage) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // without schemes, references are never fetched
	if err := c.AddResource("input.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("input.json")
}

// Refuse returns the error of arguments that cannot be decoded, with the reason.
func (i Input[T]) Refuse(reason string) *ValidationError {
	return &ValidationError{Violations: []Violation{{Problem: reason}}, Shape: "The arguments are: " + i.shape().signature()}
}

// Decode returns the arguments as a T, or a *ValidationError that names all violations, or the first
// nine of more. Absent arguments are the same as {}. Before it validates the arguments, it ignores
// those that clients add, and coerces values whose meaning is clear: see coercer.
func (i Input[T]) Decode(args json.RawMessage) (T, error) {
	var in T
	s, co := i.shape(), coercer{left: jsonlimits.MaxValues}
	doc, err := co.document(s, args)
	if err != nil {
		return in, i.Refuse(err.Error())
	}
	maps.DeleteFunc(doc, func(name string, _ any) bool { return addedByClient(s, name) })
	co.object(s, doc)
	c := checker{broken: co.broken}
	c.check(i.rule(), doc)
	found := c.found
	slices.SortStableFunc(found, func(a, b Violation) int { return slices.Compare(a.Path, b.Path) })
	if len(found) == 0 {
		raw, err := json.Marshal(doc)
		if err == nil {
			err = json.Unmarshal(raw, &in)
		}
		if err != nil {
			return in, err
		}
		if c, ok := any(in).(checkable); ok {
			found = c.violations()
		}
	}
	if len(found) > 0 {
		return in, &ValidationError{Violations: found, Shape: s.describeAround(found)}
	}
	if r, ok := any(&in).(reducible); ok && co.reduced != "" {
		r.reducedFrom(co.reduced)
	}
	return in, nil
}

// checkable is an input with rules that JSON Schema cannot express.
type checkable interface{ violations() []Violation }

// reducible is an input with a limit, which is reduced if it is above its maximum.
type reducible interface{ reducedFrom(asked string) }
