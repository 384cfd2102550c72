package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func file(t *testing.T, path ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	require.NoError(t, err)
	return raw
}

// fits checks a document against a schema that others publish (testdata/README.md).
func fits(t *testing.T, schema string, raw []byte) {
	t.Helper()
	read := func(raw []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		require.NoError(t, err)
		return v
	}
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", read(file(t, "internal", "readme", "testdata", schema))))
	compiled, err := c.Compile("schema.json")
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(read(raw)))
}

// release is what matters of .goreleaser.yaml.
type release struct {
	Builds []struct {
		Main, Binary             string
		Env, Flags, Goos, Goarch []string
		Ldflags                  []string
	}
	Archives []struct{ Files []string }
	Checksum struct{ Algorithm string }
	Sboms    []struct{ Cmd, Artifacts string }
}

func TestTheReleaseIsConfigured(t *testing.T) {
	t.Parallel()
	raw := file(t, ".goreleaser.yaml")
	asJSON, err := yaml.YAMLToJSON(raw)
	require.NoError(t, err)
	fits(t, "goreleaser.schema.json", asJSON)
	var release release
	require.NoError(t, yaml.Unmarshal(raw, &release))
	require.Len(t, release.Builds, 1)
	b := release.Builds[0]
	assert.Equal(t, []string{"linux", "darwin", "windows"}, b.Goos)
	assert.Equal(t, []string{"amd64", "arm64"}, b.Goarch)
	assert.Equal(t, []string{"CGO_ENABLED=0", "GOEXPERIMENT=jsonv2"}, b.Env)
	assert.Subset(t, release.Archives[0].Files, []string{"LICENSE", "README.md"})
	packed := string(file(t, ".ci", "snapshot"))
	for _, path := range release.Archives[0].Files {
		assert.NotEmpty(t, file(t, path))
		assert.Regexp(t, `&& cp ([\w.]+ )*`+regexp.QuoteMeta(path)+" ", packed, "make snapshot packs it too")
	}
	assert.Equal(t, "sha256", release.Checksum.Algorithm)
	assert.Equal(t, "binary", release.Sboms[0].Artifacts)

	// make snapshot builds the same without goreleaser, and the image too.
	flags := strings.Join(b.Flags, " ") + ` -ldflags "` + strings.ReplaceAll(b.Ldflags[0], "{{ .Version }}", "$VERSION") + `"`
	for _, where := range []string{".ci/snapshot", ".release/Dockerfile"} {
		script := string(file(t, where))
		assert.Contains(t, script, "go build "+flags, where)
		for _, env := range b.Env {
			assert.Contains(t, script, env, where)
		}
	}
}

// instructions are the lines of a Dockerfile, continued ones joined.
func instructions(raw []byte) (all [][]string) {
	text := regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(raw), "")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			word, rest, _ := strings.Cut(line, " ")
			all = append(all, []string{word, rest})
		}
	}
	return all
}

func TestTheImageRunsAsNobody(t *testing.T) {
	t.Parallel()
	final := map[string]string{} // of the last stage
	for _, line := range instructions(file(t, ".release", "Dockerfile")) {
		if line[0] == "FROM" {
			clear(final)
		}
		final[line[0]] = line[1]
	}
	assert.Equal(t, "gcr.io/distroless/static:nonroot", final["FROM"])
	assert.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, final["USER"], "by number, so that a cluster can tell that it is not root")
	assert.Equal(t, "8080", final["EXPOSE"])
	var entry []string
	require.NoError(t, json.Unmarshal([]byte(final["ENTRYPOINT"]), &entry))
	assert.Equal(t, []string{"/usr/local/bin/vennio-mcp"}, entry)
	assert.NotContains(t, final, "CMD", "without a command it serves stdio")
	assert.Contains(t, string(file(t, "internal", "times", "zones.go")), `_ "time/tzdata"`, "the image has no zones of its own")
	ignored := string(file(t, ".release", "Dockerfile.dockerignore"))
	for _, dir := range []string{"cmd", "internal", "prompts", "schemas", "tools", "vennioclient", "go.mod", "go.sum"} {
		assert.Contains(t, ignored, "!"+dir+"\n", "is needed to build")
	}
}

func TestTheBundleAsksForTheKeyAsASecret(t *testing.T) {
	t.Parallel()
	raw := file(t, ".release", "mcpb", "manifest.json")
	fits(t, "mcpb-manifest-v0.3.schema.json", raw)
	var m struct {
		Name, Version string
		Server        struct {
			Type      string
			MCPConfig struct {
				Env map[string]string
			} `json:"mcp_config"`
		}
		UserConfig map[string]struct {
			Sensitive, Required bool
			Default             *string
		} `json:"user_config"`
	}
	require.NoError(t, json.Unmarshal(raw, &m))
	assert.Equal(t, "binary", m.Server.Type)
	assert.Equal(t, "${user_config.api_key}", m.Server.MCPConfig.Env["VENNIO_API_KEY"])
	assert.Len(t, m.Server.MCPConfig.Env, len(m.UserConfig))
	for name, value := range m.Server.MCPConfig.Env {
		assert.True(t, known(name), name)
		asked, ok := m.UserConfig[strings.TrimSuffix(strings.TrimPrefix(value, "${user_config."), "}")]
		require.True(t, ok, name)
		assert.Equal(t, name == "VENNIO_API_KEY", asked.Sensitive, name)
		assert.False(t, asked.Required, name)
		require.NotNil(t, asked.Default, "without one the place holder itself would reach the program")
		assert.Empty(t, *asked.Default)
	}
	var server struct{ Version string }
	require.NoError(t, json.Unmarshal(file(t, ".release", "server.json"), &server))
	assert.Equal(t, server.Version, m.Version)
}

func TestTheRegistryEntryIsValid(t *testing.T) {
	t.Parallel()
	raw := file(t, ".release", "server.json")
	fits(t, "mcp-server-2025-12-11.schema.json", raw)
	var s struct {
		Schema   string `json:"$schema"`
		Name     string
		Version  string
		Packages []struct {
			RegistryType, Identifier string
			EnvironmentVariables     []struct {
				Name     string
				IsSecret bool
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &s))
	assert.Contains(t, string(file(t, "internal", "readme", "testdata", "mcp-server-2025-12-11.schema.json")), `"$id": "`+s.Schema+`"`)
	assert.Contains(t, string(file(t, ".release", "Dockerfile")), `io.modelcontextprotocol.server.name="`+s.Name+`"`, "the registry looks for it in the image")
	require.Len(t, s.Packages, 1)
	assert.Equal(t, "ghcr.io/vennio-mcp/vennio-mcp:"+s.Version, s.Packages[0].Identifier)
	for _, v := range s.Packages[0].EnvironmentVariables {
		assert.True(t, known(v.Name), v.Name)
		assert.Equal(t, v.Name == "VENNIO_API_KEY", v.IsSecret, v.Name)
	}
}
