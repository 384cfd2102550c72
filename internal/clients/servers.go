package clients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
)

// Server is an MCP server as a client's settings name it, without its secrets.
type Server struct {
	Name    string
	Command string // of a server that the client starts
	URL     string // of one that it reaches
	HasKey  bool   // a Vennio key stands in the settings themselves
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
	raw, err := os.ReadFile(c.Path)
	if err != nil {
		return nil, err
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

// parse reads either format as JSON. Its error says where, but not what is wrong:
// a parser's words may quote the file. A file with nothing in it is an empty object.
func (c Client) parse(raw []byte) (root object, err error) {
	if c.Format == TOML {
		var table any
		if err := toml.Unmarshal(raw, &table); err != nil {
			return nil, fmt.Errorf("%s is not TOML%s", c.Path, where(err))
		}
		raw, err = json.Marshal(table)
	} else {
		_, text := document(raw)
		raw, err = hujson.Standardize(slices.Clone(text)) // it writes blanks over comments
	}
	if err != nil || json.Unmarshal(raw, &root) != nil {
		return nil, fmt.Errorf("%s is not JSON with an object at its top%s", c.Path, where(err))
	}
	return root, nil
}

// document is a JSON file's text without a byte order mark, and the mark. Editors
// make empty files: they hold no servers.
func document(raw []byte) (mark, text []byte) {
	text = bytes.TrimPrefix(raw, []byte("\ufeff"))
	mark = raw[:len(raw)-len(text)]
	if len(bytes.TrimSpace(text)) == 0 {
		return mark, []byte("{}\n")
	}
	return mark, text
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
	var s struct {
		Command   json.RawMessage
		Args      []string
		URL       string
		ServerURL string `json:"serverUrl"` // Windsurf
		HTTPURL   string `json:"httpUrl"`   // Gemini CLI
		Env       map[string]string
	}
	_ = json.Unmarshal(raw, &s) // what does not fit is not a server that can be started
	out := Server{Name: name, URL: cmp.Or(s.URL, s.ServerURL, s.HTTPURL), args: s.Args, HasKey: keyLike().Match(raw)}
	if json.Unmarshal(s.Command, &out.Command) != nil {
		var older struct { // Zed, until 2025
			Path string
			Args []string
		}
		_ = json.Unmarshal(s.Command, &older)
		out.Command, out.args, out.odd = older.Path, older.Args, true
	}
	if key := s.Env["VENNIO_API_KEY"]; key != "" && !strings.HasPrefix(key, "$") {
		out.HasKey = true
	}
	return out
}
