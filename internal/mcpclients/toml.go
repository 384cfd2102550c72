package mcpclients

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tree is somebody else's TOML, of which we know one corner.
type tree = map[string]any

// errForm is an entry that is no table of its own.
var errForm = errors.New("the entry is not written as a table of its own ([mcp_servers.NAME]): change it by hand; nothing was changed")

// setTOML puts the entry under key.name: at the end of the file, or in the place of
// the one that is there, of which it keeps the values it does not set. Comments
// inside that one entry are lost, all others stay.
func setTOML(raw []byte, key, name string, e Entry) ([]byte, error) {
	was := tomlEntry(raw, key, name)
	is := merge(was, e)
	if reflect.DeepEqual(was, is) {
		return raw, nil
	}
	block, err := render(key, name, is)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(raw, []byte("\r\n")) {
		block = bytes.ReplaceAll(block, []byte("\n"), []byte("\r\n"))
	}
	if was != nil {
		return splice(raw, key, name, block)
	}
	text := bytes.TrimRight(raw, "\r\n")
	if len(text) == 0 {
		return block, nil
	}
	line := []byte("\n")
	if bytes.Contains(block, []byte("\r\n")) {
		line = []byte("\r\n")
	}
	return slices.Concat(raw[:len(text)], line, line, block), nil
}

// removeTOML takes the entry's tables away, and the blank lines that they leave at
// the end of the file.
func removeTOML(raw []byte, key, name string) ([]byte, error) {
	out, err := splice(raw, key, name, nil)
	if text := bytes.TrimRight(out, "\r\n"); len(text) == 0 {
		return nil, err
	} else if end := out[len(text):]; bytes.Count(end, []byte("\n")) > 1 {
		return out[:len(text)+bytes.IndexByte(end, '\n')+1], err
	}
	return out, err
}

// tomlEntry is the entry as it stands, nil if it does not.
func tomlEntry(raw []byte, key, name string) tree {
	var doc tree
	if toml.Unmarshal(raw, &doc) != nil {
		return nil
	}
	servers, _ := doc[key].(tree)
	entry, _ := servers[name].(tree)
	return entry
}

func merge(was tree, e Entry) tree {
	is := tree{}
	maps.Copy(is, was)
	if before, _ := was["command"].(string); !program(before) {
		is["args"] = []any{} // those that are there are another program's
	}
	is["command"] = e.Command
	env := tree{}
	if there, ok := was["env"].(tree); ok {
		maps.Copy(env, there)
	}
	for name, value := range e.Env {
		if env[name] = value; value == "" {
			delete(env, name)
		}
	}
	if is["env"] = env; len(env) == 0 && was["env"] == nil {
		delete(is, "env")
	}
	return is
}

// render writes the entry as tables of its own.
func render(key, name string, entry tree) ([]byte, error) {
	block, err := toml.Marshal(tree{key: tree{name: entry}})
	return bytes.TrimPrefix(block, []byte("["+key+"]\n")), err
}

// splice puts a block in the place of the entry's tables.
func splice(raw []byte, key, name string, block []byte) ([]byte, error) {
	parts := tables(raw, key, name)
	if len(parts) == 0 {
		return nil, errForm
	}
	var out []byte
	from := 0
	for i, part := range parts {
		out = append(out, raw[from:part.from]...)
		if i == 0 {
			out = append(out, block...)
		}
		from = part.to
	}
	return append(out, raw[from:]...), nil
}

// span is a stretch of the file, in bytes.
type span struct{ from, to int }

// tables is where the entry's tables stand, each from its header to the last line
// of its own: comments above the next header belong to that.
func tables(raw []byte, key, name string) (found []span) {
	var p unstable.Parser
	p.Reset(raw)
	open := false
	for p.NextExpression() {
		node := p.Expression()
		if node.Kind != unstable.Table && node.Kind != unstable.ArrayTable {
			continue
		}
		words, at := header(&p, node)
		if open {
			found[len(found)-1].to = at
		}
		if open = len(words) > 1 && words[0] == key && words[1] == name; open {
			found = append(found, span{at, len(raw)})
		}
	}
	for i, s := range found {
		found[i].to = s.from + len(own(raw[s.from:s.to]))
	}
	return found
}

// header is a table's name, and where its line begins.
func header(p *unstable.Parser, node *unstable.Node) (words []string, at int) {
	for it := node.Key(); it.Next(); {
		if len(words) == 0 {
			at = int(it.Node().Raw.Offset)
		}
		words = append(words, string(it.Node().Data))
	}
	line := strings.LastIndexByte(string(p.Data()[:at]), '\n')
	return words, line + 1
}

// own is a table's text less the blank lines and comments at its end.
func own(text []byte) []byte {
	for {
		at := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n') + 1
		last := bytes.TrimSpace(text[at:])
		if at == 0 || len(last) > 0 && last[0] != '#' {
			return text
		}
		text = text[:at]
	}
}
