package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const (
	keyVariable     = "VENNIO_API_KEY"
	keyFileVariable = "VENNIO_API_KEY_FILE"
)

// entry is what a client's settings shall say, and the key that must not stand there.
type entry struct {
	mcpclients.Entry
	key      config.Secret // to be kept in stateDir; empty: a file holds it, or there is none
	stateDir string
	secrets  []string // settings that are not carried over
}

// entry reads the settings as the server would, and refuses what it would refuse.
func (p program) entry(c *cobra.Command, at placed) (entry, error) {
	command, err := p.executable()
	if err != nil {
		return entry{}, err
	}
	here := p
	if at.keyFile != "" {
		here.getenv = func(name string) string { // the flag wins
			switch name {
			case keyFileVariable:
				return at.keyFile
			case keyVariable:
				return ""
			}
			return p.getenv(name)
		}
	}
	cfg, err := here.config(c)
	if err != nil {
		return entry{}, err
	}
	e := entry{Entry: mcpclients.Entry{Command: command, Env: map[string]string{}}, stateDir: cfg.StateDir}
	if err := e.carry(here, c); err != nil {
		return entry{}, err
	}
	if cfg.Sandbox() {
		return e, nil
	}
	return e, e.secure(here.getenv, at.name, cfg)
}

// secure has the entry name a file that its owner alone can read.
func (e *entry) secure(getenv func(string) string, name string, cfg config.Config) (err error) {
	file := getenv(keyFileVariable)
	e.Env[keyVariable] = "" // an older entry may have it
	if file == "" {
		if cfg.StateDir == "" {
			return fmt.Errorf("the key cannot be kept: %w, or name a file with --key-file", sqldb.ErrNoFolder)
		}
		e.key = cfg.APIKey
		e.Env[keyFileVariable], err = filepath.Abs(mcpclients.KeyPath(cfg.StateDir, name))
		return err
	}
	if file, err = absolute(file, getenv); err != nil {
		return err
	}
	e.Env[keyFileVariable] = file
	info, err := os.Stat(file)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can read the key in %s: chmod 600 %s, then run this again", file, file)
	}
	return err
}

// keep writes the key, if there is one to keep, and reports whether that was new.
func (e entry) keep(name string) (bool, error) {
	if e.key == "" {
		return false, nil
	}
	return mcpclients.KeepKey(e.stateDir, name, e.key.Reveal())
}

// carry takes over the settings that are set here. What may not stand on a command
// line may not stand in a client's settings either.
func (e *entry) carry(p program, c *cobra.Command) error {
	for _, s := range config.Settings() {
		name := s.Name()
		value := p.getenv(name)
		if flag := c.Flags().Lookup(s.Flag); s.Flag != "" && flag != nil && flag.Changed {
			value = flag.Value.String()
		}
		switch {
		case value == "" || isKey(name):
		case s.Flag == "":
			e.secrets = append(e.secrets, name)
		case s.IsPath(): // the client starts the server in another folder
			path, err := absolute(value, p.getenv)
			if err != nil {
				return err
			}
			e.Env[name] = path
		default:
			e.Env[name] = value
		}
	}
	return nil
}

// absolute is a path that means the same file wherever the server is started.
func absolute(path string, getenv func(string) string) (string, error) {
	path, err := config.ExpandPath(path, getenv)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func isKey(name string) bool { return name == keyVariable || name == keyFileVariable }

// keySays tells where the server will find its key.
func (e entry) keySays(change mcpclients.Change) string {
	switch file := change.KeyFile(); {
	case change.HasKey():
		return "stands in the client's settings: set VENNIO_API_KEY and run this again to move it into a file of your own"
	case file != "":
		return file + " (for you alone)"
	}
	return "none: the sandbox answers, nothing real is booked. With one: set VENNIO_API_KEY and run this again"
}

// executable is the path under which this program was started, so that the entry
// outlives an upgrade that moves what the path links to.
func (p program) executable() (string, error) {
	if p.self != "" {
		return p.self, nil
	}
	running, err := os.Executable()
	if err != nil {
		return "", err
	}
	if strings.Contains(filepath.ToSlash(running), "/go-build") {
		return "", errors.New("go run builds a program that is gone when it ends: go install ./cmd/vennio-mcp first, then vennio-mcp install")
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return running, nil //nolint:nilerr // started under a name that is no path
	}
	if called, err = filepath.Abs(called); err != nil {
		return "", err
	}
	one, err1 := os.Stat(called) //nolint:gosec // G703: only whether it is this program
	two, err2 := os.Stat(running)
	if err1 == nil && err2 == nil && os.SameFile(one, two) {
		return called, nil
	}
	return running, nil
}
