// Package clients knows where MCP clients keep their settings on this machine,
// and reads which servers stand there. It writes nothing.
//
// The paths are those that the products document (docs/clients.md names the
// sources of what each can do); a file that is not there is a client that is not
// installed, or has no servers.
package clients

import (
	"cmp"
	"path/filepath"
	"runtime"
)

// Format is how a settings file is written.
type Format string

// The formats. JSON may have comments and trailing commas, as editors allow.
const (
	JSON Format = "json"
	TOML Format = "toml"
)

// Client is an MCP client that may be installed here.
type Client struct {
	Name   string   // as people call it
	Path   string   // its settings for this user
	Format Format   //
	Keys   []string // where servers stand in it, by name: keys with dots between, * for any
}

// System is where to look: an operating system and a person's folders on it.
type System struct {
	OS      string // as runtime.GOOS names it
	Home    string
	AppData string // Windows: %APPDATA%
	Config  string // Linux: XDG_CONFIG_HOME
	Codex   string // CODEX_HOME
}

// Here is this machine, as the environment tells it.
func Here(getenv func(string) string) System {
	home := cmp.Or(getenv("HOME"), getenv("USERPROFILE"))
	return System{
		OS: runtime.GOOS, Home: home,
		AppData: cmp.Or(getenv("APPDATA"), filepath.Join(home, "AppData", "Roaming")),
		Config:  cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config")),
		Codex:   cmp.Or(getenv("CODEX_HOME"), filepath.Join(home, ".codex")),
	}
}

// Clients lists the clients known for the system, installed or not, in a fixed
// order. It is empty where the person has no home.
func (s System) Clients() []Client {
	if s.Home == "" {
		return nil
	}
	return []Client{
		{"Claude Desktop", s.support("Claude", "claude_desktop_config.json"), JSON, []string{"mcpServers"}},
		{"Claude Code", filepath.Join(s.Home, ".claude.json"), JSON, []string{"mcpServers", "projects.*.mcpServers"}},
		{"Cursor", filepath.Join(s.Home, ".cursor", "mcp.json"), JSON, []string{"mcpServers"}},
		{"VS Code", s.support("Code", "User", "mcp.json"), JSON, []string{"servers"}},
		{"Windsurf", filepath.Join(s.Home, ".codeium", "windsurf", "mcp_config.json"), JSON, []string{"mcpServers"}},
		{"Zed", s.zed(), JSON, []string{"context_servers"}},
		{"Gemini CLI", filepath.Join(s.Home, ".gemini", "settings.json"), JSON, []string{"mcpServers"}},
		{"Codex", filepath.Join(s.Codex, "config.toml"), TOML, []string{"mcp_servers"}},
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

// zed keeps its settings under ~/.config on macOS too.
func (s System) zed() string {
	if s.OS == "windows" {
		return filepath.Join(s.AppData, "Zed", "settings.json")
	}
	return filepath.Join(s.Config, "zed", "settings.json")
}
