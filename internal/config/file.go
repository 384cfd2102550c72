package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// file is the settings file (docs/events.md, docs/security.md).
type file struct {
	Sinks      []sinkEntry              `yaml:"sinks"`
	Tokens     []tokenEntry             `yaml:"tokens"`
	OAuth      *oauthEntry              `yaml:"oauth"`
	Tenants    []map[string]tenantField `yaml:"tenants"`
	CallerKeys bool                     `yaml:"caller_keys"`
}

// readFile reads the settings file. Every mistake names its line and quotes
// nothing of the file, which may hold a secret.
func (c *Config) readFile(path string, getenv func(string) string) (wrong Mistakes) {
	var f file
	if err := decode(path, &f); err != nil {
		return Mistakes{err.Error()}
	}
	blame := func(section string, mistakes []mistake) {
		for _, m := range mistakes {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s: %s", path, m.line, section, m.what))
		}
	}
	sinks, mistakes := sinksOf(f.Sinks, getenv)
	c.Sinks = sinks
	blame("sinks", mistakes)
	for _, entry := range f.Tenants {
		blame("tenants", c.addTenant(entry, getenv))
	}
	for _, entry := range f.Tokens {
		blame("tokens", c.Serve.addToken(entry))
	}
	if f.OAuth != nil {
		oauth, mistakes := f.OAuth.oauth(getenv)
		c.Serve.OAuth = &oauth
		blame("oauth", mistakes)
		if f.OAuth.SignIn != nil {
			signIn, mistakes := f.OAuth.SignIn.signIn(getenv, max(f.OAuth.Issuer.line, f.OAuth.JWKS.line, 1))
			c.Serve.SignIn = &signIn
			blame("oauth", mistakes)
		}
	}
	c.Serve.CallerKeys = f.CallerKeys
	return wrong
}

// decode reads a YAML file into what into points to. Its error is to be shown.
func decode(path string, into any) error {
	raw, err := files.ReadPrivate(path)
	if err != nil {
		return errors.New("the settings file cannot be read: " + reason(err))
	}
	if !utf8.Valid(raw) {
		return errors.New(path + " has bytes that are not UTF-8: save as UTF-8")
	}
	documents := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict())
	err = documents.Decode(into)
	if errors.Is(err, io.EOF) { // an empty file sets nothing
		return nil
	}
	var second any
	if err == nil && (documents.Decode(&second) == nil && second != nil) {
		return errors.New(path + " holds several YAML documents, of which one alone would count: remove the lines ---")
	}
	if err != nil {
		return errors.New(misread(path, err))
	}
	return nil
}

// mistake is what is wrong with a line of the settings file, 1 being the first.
type mistake struct {
	line int
	what string
}

func misread(path string, err error) string {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return fmt.Sprintf("%s:%d: %s", path, e.GetToken().Position.Line, e.GetMessage())
	}
	return path + ": is no YAML that can be read"
}

// text is a scalar of the settings file and its line.
type text struct {
	value string
	line  int
}

// UnmarshalYAML takes a scalar: a text, or what looks like a number or a truth.
func (t *text) UnmarshalYAML(node ast.Node) error {
	t.line = node.GetToken().Position.Line
	scalar, ok := node.(ast.ScalarNode)
	if !ok {
		return &yaml.UnexpectedNodeTypeError{Actual: node.Type(), Expected: ast.StringType, Token: node.GetToken()}
	}
	t.value = fmt.Sprint(scalar.GetValue())
	return nil
}

var reference = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`) })

// resolve returns the text, or what the environment holds where it says ${NAME}.
func (t text) resolve(getenv func(string) string) (string, error) {
	found := reference().FindStringSubmatch(t.value)
	if found == nil {
		return t.value, nil
	}
	value := strings.TrimSpace(getenv(found[1]))
	if value == "" {
		return "", fmt.Errorf("${%s}: the environment has no such variable", found[1])
	}
	return value, nil
}
