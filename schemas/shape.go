package schemas

import (
	"encoding/json"
	"slices"
	"strings"
)

// shape is the part of a JSON Schema that coercion and errors need.
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

// signature lists the arguments for a model that got them wrong, the required ones first and each
// marked as such: "slot_id (required), title (required), notes".
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

// around says what arguments there are, or where all misfits lie within arguments that contain
// others, what those look like.
func (s shape) around(misfits []Misfit) string {
	outer, seen, inner := false, map[string]bool{}, []string(nil)
	for _, m := range misfits {
		name := ""
		if len(m.Path) > 0 {
			name = m.Path[0]
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

// describe says what an argument that contains others looks like; "" for others.
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

// examples are values of arguments that contain others. The year is that of the call.
var examples = map[string]string{
	"attendees": `[{"email": "ada@example.com", "name": "Ada Byron"}]`,
	"hosts":     `["Alice"]`,
	"prefer":    `{"earliest": "09:00", "latest": "17:00", "days": ["tue", "wed"]}`,
	"busy":      `[{"start": "YYYY-12-01T09:00", "end": "YYYY-12-01T10:30"}]`,
	"consent":   `{"granted": false}`,
}
