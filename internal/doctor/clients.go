package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Clients checks the settings of the MCP clients on a machine.
func Clients(here mcpclients.System) (all []Finding) {
	for _, c := range here.Clients() {
		servers, err := c.Servers()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			all = append(all, unfit(c, err))
		default:
			all = append(all, client(c, servers)...)
		}
	}
	if len(all) == 0 {
		all = []Finding{note("client", "no settings of an MCP client were found on this machine", "To add this server to one: vennio-mcp install --help.")}
	}
	return all
}

// unfit reports a settings file that the client cannot use either. Some clients then
// rewrite the file without its servers.
func unfit(c mcpclients.Client, err error) Finding {
	what, next := err.Error(), "correct the file"
	if e, ok := errors.AsType[mcpclients.Unfit](err); ok {
		what, next = e.What, e.Next
	}
	return warn("client", c.Name+": "+what, strings.ToUpper(next[:1])+next[1:]+". Until then the client may start no servers, and may rewrite the file without them.")
}

func client(c mcpclients.Client, servers []mcpclients.Server) (all []Finding) {
	for _, s := range servers {
		if s.Ours() {
			all = append(all, started(c, s))
		}
		if s.HasKey && readable(c.Path) {
			all = append(all, warn("client", c.Name+": a Vennio key is in "+c.Path+", which others on this machine can read", "chmod 600 "+c.Path+", or keep the key in your own file and set VENNIO_API_KEY_FILE."))
		}
	}
	if len(all) == 0 {
		all = []Finding{note("client", c.Name+": this server is not in its settings", "To add it: vennio-mcp install "+c.ID+". The file is "+c.Path+".")}
	}
	return all
}

func started(c mcpclients.Client, s mcpclients.Server) Finding {
	name := sanitize.Line(s.Name, 60)
	if s.URL != "" {
		return ok("client", "%s: %s is reached at %s", c.Name, name, sanitize.Line(s.URL, 100))
	}
	command := sanitize.Line(s.Command, 200)
	path, err := exec.LookPath(s.Command)
	if err != nil {
		return problem("client", fmt.Sprintf("%s: %s starts %q, which does not exist or cannot be run", c.Name, name, command), "Put the full path of vennio-mcp into "+c.Path+".")
	}
	if !filepath.IsAbs(s.Command) {
		return note("client", fmt.Sprintf("%s: %s starts %s (%s)", c.Name, name, command, path), "If the client does not find it, give the full path: graphical programs often have another PATH.")
	}
	return ok("client", "%s: %s starts %s", c.Name, name, command)
}

func readable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0
}
