package mcpclients

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tailscale/hujson"
)

// inner is the object under a name, made where there is none or null.
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
			return nil, fmt.Errorf("%q is not an object: mend it first; nothing was changed", name)
		}
	}
	made := &hujson.Object{}
	return made, l.set(o, name, made, depth)
}

// set gives a member its value. Of one that has it already nothing changes, not
// even its blanks.
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

// add puts a member last. Comments before the closing brace stay above it, and a
// comma behind the last member stays there.
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

// remove takes a member away, and leaves the comments around it.
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
	case i > 0 && m.Value.AfterExtra == nil: // no comma was last, none shall be
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

// join keeps the comments of both; a line's comment ends with its line.
func (l layout) join(first, second hujson.Extra) hujson.Extra {
	first = trimmed(first)
	if len(first) > 0 && !bytes.HasPrefix(bytes.TrimLeft(second, " \t\r"), []byte("\n")) {
		first = append(first, '\n')
	}
	return append(first, second...)
}

// trimmed is a copy without the blanks at the end.
func trimmed(e hujson.Extra) hujson.Extra {
	return slices.Clone(hujson.Extra(bytes.TrimRight(e, " \t\r\n")))
}
