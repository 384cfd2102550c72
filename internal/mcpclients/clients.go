// Package mcpclients locates the settings of the MCP clients on this machine, reads
// which servers they contain, and adds, updates or removes the entry of this server.
// It changes only that entry and preserves comments and formatting.
//
// The paths are the ones that the products document (docs/clients.md lists the
// sources). A client without a settings file is not installed or has no servers.
package mcpclients

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
)

// Format is the format of a settings file.
type Format string

// The formats. The dialect of a client says what it accepts beyond plain JSON.
const (
	JSON Format = "json"
	TOML Format = "toml"
)

// Client is an MCP client that may be installed here.
type Client struct {
	ID     string   // name on the command line, such as claude-desktop
	Name   string   // name for people, such as Claude Desktop
	Path   string   // settings file of this user
	Format Format   // of the settings file
	Keys   []string // paths of the objects that contain servers: keys joined by dots, * matches any; the first is the user's own
	reads  dialect  // what its parser accepts beyond plain JSON
}

// dialect lists what a client's parser accepts beyond JSON (RFC 8259). A client whose
// file contains anything else starts no servers, and some clients then rewrite the
// file without them (docs/install.md lists the sources).
type dialect struct {
	comments, commas bool // comments; a comma after the last member
	mark             bool // a byte order mark
}

// The dialects in use.
var (
	strict   = dialect{}
	lenient  = dialect{comments: true, commas: true, mark: true}
	stripped = dialect{comments: true} // the client removes comments and passes the rest to JSON.parse
	anyTOML  = dialect{mark: true}
)

// System describes where clients keep their settings: the operating system and the
// folders of the user.
type System struct {
	OS      string // a value of runtime.GOOS
	Home    string
	AppData string // Windows: %APPDATA%
	Config  string // Linux: XDG_CONFIG_HOME
	Codex   string // CODEX_HOME
	Claude  string // CLAUDE_CONFIG_DIR, which Claude Code uses instead of Home
}

// Here returns the system of this machine. It reads the folders from the environment.
func Here(getenv func(string) string) System {
	home := absolute(cmp.Or(getenv("HOME"), getenv("USERPROFILE")))
	return System{
		OS: runtime.GOOS, Home: home,
		AppData: cmp.Or(absolute(getenv("APPDATA")), filepath.Join(home, "AppData", "Roaming")),
		Config:  cmp.Or(absolute(getenv("XDG_CONFIG_HOME")), filepath.Join(home, ".config")),
		Codex:   cmp.Or(getenv("CODEX_HOME"), filepath.Join(home, ".codex")),
		Claude:  cmp.Or(getenv("CLAUDE_CONFIG_DIR"), home),
	}
}

// Skills returns the folder in which Claude Code looks for the user's skills.
func (s System) Skills() string {
	if s.Claude == "" || s.Claude == s.Home {
		return filepath.Join(s.Home, ".claude", "skills")
	}
	return filepath.Join(s.Claude, "skills")
}

// absolute returns path if it is absolute, else "". Relative paths are ignored (XDG Base
// Directory Specification 0.8) because they depend on the working directory.
func absolute(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	return path
}

// Clients lists the supported clients, installed or not, in a fixed order. The list is
// empty if the user has no home directory.
func (s System) Clients() []Client {
	if s.Home == "" {
		return nil
	}
	return []Client{
		{"claude-desktop", "Claude Desktop", s.support("Claude", "claude_desktop_config.json"), JSON, []string{"mcpServers"}, strict},
		{"claude-code", "Claude Code", filepath.Join(cmp.Or(s.Claude, s.Home), ".claude.json"), JSON, []string{"mcpServers", "projects.*.mcpServers"}, strict},
		{"cursor", "Cursor", filepath.Join(s.Home, ".cursor", "mcp.json"), JSON, []string{"mcpServers"}, lenient},
		{"vscode", "VS Code", s.support("Code", "User", "mcp.json"), JSON, []string{"servers"}, lenient},
		{"windsurf", "Windsurf", filepath.Join(s.Home, ".codeium", "windsurf", "mcp_config.json"), JSON, []string{"mcpServers"}, strict},
		{"zed", "Zed", s.zed(), JSON, []string{"context_servers"}, lenient},
		{"gemini-cli", "Gemini CLI", filepath.Join(s.Home, ".gemini", "settings.json"), JSON, []string{"mcpServers"}, stripped},
		{"codex", "Codex", filepath.Join(s.Codex, "config.toml"), TOML, []string{"mcp_servers"}, anyTOML},
		{"devin", "Devin Desktop", s.devin(), JSON, []string{"mcpServers"}, strict},
	}
}

// Detected reports whether the client has been used on this machine: it has a settings file or a directory for
// its settings.
func (c Client) Detected() bool {
	dir := filepath.Dir(c.Path)
	if c.ID == "claude-code" { // its settings file is in the home directory itself
		dir = filepath.Join(dir, ".claude")
	}
	for _, path := range []string{c.Path, dir} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// support returns the path of a file in the folder for application settings.
func (s System) support(parts ...string) string {
	base := s.Config
	switch s.OS {
	case "darwin":
		base = filepath.Join(s.Home, "Library", "Application Support")
	case "windows":
		base = s.AppData
	}
	return filepath.Join(append([]string{base}, parts...)...)
}

// devin returns the settings file of Devin Desktop, the name of Windsurf since June 2026.
// It is under ~/.config on macOS too.
func (s System) devin() string {
	if s.OS == "windows" {
		return filepath.Join(s.AppData, "devin", "mcp_config.json")
	}
	return filepath.Join(s.Config, "devin", "mcp_config.json")
}

// zed returns the settings file of Zed, which is under ~/.config on macOS too.
func (s System) zed() string {
	if s.OS == "windows" {
		return filepath.Join(s.AppData, "Zed", "settings.json")
	}
	return filepath.Join(s.Config, "zed", "settings.json")
}
