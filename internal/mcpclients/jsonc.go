package mcpclients

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/tailscale/hujson"
)

// layout is how a JSON file is laid out, so that what is added looks like the rest.
type layout struct {
	unit, line string // of indentation; both empty where all stands on one line
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

// at is the beginning of a line at a depth.
func (l layout) at(depth int) []byte {
	return append([]byte(l.line), bytes.Repeat([]byte(l.unit), depth)...)
}

// setJSON puts the entry under key.name, member by member: what else stands in an
// entry stays, and so does every comment.
func setJSON(raw []byte, key, name string, e Entry, more map[string]string) ([]byte, error) {
	return changeJSON(raw, key, func(l layout, servers *hujson.Object) error {
		entry, err := l.inner(servers, name, 2)
		if err != nil {
			return err
		}
		return l.fill(entry, e, more)
	})
}

// changeJSON lets do change the servers under key, and packs the file again.
func changeJSON(raw []byte, key string, do func(l layout, servers *hujson.Object) error) ([]byte, error) {
	mark, text := document(raw, JSON)
	root, err := hujson.Parse(slices.Clone(text)) // the tree is a view of it
	if err != nil {
		return nil, err
	}
	top := root.Value.(*hujson.Object) // checked by parse
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

// fill sets the members of an entry.
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
	if !ours { // its arguments are another program's
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

// without is the settings less those to be taken away.
func without(env map[string]string) map[string]string {
	env = maps.Clone(env)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return env
}

func removeJSON(raw []byte, key, name string) ([]byte, error) {
	return changeJSON(raw, key, func(l layout, servers *hujson.Object) error { return l.remove(servers, name) })
}

// index is where a member stands, -1 if it does not. A name that stands twice means
// one thing to one reader and another to the next.
func index(o *hujson.Object, name string) (int, error) {
	found := -1
	for i, m := range o.Members {
		if m.Name.Value.(hujson.Literal).String() != name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%q stands twice in the file: remove one; nothing was changed", name)
		}
		found = i
	}
	return found, nil
}
