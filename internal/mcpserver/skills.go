package mcpserver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// SkillsExtension is the identifier of the skills extension in the capabilities of a
// server (SEP-2640, Capability Negotiation). mcp-go does not know its methods, so the
// core answers them. The files of skills are ordinary resources.
const SkillsExtension = "io.modelcontextprotocol/skills"

const (
	methodSkillsList mcp.MCPMethod = "skills/list"
	methodSkillsGet  mcp.MCPMethod = "skills/get"
)

// skillsAge is how long a client may use an entry before it asks again. Skills change
// only when the server is restarted with another version or other settings.
const skillsAge = 5 * time.Minute

// Skill is the entry of a skill that consists of SKILL.md alone (SEP-2640, Skill
// Entries).
type Skill struct {
	URI         string            `json:"uri"` // of SKILL.md
	Frontmatter map[string]string `json:"frontmatter"`
	Resources   []SkillFile       `json:"resources"` // all files of the skill
}

// SkillFile identifies the content of a file.
type SkillFile struct {
	URI    string `json:"uri"`
	Digest string `json:"digest"` // "sha256:" and 64 hexadecimal digits
	Size   int    `json:"size"`   // in bytes
}

// NewSkill returns the entry for a SKILL.md with this front matter and this text.
func NewSkill(uri string, frontmatter map[string]string, text string) Skill {
	sum := sha256.Sum256([]byte(text))
	return Skill{uri, frontmatter, []SkillFile{{uri, "sha256:" + hex.EncodeToString(sum[:]), len(text)}}}
}

// skillsResult is the result of both methods. The caching hints are required in every
// revision of MCP; the entries depend on the tenant, so they are private.
type skillsResult struct {
	Type   mcp.ResultType `json:"resultType"`
	Skills []Skill        `json:"skills,omitzero"` // of skills/list; not nil there
	Skill  *Skill         `json:"skill,omitempty"` // of skills/get
	TTL    int64          `json:"ttlMs"`
	Scope  mcp.CacheScope `json:"cacheScope"`
}

// isSkills reports a request of the skills extension.
func (e envelope) isSkills() bool { return e.Method == methodSkillsList || e.Method == methodSkillsGet }

// skillsAnswer answers a request of the skills extension, whose envelope and
// parameters have been checked.
func (c *conn) skillsAnswer(env envelope) (mcp.JSONRPCResponse, *rpcError) {
	result := skillsResult{Type: mcp.ResultTypeComplete, TTL: skillsAge.Milliseconds(), Scope: mcp.CacheScopePrivate}
	if env.Method == methodSkillsList {
		result.Skills = c.skills()
		return mcp.JSONRPCResponse{JSONRPC: mcp.JSONRPC_VERSION, Result: result}, nil
	}
	var m struct {
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	_ = json.Unmarshal(env.raw, &m) // checkParams has decoded it
	all := c.skills()
	i := slices.IndexFunc(all, func(s Skill) bool { return s.URI == m.Params.URI })
	switch {
	case m.Params.URI == "":
		return mcp.JSONRPCResponse{}, invalid("params.uri is missing: it names the SKILL.md of a skill; skills/list has them")
	case i < 0:
		return mcp.JSONRPCResponse{}, invalid("no skill is served at %s; skills/list has those that are", sanitize.Line(m.Params.URI, maxMessage/2))
	}
	result.Skill = &all[i]
	return mcp.JSONRPCResponse{JSONRPC: mcp.JSONRPC_VERSION, Result: result}, nil
}
