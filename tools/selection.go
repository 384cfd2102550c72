package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Selection is the operator's choice of tools, which no caller can change. The
// zero value is all of them.
type Selection struct {
	ReadOnly bool     // no tool that writes, whatever Names says
	Names    []string // only these; none means all
}

// has reports whether the choice includes t.
func (s Selection) has(t Tool) bool {
	return (!s.ReadOnly || *t.Annotations.ReadOnlyHint) && (len(s.Names) == 0 || slices.Contains(s.Names, t.Name))
}

// Empty reports whether no tool is left.
func (s Selection) Empty() bool {
	return s.ReadOnly && len(s.Names) > 0 && len(Catalog(Deps{Selection: s})) == 0
}

// Select reads a comma-separated list of tool names. Its error names each one
// there is not, with the nearest one there is.
func Select(list string) (names []string, err error) {
	known := Names(Catalog(Deps{}))
	var wrong []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" || slices.Contains(names, name) {
			continue
		}
		if names = append(names, name); slices.Contains(known, name) {
			continue
		}
		text := fmt.Sprintf("%q is no tool", name)
		if near := schemas.Nearest(name, known); near != "" {
			text += ", did you mean " + near + "?"
		}
		wrong = append(wrong, text)
	}
	switch {
	case len(wrong) > 0:
		return nil, fmt.Errorf("%s (there are %s)", strings.Join(wrong, "; "), strings.Join(known, ", "))
	case len(names) == 0:
		return nil, fmt.Errorf("names no tool: want some of %s", strings.Join(known, ", "))
	}
	return names, nil
}

// Names lists the names of tools.
func Names(all []Tool) []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	return names
}

// sayable takes out of a text what names a sibling there is not, unless it is the
// one needed: a whole sentence, or what follows a semicolon in one. A text of
// which nothing would be left stays.
func (d Deps) sayable(text, needed string) string {
	names := func(part string) bool {
		for name, there := range d.offered {
			if !there && name != needed && strings.Contains(part, name) {
				return true
			}
		}
		return false
	}
	if !names(text) {
		return text
	}
	var kept []string
	for sentence := range strings.SplitSeq(strings.TrimSuffix(text, "."), ". ") {
		clauses := strings.Split(sentence, "; ")
		if !names(clauses[0]) {
			kept = append(kept, strings.Join(slices.DeleteFunc(clauses, names), "; "))
		}
	}
	if len(kept) == 0 {
		return text
	}
	return strings.Join(kept, ". ") + "."
}
