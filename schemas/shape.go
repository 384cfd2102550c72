package schemas

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// shape is the part of a JSON Schema that mending and naming need.
type shape struct {
	Type       string     `json:"type"`
	Properties properties `json:"properties"`
	Items      *shape     `json:"items"`
	Required   []string   `json:"required"`
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

// signature names the arguments for a model that got them wrong, the required
// ones first: "slot_id, title (required); notes".
func (s shape) signature() string {
	var must, may []string
	for _, name := range s.Properties.names {
		if slices.Contains(s.Required, name) {
			must = append(must, name)
		} else {
			may = append(may, name)
		}
	}
	switch {
	case len(must) == 0:
		return strings.Join(may, ", ") + " (all optional)"
	case len(may) == 0:
		return strings.Join(must, ", ") + " (all required)"
	}
	return strings.Join(must, ", ") + " (required), " + strings.Join(may, ", ")
}

// mend changes what is plainly meant into what the schema wants: a number sent
// as a string, as several clients do, and null for an optional argument.
func mend(s shape, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, child := range v {
			if child == nil && !slices.Contains(s.Required, name) {
				delete(v, name)
				continue
			}
			v[name] = mended(s.Properties.byName[name], child)
		}
	case []any:
		if s.Items != nil {
			for i := range v {
				v[i] = mended(*s.Items, v[i])
			}
		}
	}
}

func mended(s shape, value any) any {
	if s.Type == "integer" || s.Type == "number" {
		return number(value)
	}
	mend(s, value)
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
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return json.Number(strconv.FormatInt(int64(f), 10))
	}
	return json.Number(text)
}
