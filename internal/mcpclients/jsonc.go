package mcpclients

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/tailscale/hujson"
)

// layout is the formatting of a JSON file. Added members are formatted in the same way.
type layout struct {
	unit, line string // one level of indentation and the line break; both empty if the file is one line
}

func layoutOf(text []byte, root *hujson.Object) layout {
	l := layout{unit: "  ", line: "\n"}
	if bytes.Contains(text, []byte("\r\n")) {
		l.line = "\r\n"
	}
	if len(root.Members) == 0 {
		return l
	}
	if !bytes.Contains(bytes.TrimSpace(text), []byte("\n")) {
		return layout{}
	}
	lead := root.Members[0].Name.BeforeExtra
	if i := bytes.LastIndexByte(lead, '\n'); i >= 0 && i+1 < len(lead) && len(bytes.Trim(lead[i+1:], " \t")) == 0 {
		l.unit = string(lead[i+1:])
	}
	return l
}

// at returns a line break and the indentation at a depth.
func (l layout) at(depth int) []byte {
	return append([]byte(l.line), bytes.Repeat([]byte(l.unit), depth)...)
}

// setJSON sets the members of the entry key.name one by one. It preserves other members
// of the entry and all comments.
func setJSON(raw []byte, key, name string, e Entry, more map[string]string) ([]byte, error) {
	return changeJSON(raw, key, func(l layout, servers *hujson.Object) error {
		entry, err := l.inner(servers, name, 2)
		if err != nil {
			return err
		}
		return l.fill(entry, e, more)
	})
}

// changeJSON parses the file, calls do with the object under key, and returns the packed result.
func changeJSON(raw []byte, key string, do func(l layout, servers *hujson.Object) error) ([]byte, error) {
	mark, text := document(raw, JSON)
	root, err := hujson.Parse(slices.Clone(text)) // the tree refers to these bytes
	if err != nil {
		return nil, err
	}
	top := root.Value.(*hujson.Object) // parse has checked this
	l := layoutOf(text, top)
	servers, err := l.inner(top, key, 1)
	if err != nil {
		return nil, err
	}
	if err := do(l, servers); err != nil {
		return nil, err
	}
	return slices.Concat(mark, root.Pack()), nil
}

func (l layout) fill(entry *hujson.Object, e Entry, more map[string]string) error {
	const depth = 3
	i, err := index(entry, "command")
	if err != nil {
		return err
	}
	ours := false
	if i >= 0 {
		before, text := entry.Members[i].Value.Value.(hujson.Literal)
		ours = text && program(before.String())
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		if err := l.set(entry, name, hujson.String(more[name]), depth); err != nil {
			return err
		}
	}
	if err := l.set(entry, "command", hujson.String(e.Command), depth); err != nil {
		return err
	}
	if !ours { // these are arguments of another program
		if err := l.set(entry, "args", &hujson.Array{}, depth); err != nil {
			return err
		}
	}
	return l.environment(entry, e, depth)
}

func (l layout) environment(entry *hujson.Object, e Entry, depth int) error {
	there, err := index(entry, "env")
	if err != nil || there < 0 && len(without(e.Env)) == 0 {
		return err
	}
	env, err := l.inner(entry, "env", depth)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		if e.Env[name] == "" {
			err = l.remove(env, name)
		} else {
			err = l.set(env, name, hujson.String(e.Env[name]), depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// without returns the settings except those with an empty value, which are to be removed.
func without(env map[string]string) map[string]string {
	env = maps.Clone(env)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return env
}

func removeJSON(raw []byte, key, name string) ([]byte, error) {
	return changeJSON(raw, key, func(l layout, servers *hujson.Object) error { return l.remove(servers, name) })
}

// index returns the index of a member, or -1. It returns an error for a duplicate name,
// which parsers interpret differently (RFC 8259, 4).
func index(o *hujson.Object, name string) (int, error) {
	found := -1
	for i, m := range o.Members {
		if m.Name.Value.(hujson.Literal).String() != name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%q occurs twice in the file: remove one; nothing was changed", name)
		}
		found = i
	}
	return found, nil
}

// inner returns the object under a name. It creates the object if the member is missing or null.
func (l layout) inner(o *hujson.Object, name string, depth int) (*hujson.Object, error) {
	i, err := index(o, name)
	if err != nil {
		return nil, err
	}
	if i >= 0 {
		if there, ok := o.Members[i].Value.Value.(*hujson.Object); ok {
			return there, nil
		}
		if o.Members[i].Value.Value.Kind() != 'n' {
			return nil, fmt.Errorf("%q is not an object: correct it first; nothing was changed", name)
		}
	}
	made := &hujson.Object{}
	return made, l.set(o, name, made, depth)
}

// set sets the value of a member. If the member has an equal value already, set does
// not even change its white space.
func (l layout) set(o *hujson.Object, name string, value hujson.ValueTrimmed, depth int) error {
	i, err := index(o, name)
	if err != nil {
		return err
	}
	if i < 0 {
		l.add(o, name, value, depth)
		return nil
	}
	member := &o.Members[i].Value
	if !same(plainJSON(member.Value), plainJSON(value)) {
		member.Value = value
	}
	return nil
}

func plainJSON(v hujson.ValueTrimmed) []byte {
	whole := hujson.Value{Value: v}.Clone()
	whole.Standardize()
	return whole.Pack()
}

// add appends a member. Comments before the closing brace remain above the new member,
// and a trailing comma remains a trailing comma.
func (l layout) add(o *hujson.Object, name string, value hujson.ValueTrimmed, depth int) {
	m := hujson.ObjectMember{
		Name:  hujson.Value{BeforeExtra: append(trimmed(o.AfterExtra), l.at(depth)...), Value: hujson.String(name)},
		Value: hujson.Value{Value: value},
	}
	if l.line != "" {
		m.Value.BeforeExtra = hujson.Extra(" ")
	}
	if n := len(o.Members); n > 0 && o.Members[n-1].Value.AfterExtra != nil {
		m.Value.AfterExtra = hujson.Extra{}
	}
	o.Members = append(o.Members, m)
	o.AfterExtra = l.at(depth - 1)
}

// remove deletes a member and preserves the comments around it.
func (l layout) remove(o *hujson.Object, name string) error {
	i, err := index(o, name)
	if err != nil || i < 0 {
		return err
	}
	m, last := o.Members[i], i == len(o.Members)-1
	rest := l.join(m.Name.BeforeExtra, m.Value.AfterExtra)
	o.Members = slices.Delete(o.Members, i, i+1)
	switch {
	case !last:
		next := &o.Members[i].Name
		next.BeforeExtra = l.join(rest, next.BeforeExtra)
		return nil
	case i > 0 && m.Value.AfterExtra == nil: // keeps a file without trailing commas free of them
		before := &o.Members[i-1].Value
		rest, before.AfterExtra = l.join(before.AfterExtra, rest), nil
	case i > 0 && o.Members[i-1].Value.AfterExtra == nil:
		o.Members[i-1].Value.AfterExtra = hujson.Extra{}
	}
	if o.AfterExtra = l.join(rest, o.AfterExtra); len(o.Members) == 0 && len(trimmed(o.AfterExtra)) == 0 {
		o.AfterExtra = nil
	}
	return nil
}

// join concatenates comments and white space. A line break ends a line comment of first.
func (l layout) join(first, second hujson.Extra) hujson.Extra {
	first = trimmed(first)
	if len(first) > 0 && !bytes.HasPrefix(bytes.TrimLeft(second, " \t\r"), []byte("\n")) {
		first = append(first, '\n')
	}
	return append(first, second...)
}

// trimmed returns a copy without trailing white space.
func trimmed(e hujson.Extra) hujson.Extra {
	return slices.Clone(hujson.Extra(bytes.TrimRight(e, " \t\r\n")))
}
