package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// file is the settings file (docs/events.md, docs/operations/serving.md).
type file struct {
	Sinks      []sinkEntry              `yaml:"sinks"`
	Tokens     []tokenEntry             `yaml:"tokens"`
	OAuth      *oauthEntry              `yaml:"oauth"`
	Tenants    []map[string]tenantField `yaml:"tenants"`
	CallerKeys bool                     `yaml:"caller_keys"`
	Passkeys   []passkeyEntry           `yaml:"passkeys"`
	Hosts      []preferencesEntry       `yaml:"preferences"` // of single hosts
}

// readFile reads the settings file. Every mistake names its line and quotes nothing from the file, which
// may contain a secret.
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
	c.Serve.CallerKeys = f.CallerKeys
	blame("preferences", c.addPreferences(f.Hosts))
	for _, entry := range f.Tenants {
		blame("tenants", c.addTenant(entry, getenv))
	}
	for _, entry := range f.Passkeys {
		blame("passkeys", c.addPasskey(entry))
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
	return wrong
}

// decode reads a YAML file into the value that into points to. Its error can be shown to people.
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
		return errors.New(path + " holds several YAML documents, of which only the first would be read: remove the lines ---")
	}
	if err != nil {
		return errors.New(misread(path, err))
	}
	return nil
}

// mistake describes a mistake in a line of the settings file; the first line is 1.
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

// text is a scalar of the settings file with its line.
type text struct {
	value string
	line  int
}

// UnmarshalYAML accepts any scalar: a text, a number or a boolean.
func (t *text) UnmarshalYAML(node ast.Node) error {
	t.line = node.GetToken().Position.Line
	scalar, ok := node.(ast.ScalarNode)
	if !ok {
		return &yaml.UnexpectedNodeTypeError{Actual: node.Type(), Expected: ast.StringType, Token: node.GetToken()}
	}
	t.value = fmt.Sprint(scalar.GetValue())
	return nil
}

var reference = lazyregexp.New(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// resolve returns the text, or the value of the environment variable if it is ${NAME}.
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

type sinkEntry struct {
	Name       text            `yaml:"name"`
	Type       text            `yaml:"type"`
	URL        text            `yaml:"url"`
	Secret     text            `yaml:"secret"`
	SecretFile text            `yaml:"secret_file"`
	Events     []text          `yaml:"events"`
	Headers    map[string]text `yaml:"headers"`
	Emails     bool            `yaml:"show_emails"`
	Pause      text            `yaml:"pause"`
}

// sinksOf reads all entries of one tenant.
func sinksOf(entries []sinkEntry, getenv func(string) string) (sinks []webhooks.Sink, wrong []mistake) {
	taken := map[string]bool{}
	for _, entry := range entries {
		sink, mistakes := entry.sink(getenv)
		if taken[sink.Name] && sink.Name != "" {
			mistakes = append(mistakes, mistake{entry.Name.line, fmt.Sprintf("name: %q is taken by another sink", sink.Name)})
		}
		taken[sink.Name] = true
		sinks, wrong = append(sinks, sink), append(wrong, mistakes...)
	}
	return sinks, wrong
}

func (e sinkEntry) sink(getenv func(string) string) (webhooks.Sink, []mistake) {
	var wrong []mistake
	value := func(name string, t text) Secret {
		v, err := t.resolve(getenv)
		if err != nil {
			wrong = append(wrong, mistake{t.line, name + ": " + err.Error()})
		}
		return Secret(v)
	}
	s := webhooks.Sink{Name: e.Name.value, Type: e.Type.value, URL: value("url", e.URL), Secret: value("secret", e.Secret), Emails: e.Emails}
	if e.SecretFile.value != "" {
		secret, err := secretOf(e.Secret, e.SecretFile, "secret", getenv)
		if err != nil {
			wrong = append(wrong, mistake{e.SecretFile.line, "secret_file: " + err.Error()})
		}
		s.Secret = secret
	}
	pause, err := e.pause()
	if err != nil {
		wrong = append(wrong, mistake{e.Pause.line, "pause: " + err.Error()})
	}
	s.Pause = pause
	for _, pattern := range e.Events {
		s.Events = append(s.Events, pattern.value)
	}
	for name, t := range e.Headers {
		if s.Headers == nil {
			s.Headers = map[string]Secret{}
		}
		s.Headers[name] = value("headers."+name, t)
	}
	if len(wrong) > 0 {
		return s, wrong
	}
	if field, err := s.Check(); err != nil {
		wrong = append(wrong, mistake{e.lineOf(field), field + ": " + err.Error()})
	}
	return s, wrong
}

func (e sinkEntry) pause() (time.Duration, error) {
	if e.Pause.value == "" {
		return 0, nil
	}
	pause, err := ParseDuration(e.Pause.value)
	if err != nil {
		return 0, errors.New("want a duration such as 10s")
	}
	return pause, nil
}

// secretOf reads a secret from a file. name is the setting that would contain the secret itself.
func secretOf(value, file text, name string, getenv func(string) string) (Secret, error) {
	if value.value != "" {
		return "", errors.New("is set and " + name + " too; keep one of them")
	}
	path, err := ExpandPath(file.value, getenv)
	if err != nil {
		return "", err
	}
	raw, err := files.ReadPrivate(path)
	if err != nil {
		return "", errors.New("cannot be read: " + reason(err))
	}
	return Secret(strings.TrimSpace(string(raw))), nil
}

// lineOf returns the line of a field, or of the entry if the field is missing.
func (e sinkEntry) lineOf(field string) int {
	lines := map[string]int{"name": e.Name.line, "type": e.Type.line, "url": e.URL.line, "pause": e.Pause.line, "secret": max(e.Secret.line, e.SecretFile.line)}
	if len(e.Events) > 0 {
		lines["events"] = e.Events[0].line
	}
	for _, line := range []int{lines[field], e.Name.line, e.Type.line, e.URL.line} {
		if line > 0 {
			return line
		}
	}
	return 1
}
