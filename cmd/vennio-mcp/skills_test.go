package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// skillEntry is an entry as a host reads it (SEP-2640, Skill Entries).
type skillEntry struct {
	URI         string
	Frontmatter map[string]any
	Resources   []struct {
		URI, Digest string
		Size        int
	}
}

// skillAnswer is the answer to any request of these tests.
type skillAnswer struct {
	Result *struct {
		ResultType, CacheScope string
		TTLMs                  int64
		Skills                 []skillEntry
		Skill                  skillEntry
		Contents               []struct{ URI, MIMEType, Text string }
		Resources              []struct{ URI, Name, Title, Description, MIMEType string }
		Capabilities           struct{ Extensions map[string]json.RawMessage }
	}
	Error *struct {
		Code    int
		Message string
	}
}

// rawAsker returns a function that sends one request with these parameters over a transport and in a
// revision of MCP. It sends initialize or server/discover first and checks that skills are declared.
func rawAsker(t *testing.T, over, protocol string, env []string) func(method, params string) skillAnswer {
	t.Helper()
	ask, _ := askers[over](t, env)
	send := func(method, params string) (got skillAnswer) {
		t.Helper()
		if protocol == "2026-07-28" {
			params = strings.TrimSuffix(params, "}") + strings.Repeat(",", min(1, len(params)-2)) +
				`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"0"}}}`
		}
		var named struct{ URI string }
		_ = json.Unmarshal([]byte(params), &named) // a test may send something else
		name, _ := mcp.EncodeHeaderValue(named.URI)
		answer := ask(t, method, name, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
		_, body, _ := strings.Cut(answer, `{"jsonrpc"`)
		require.NoError(t, json.Unmarshal([]byte(`{"jsonrpc"`+body), &got), answer)
		return got
	}
	var hello skillAnswer
	if protocol == "2026-07-28" {
		hello = send("server/discover", `{}`)
	} else {
		hello = send("initialize", `{"protocolVersion":"`+protocol+`","capabilities":{},"clientInfo":{"name":"t","version":"0"}}`)
	}
	require.NotNil(t, hello.Result, hello.Error)
	assert.JSONEq(t, `{}`, string(hello.Result.Capabilities.Extensions["io.modelcontextprotocol/skills"]))
	return send
}

// everyAsker calls a test with a way to ask over each transport and in both eras of MCP.
func everyAsker(t *testing.T, settings []string, test func(t *testing.T, ask func(method, params string) skillAnswer)) {
	t.Helper()
	for over := range askers {
		for _, protocol := range eras {
			t.Run(over+" "+protocol, func(t *testing.T) {
				t.Parallel()
				test(t, rawAsker(t, over, protocol, clean(t, settings...)))
			})
		}
	}
}

// A host verifies what it reads against the entry: digest, size, and each field of the front matter.
//
// req: P11
func TestReq_P11_EverySkillIsReadAsItsEntrySays(t *testing.T) {
	t.Parallel()
	everyAsker(t, nil, func(t *testing.T, ask func(method, params string) skillAnswer) {
		listed := ask("skills/list", `{}`).Result
		require.NotNil(t, listed)
		assert.Equal(t, "complete", listed.ResultType)
		assert.Equal(t, "private", listed.CacheScope)
		assert.Positive(t, listed.TTLMs)
		resources := ask("resources/list", `{}`).Result.Resources
		var uris []string
		for _, entry := range listed.Skills {
			uris = append(uris, entry.URI)
			parameter := fmt.Sprintf(`{"uri":%q}`, entry.URI)
			assert.Equal(t, entry, ask("skills/get", parameter).Result.Skill)
			require.Len(t, entry.Resources, 1)
			file := entry.Resources[0]
			assert.Equal(t, entry.URI, file.URI)

			got := ask("resources/read", parameter).Result.Contents
			require.Len(t, got, 1)
			assert.Equal(t, "text/markdown", got[0].MIMEType)
			sum := sha256.Sum256([]byte(got[0].Text))
			assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), file.Digest)
			assert.Len(t, got[0].Text, file.Size)

			front, body, ok := strings.Cut(strings.TrimPrefix(got[0].Text, "---\n"), "\n---\n")
			require.True(t, ok)
			var written map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(front), &written))
			assert.Equal(t, written, entry.Frontmatter)
			name := entry.Frontmatter["name"].(string)
			assert.Equal(t, "skill://"+name+"/SKILL.md", entry.URI)
			assert.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, name) // Agent Skills specification: name
			assert.LessOrEqual(t, len(name), 64)
			assert.LessOrEqual(t, len(entry.Frontmatter["description"].(string)), 1024)
			title, _, _ := strings.Cut(strings.TrimPrefix(body, "\n# "), "\n")
			assert.Contains(t, resources, struct{ URI, Name, Title, Description, MIMEType string }{entry.URI, name, title, entry.Frontmatter["description"].(string), "text/markdown"})
		}
		assert.Equal(t, []string{"skill://schedule-a-meeting/SKILL.md", "skill://reschedule-or-cancel-a-meeting/SKILL.md", "skill://review-the-day/SKILL.md"}, uris)
	})
}

// An address is compared byte by byte: no other spelling reaches a skill or a file of this machine.
//
// req: P11
// field: address of a skill that is not served
func TestReq_P11_NoOtherSpellingOfAnAddressIsServed(t *testing.T) {
	t.Parallel()
	spellings := []string{
		"skill://unknown/SKILL.md", "skill://schedule-a-meeting", "skill://schedule-a-meeting/", "skill://schedule-a-meeting/OTHER.md", "schedule-a-meeting",
		"skill://schedule-a-meeting/../review-the-day/SKILL.md", "skill://schedule-a-meeting/../../../../etc/passwd", "skill://schedule-a-meeting/./SKILL.md", "skill:///etc/passwd",
		"SKILL://schedule-a-meeting/SKILL.md", "skill://Schedule-A-Meeting/SKILL.md", "skill://schedule-a-meeting/skill.md",
		"skill://schedule%2Da%2Dmeeting/SKILL.md", "skill://schedule-a-meeting%2FSKILL.md", "skill://schedule-a-meeting/%53KILL.md", "skill://schedule-a-meeting/..%2f..%2fetc/passwd",
		"skill://schedule-a-meeting/SKILL.md?x=1", "skill://schedule-a-meeting/SKILL.md#x", "skill://schedule-a-meeting/SKILL.md ", " skill://schedule-a-meeting/SKILL.md",
		"skill://schedule-a-meeting/SKILL.md\u0000", "skill://schedule\u2011a\u2011meeting/SKILL.md", "vennio://policy", "skill://" + strings.Repeat("x/", 5000),
	}
	everyAsker(t, nil, func(t *testing.T, ask func(method, params string) skillAnswer) {
		for _, spelling := range spellings {
			raw, err := json.Marshal(map[string]string{"uri": spelling})
			require.NoError(t, err)
			got := ask("skills/get", string(raw))
			require.NotNil(t, got.Error, spelling)
			assert.Equal(t, mcp.INVALID_PARAMS, got.Error.Code, spelling)
			assert.Contains(t, got.Error.Message, "skills/list", spelling)
			assert.Less(t, len(got.Error.Message), 300)
			if spelling != "vennio://policy" {
				assert.NotNil(t, ask("resources/read", string(raw)).Error, spelling)
			}
		}
		for _, params := range []string{`{}`, `{"uri":""}`, `{"uri":null}`, `{"uri":1}`, `{"uri":["skill://review-the-day/SKILL.md"]}`} {
			got := ask("skills/get", params)
			require.NotNil(t, got.Error, params)
			assert.Equal(t, mcp.INVALID_PARAMS, got.Error.Code, params)
		}
		for _, cursor := range []string{"x", "MQ==", strings.Repeat("A", 100_000)} {
			for range 2 {
				got := ask("skills/list", fmt.Sprintf(`{"cursor":%q}`, cursor))
				require.NotNil(t, got.Error)
				assert.Equal(t, mcp.INVALID_PARAMS, got.Error.Code)
				assert.Contains(t, got.Error.Message, "without a cursor")
			}
		}
		assert.Len(t, ask("skills/list", `{"cursor":""}`).Result.Skills, 3)
		assert.Equal(t, mcp.METHOD_NOT_FOUND, ask("resources/directory/read", `{"uri":"skill://review-the-day"}`).Error.Code, "directoryRead is not declared")
	})
}

// The skills that are offered, and the consent that they ask for, follow the operator's settings.
//
// req: P11, X6
func TestReq_P11_SkillsFollowTheSettings(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]struct {
		uris, text string
	}{
		"VENNIO_READ_ONLY=true":                     {"review-the-day", "Do not change anything."},
		"VENNIO_TOOLS=find_slots":                   {"", ""},
		"VENNIO_TOOLS=find_slots,book_slot":         {"schedule-a-meeting", "Otherwise it returns a preview"},
		"VENNIO_CONSENT=human":                      {"schedule-a-meeting reschedule-or-cancel-a-meeting review-the-day", "Your word is not enough"},
		"VENNIO_TOOLS=list_bookings,cancel_booking": {"reschedule-or-cancel-a-meeting review-the-day", "## Cancel"},
	} {
		ask := rawAsker(t, "stdio", "2026-07-28", clean(t, settings))
		listed := ask("skills/list", `{}`).Result.Skills
		require.NotNil(t, listed, settings)
		var uris []string
		for _, entry := range listed {
			uris = append(uris, entry.Frontmatter["name"].(string))
		}
		assert.Equal(t, want.uris, strings.Join(uris, " "), settings)
		for _, uri := range uris[:min(1, len(uris))] {
			text := ask("resources/read", `{"uri":"skill://`+uri+`/SKILL.md"}`).Result.Contents[0].Text
			assert.Contains(t, text, want.text, settings)
			assert.Equal(t, strings.Contains(settings, "cancel"), strings.Contains(text, "## Cancel"), settings)
		}
	}
}

// Each tenant's skills ask for the consent that its policy requires.
//
// req: P11, X5
func TestReq_P11_EachTenantHasItsSkills(t *testing.T) {
	t.Parallel()
	c := newCompany(t, "VENNIO_CONSENT=human")
	for consent, m := range map[string]*member{"wait for an explicit yes": c.as(c.acme), "Your word is not enough": c.as(c.guest, auth.HeaderKey, keyOfGuy)} {
		var listed struct{ Result struct{ Skills []skillEntry } }
		m.says("skills/list", map[string]any{}, &listed)
		require.Len(t, listed.Result.Skills, 3, consent)
		var read struct {
			Result struct{ Contents []struct{ Text string } }
		}
		m.says("resources/read", map[string]any{"uri": listed.Result.Skills[0].URI}, &read)
		text := read.Result.Contents[0].Text
		assert.Contains(t, text, consent)
		sum := sha256.Sum256([]byte(text))
		assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), listed.Result.Skills[0].Resources[0].Digest)
	}
	refused := post(t, c.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"skills/list"}`)
	assert.Equal(t, http.StatusUnauthorized, refused.status)
}
