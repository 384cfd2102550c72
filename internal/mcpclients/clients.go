// Package mcpclients knows where MCP clients keep their settings on this machine,
// reads which servers stand there, and puts this server in or takes it out: our
// entry alone changes, comments and the rest stay as they are.
//
// The paths are those that the products document (docs/clients.md names the
// sources of what each can do); a file that is not there is a client that is not
// installed, or has no servers.
package mcpclients

import (
	"cmp"
	"path/filepath"
	"runtime"
)

// Format is how a settings file is written.
type Format string

// The formats. What each client accepts beyond plain JSON is its dialect.
const (
	JSON Format = "json"
	TOML Format = "toml"
)

// Client is an MCP client that may be installed here.
type Client struct {
	ID     string   // as the command line calls it: claude-desktop
	Name   string   // as people call it
	Path   string   // its settings for this user
	Format Format   //
	Keys   []string // where servers stand in it, by name: keys with dots between, * for any; the first holds those of this user
	reads  dialect  // what its parser accepts beyond plain JSON
}

// dialect is what a client's parser accepts beyond JSON (RFC 8259). A client that
// meets anything else starts no servers, and some then write the file anew without
// them (docs/install.md names the sources).
type dialect struct {
	comments, commas bool // comments; a comma after the last member
	mark             bool // a byte order mark
}

// The dialects in use.
var (
	strict   = dialect{}
	lenient  = dialect{comments: true, commas: true, mark: true}
	stripped = dialect{comments: true} // comments are cut out, the rest goes to JSON.parse
	anyTOML  = dialect{mark: true}
)

// System is where to look: an operating system and a person's folders on it.
type System struct {
	OS      string // as runtime.GOOS names it
	Home    string
	AppData string // Windows: %APPDATA%
	Config  string // Linux: XDG_CONFIG_HOME
	Codex   string // CODEX_HOME
	Claude  string // CLAUDE_CONFIG_DIR, where Claude Code keeps its settings instead of Home
}

// Here is this machine, as the environment tells it.
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

// absolute is path if it is absolute. Relative ones are ignored (XDG Base Directory
// Specification 0.8): they would mean another folder wherever a program starts.
func absolute(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	return path
}

// Clients lists the clients known for the system, installed or not, in a fixed
// order. It is empty where the person has no home.
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

// support is a file in the folder in which programs keep theirs.
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

// devin is what Windsurf is called since June 2026; it keeps its settings under
// ~/.config on macOS too.
func (s System) devin() string {
	if s.OS == "windows" {
		return filepath.Join(s.AppData, "devin", "mcp_config.json")
	}
	return filepath.Join(s.Config, "devin", "mcp_config.json")
}

// zed keeps its settings under ~/.config on macOS too.
func (s System) zed() string {
	if s.OS == "windows" {
		return filepath.Join(s.AppData, "Zed", "settings.json")
	}
	return filepath.Join(s.Config, "zed", "settings.json")
}
