package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// Sink is somebody who is told of events (internal/webhooks). The address and the
// headers may be as secret as the secret.
type Sink struct {
	Name, Type  string
	URL, Secret Secret
	Events      []string
	Headers     map[string]Secret
	Emails      bool
	Pause       time.Duration
}

// Reveal is the sink as internal/webhooks takes it, its secrets in the open.
func (s Sink) Reveal() webhooks.Sink {
	headers := make(map[string]string, len(s.Headers))
	for name, value := range s.Headers {
		headers[name] = value.Reveal()
	}
	return webhooks.Sink{
		Name: s.Name, Type: s.Type, URL: s.URL.Reveal(), Secret: s.Secret.Reveal(), Events: s.Events, Headers: headers, Emails: s.Emails, Pause: s.Pause,
	}
}

// sinkEntry is a sink as the settings file has it.
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
func sinksOf(entries []sinkEntry, getenv func(string) string) (sinks []Sink, wrong []mistake) {
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

// sink reads an entry; every mistake is found at once.
func (e sinkEntry) sink(getenv func(string) string) (Sink, []mistake) {
	var wrong []mistake
	value := func(name string, t text) Secret {
		v, err := t.resolve(getenv)
		if err != nil {
			wrong = append(wrong, mistake{t.line, name + ": " + err.Error()})
		}
		return Secret(v)
	}
	s := Sink{Name: e.Name.value, Type: e.Type.value, URL: value("url", e.URL), Secret: value("secret", e.Secret), Emails: e.Emails}
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
	if field, err := s.Reveal().Check(); err != nil {
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

// secretOf reads a secret from a file; name is that of the setting that holds it otherwise.
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

// lineOf is the line of a field, or of the entry where it is missing.
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
