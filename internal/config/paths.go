package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// pathSettings are the settings that name a file or folder.
var pathSettings = []string{
	"VENNIO_API_KEY_FILE", "VENNIO_STATE_DIR", "VENNIO_MCP_SETTINGS", "VENNIO_MCP_TOKENS_FILE", "VENNIO_MCP_TLS_CERT", "VENNIO_MCP_TLS_KEY",
}

// IsPath reports whether the setting names a file or folder.
func (s Setting) IsPath() bool { return slices.Contains(pathSettings, s.Name()) }

// expand replaces the ~ of a setting that names a file or folder.
func (s Setting) expand(value *string, getenv func(string) string) (err error) {
	if s.IsPath() {
		*value, err = ExpandPath(*value, getenv)
	}
	return err
}

// ExpandPath replaces ~ or ~/ at the start of a path by the user's home, as a shell
// does: no shell reads environment variables, settings of MCP clients or --flag=~/x.
func ExpandPath(path string, getenv func(string) string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	rest, own := strings.CutPrefix(path, "~/")
	if runtime.GOOS == "windows" && !own {
		rest, own = strings.CutPrefix(path, `~\`)
	}
	switch home := home(getenv); {
	case path != "~" && !own:
		return "", fmt.Errorf("%q: want ~/ for your own home; write the home of another user in full, and a name that begins with ~ as ./~", path)
	case home == "":
		return "", fmt.Errorf("%q: there is no home for ~: set HOME to an absolute path, or write the path in full", path)
	case path == "~":
		return home, nil
	default:
		return filepath.Join(home, rest), nil
	}
}

// home is the user's home; empty where the environment names none, or a relative
// one, which would be another folder wherever the program is started.
func home(getenv func(string) string) string {
	home := getenv("HOME")
	if runtime.GOOS == "windows" {
		home = cmp.Or(home, getenv("USERPROFILE"))
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// stateDir is the user's folder for state: XDG_STATE_HOME, which counts only if it
// is absolute (XDG Base Directory Specification 0.8), or what the system uses. It
// is empty where the user has no home.
func stateDir(getenv func(string) string) string {
	const name = "vennio-mcp"
	home := home(getenv)
	switch {
	case filepath.IsAbs(getenv("XDG_STATE_HOME")):
		return filepath.Join(getenv("XDG_STATE_HOME"), name)
	case runtime.GOOS == "windows" && filepath.IsAbs(getenv("LOCALAPPDATA")):
		return filepath.Join(getenv("LOCALAPPDATA"), name)
	case home == "":
		return ""
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", name)
	}
	return filepath.Join(home, ".local", "state", name)
}

// ignoredPaths warns of variables that stateDir would have used, were they absolute.
func ignoredPaths(getenv func(string) string) (odd []string) {
	for _, name := range []string{"XDG_STATE_HOME", "HOME"} {
		if v := getenv(name); v != "" && !filepath.IsAbs(v) {
			odd = append(odd, fmt.Sprintf("%s is ignored: %q is not an absolute path", name, v))
		}
	}
	return odd
}
