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
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Server is an entry of a client's settings, without its secrets.
type Server struct {
	Name    string
	Command string // of a server that the client starts; else empty
	URL     string // of a server that the client connects to; else empty
	HasKey  bool   // the settings contain a Vennio key
	args    []string
	odd     bool // its command is not a string: the form that Zed used until 2025, or an invalid one
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

// Servers returns the servers in c's settings, sorted by name. The error wraps
// fs.ErrNotExist if there is no file. Errors do not quote the file.
func (c Client) Servers() ([]Server, error) {
	path, raw, err := read(c.Path)
	if err != nil {
		return nil, err
	}
	if raw == nil { // an empty file is not nil
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

// Settings returns the environment variables in the entry with this name in the user's own settings of c. It
// is nil if there is no such entry, if the entry does not start this program, or if the file cannot be read.
func (c Client) Settings(name string) map[string]string {
	_, raw, err := read(c.Path)
	if err != nil {
		return nil
	}
	root, err := c.parse(raw)
	if err != nil {
		return nil
	}
	servers, err := c.table(root)
	if entry, ok := servers[name]; err == nil && ok && server(name, entry).Ours() {
		env := environment(entry)
		if env == nil {
			env = map[string]string{}
		}
		return env
	}
	return nil
}

func environment(entry json.RawMessage) (env map[string]string) {
	var fields object
	_ = json.Unmarshal(entry, &fields) // an entry of another type has none
	_ = json.Unmarshal(fields["env"], &env)
	return env
}

// object is a JSON object or a TOML table whose fields are not decoded yet.
type object = map[string]json.RawMessage

// parse converts a file of either format to JSON and returns an error for anything that
// the client's own parser would not accept. The error contains the position but not the
// parser's message, which may quote the file. An empty file is an empty object.
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
	if json.Unmarshal(raw, &root) != nil || root == nil { // encoding/json decodes null without an error
		return nil, Unfit{c.Path + " is not JSON with an object at its top", correctIt}
	}
	return root, nil
}

// correctIt is the next step if a person has to correct the file.
const correctIt = "correct it first"

// unfit returns the error for a file that the client's parser does not accept.
func (c Client) unfit(what, next string) error {
	return Unfit{c.Path + " " + what + ", which " + c.Name + " does not accept", next}
}

// maxDepth limits the nesting depth of a settings file. hujson has no limit, and a deeper
// file could overflow the stack, which ends the process.
const maxDepth = 1000

// standard converts the text to plain JSON. It returns an error with the position of
// anything that the client's parser does not accept.
func (c Client) standard(text []byte) ([]byte, error) {
	bare, comment, depth := uncommented(text)
	if depth > maxDepth {
		return nil, Unfit{fmt.Sprintf("%s nests deeper than %d levels", c.Path, maxDepth), correctIt}
	}
	raw, err := hujson.Standardize(slices.Clone(text)) // it replaces comments by blanks
	if err != nil {
		return nil, Unfit{c.Path + " is not JSON with an object at its top" + where(err), correctIt}
	}
	if comment >= 0 && !c.reads.comments {
		return nil, c.unfit("has a comment"+place(text, comment), "remove it")
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(bare, new(json.RawMessage))); ok && !c.reads.commas { // hujson accepts no other extension
		comma := max(0, bytes.LastIndexByte(bare[:min(int(wrong.Offset), len(bare))], ','))
		return nil, c.unfit("has a comma after the last member"+place(text, comma), "remove it")
	}
	return raw, nil
}

// uncommented returns the text with its comments replaced by blanks, the offset of the
// first comment (-1 if there is none), and the nesting depth.
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

// commentEnd returns the length of the comment at the beginning of the text.
func commentEnd(text []byte) int {
	if bytes.HasPrefix(text, []byte("/*")) {
		if end := bytes.Index(text[2:], []byte("*/")); end >= 0 { // the * of /*/ does not end the comment
			return end + 4
		}
	} else if end := bytes.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

// tree is a decoded TOML table.
type tree = map[string]any

// finite converts NaN and infinities, which JSON lacks, to strings. Their values are
// only compared.
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

// document splits a file into its byte order mark and its text. An empty JSON file,
// which some editors create, counts as an empty object.
func document(raw []byte, format Format) (mark, text []byte) {
	text = bytes.TrimPrefix(raw, []byte("\ufeff"))
	mark = raw[:len(raw)-len(text)]
	if format == JSON && blank(text) {
		return mark, []byte("{}\n")
	}
	return mark, text
}

func blank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

// place formats the line and column of an offset.
func place(text []byte, at int) string {
	line := bytes.Count(text[:at], []byte("\n")) + 1
	column := utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at]) + 1
	return fmt.Sprintf(" (line %d, column %d)", line, column)
}

// where formats the line and column in a parser's error, or returns "".
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

// find returns the objects under a path of keys; * matches any key.
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

// keyLike matches a Vennio key, but not a placeholder such as ${VENNIO_API_KEY}.
var keyLike = lazyregexp.New(`vennio_(sk|pk|at)_\w`)

func server(name string, raw json.RawMessage) Server {
	var fields object
	var s struct {
		args                []string
		url, devin, address string
		env                 map[string]string
	}
	_ = json.Unmarshal(raw, &fields) // an entry of another type is not a server that a client can start
	for name, into := range map[string]any{"args": &s.args, "url": &s.url, "serverUrl": &s.devin /* Windsurf */, "httpUrl": &s.address /* Gemini CLI */, "env": &s.env} {
		_ = json.Unmarshal(fields[name], into) // by its exact name: encoding/json ignores case
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
