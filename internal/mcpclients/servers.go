package mcpclients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
)

// Server is an MCP server as a client's settings name it, without its secrets.
type Server struct {
	Name    string
	Command string // of a server that the client starts
	URL     string // of one that it reaches
	HasKey  bool   // a Vennio key is in the settings themselves
	args    []string
	odd     bool // its command is not a text: Zed's older form, or nonsense
}

// Ours reports whether the server is this program, however it is started.
func (s Server) Ours() bool {
	if s.URL != "" {
		return strings.Contains(strings.ToLower(s.Name), "vennio") && !strings.Contains(s.URL, "//api.vennio.app")
	}
	return slices.ContainsFunc(append([]string{s.Command}, s.args...), program)
}

// program reports whether a word of a command line names this program.
func program(word string) bool {
	base := strings.ToLower(filepath.Base(filepath.ToSlash(strings.ReplaceAll(word, `\`, "/"))))
	base, _, _ = strings.Cut(base, ":") // an image's tag
	base, _, _ = strings.Cut(base, "@") // a package's version
	return strings.TrimSuffix(base, ".exe") == "vennio-mcp"
}

// Servers returns the servers in c's settings, sorted by name. The error is
// fs.ErrNotExist where there is no such file; no error holds what stands in it.
func (c Client) Servers() ([]Server, error) {
	path, raw, err := read(c.Path)
	if err != nil {
		return nil, err
	}
	if raw == nil { // one with nothing in it is empty, not nil
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if c.Format == JSON && !c.reads.commas && blank(raw) {
		return nil, c.unfit("is empty", "write {} into it")
	}
	root, err := c.parse(raw)
	if err != nil {
		return nil, err
	}
	var all []Server
	for _, key := range c.Keys {
		for _, table := range find(root, strings.Split(key, ".")) {
			for _, name := range slices.Sorted(maps.Keys(table)) {
				all = append(all, server(name, table[name]))
			}
		}
	}
	return all, nil
}

// object is a JSON object or a TOML table whose fields are not read yet.
type object = map[string]json.RawMessage

// parse reads either format as JSON, as far as the client's own parser accepts it.
// Its error says where, but not what is wrong: a parser's words may quote the file.
// A file with nothing in it is an empty object.
func (c Client) parse(raw []byte) (root object, err error) {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return nil, c.unfit("is written in UTF-16", "save it as UTF-8")
	}
	mark, text := document(raw, c.Format)
	if len(mark) > 0 && !c.reads.mark {
		return nil, c.unfit("begins with a byte order mark", "save it as UTF-8 without one")
	}
	if c.Format == TOML {
		var table tree
		if err := toml.Unmarshal(text, &table); err != nil {
			return nil, Unfit{c.Path + " is not TOML" + where(err), correctIt}
		}
		raw, err = json.Marshal(finite(table))
	} else {
		raw, err = c.standard(text)
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(raw, &root) != nil || root == nil { // null is an object to encoding/json
		return nil, Unfit{c.Path + " is not JSON with an object at its top", correctIt}
	}
	return root, nil
}

// correctIt is the next step where a person has to correct the file.
const correctIt = "correct it first"

// unfit is the error of what the client's parser does not accept.
func (c Client) unfit(what, next string) error {
	return Unfit{c.Path + " " + what + ", which " + c.Name + " does not accept", next}
}

// maxDepth is how deep a settings file may nest. hujson has no limit of its own, and
// a deeper file would overflow the stack, which ends the process.
const maxDepth = 1000

// standard is the text as plain JSON. What the client's parser does not accept is an
// error that says where it stands.
func (c Client) standard(text []byte) ([]byte, error) {
	bare, comment, depth := uncommented(text)
	if depth > maxDepth {
		return nil, Unfit{fmt.Sprintf("%s nests deeper than %d levels", c.Path, maxDepth), correctIt}
	}
	raw, err := hujson.Standardize(slices.Clone(text)) // it writes blanks over comments
	if err != nil {
		return nil, Unfit{c.Path + " is not JSON with an object at its top" + where(err), correctIt}
	}
	if comment >= 0 && !c.reads.comments {
		return nil, c.unfit("has a comment"+place(text, comment), "remove it")
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(bare, new(json.RawMessage))); ok && !c.reads.commas { // hujson accepts nothing else
		comma := max(0, bytes.LastIndexByte(bare[:min(int(wrong.Offset), len(bare))], ','))
		return nil, c.unfit("has a comma after the last member"+place(text, comma), "remove it")
	}
	return raw, nil
}

// uncommented is the text with blanks over its comments, where the first of them
// begins (-1: nowhere), and how deep the text nests.
func uncommented(text []byte) (bare []byte, comment, depth int) {
	bare, comment = slices.Clone(text), -1
	level, quoted := 0, false
	for i := 0; i < len(bare); i++ {
		switch b := bare[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			level++
			depth = max(depth, level)
		case b == '}' || b == ']':
			level--
		case b == '/':
			end := commentEnd(bare[i:])
			if comment < 0 {
				comment = i
			}
			for j := range bare[i : i+end] {
				bare[i+j] = ' '
			}
			i += end - 1
		}
	}
	return bare, comment, depth
}

// commentEnd is the length of the comment with which the text begins.
func commentEnd(text []byte) int {
	if bytes.HasPrefix(text, []byte("/*")) {
		if end := bytes.Index(text[2:], []byte("*/")); end >= 0 { // the * of /*/ ends nothing
			return end + 4
		}
	} else if end := bytes.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

// tree is somebody else's TOML, of which one table is known.
type tree = map[string]any

// finite turns the numbers that TOML has and JSON has not into texts: they are only
// compared.
func finite(value any) any {
	switch v := value.(type) {
	case tree:
		for name := range v {
			v[name] = finite(v[name])
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	}
	return value
}

// document is a file's text without a byte order mark, and the mark. Editors make
// empty files: they hold no servers.
func document(raw []byte, format Format) (mark, text []byte) {
	text = bytes.TrimPrefix(raw, []byte("\ufeff"))
	mark = raw[:len(raw)-len(text)]
	if format == JSON && blank(text) {
		return mark, []byte("{}\n")
	}
	return mark, text
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

// place is the line and column of an offset.
func place(text []byte, at int) string {
	line := bytes.Count(text[:at], []byte("\n")) + 1
	column := utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at]) + 1
	return fmt.Sprintf(" (line %d, column %d)", line, column)
}

// where is the place that a parser's error names.
func where(err error) string {
	var line, column int
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column = wrong.Position()
	} else if err == nil {
		return ""
	} else if n, _ := fmt.Sscanf(err.Error(), "hujson: line %d, column %d", &line, &column); n < 2 {
		return ""
	}
	return fmt.Sprintf(" (line %d, column %d)", line, column)
}

// find returns the objects under a path of keys, * standing for any.
func find(from object, path []string) (found []object) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if path[0] != "*" && path[0] != name {
			continue
		}
		var inner object
		if json.Unmarshal(from[name], &inner) != nil {
			continue
		}
		if len(path) == 1 {
			found = append(found, inner)
			continue
		}
		found = append(found, find(inner, path[1:])...)
	}
	return found
}

// keyLike is a Vennio key, not a place holder such as ${VENNIO_API_KEY}.
var keyLike = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`vennio_(sk|pk|at)_\w`) })

func server(name string, raw json.RawMessage) Server {
	var fields object
	var s struct {
		args                []string
		url, devin, address string
		env                 map[string]string
	}
	_ = json.Unmarshal(raw, &fields) // what does not fit is not a server that can be started
	for name, into := range map[string]any{"args": &s.args, "url": &s.url, "serverUrl": &s.devin /* Windsurf */, "httpUrl": &s.address /* Gemini CLI */, "env": &s.env} {
		_ = json.Unmarshal(fields[name], into) // by its exact name: encoding/json would take "Command" for "command"
	}
	out := Server{Name: name, URL: cmp.Or(s.url, s.devin, s.address), args: s.args, HasKey: keyLike().Match(raw)}
	command, ok := fields["command"]
	if ok && json.Unmarshal(command, &out.Command) != nil {
		var older struct { // Zed, until 2025
			Path string
			Args []string
		}
		_ = json.Unmarshal(command, &older)
		out.Command, out.args, out.odd = older.Path, older.Args, true
	}
	if key := s.env["VENNIO_API_KEY"]; key != "" && !strings.HasPrefix(key, "$") {
		out.HasKey = true
	}
	return out
}
