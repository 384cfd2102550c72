package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// arguments lists the properties of a schema in its own order.
func arguments(schema json.RawMessage) (list []string) {
	var s struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(s.Properties)))
	_, _ = d.Token() // {
	for d.More() {
		name, _ := d.Token()
		_ = d.Decode(new(json.RawMessage))
		if word := "`" + name.(string) + "`"; slices.Contains(s.Required, name.(string)) {
			list = append(list, "**"+word+"**")
		} else {
			list = append(list, word)
		}
	}
	return list
}
