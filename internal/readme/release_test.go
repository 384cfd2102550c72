package readme_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// fits validates a document with a published schema (testdata/README.md).
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

// release has the fields of .goreleaser.yaml that are tested.
type release struct {
	Builds []struct {
		Main, Binary             string
		Env, Flags, Goos, Goarch []string
		Ldflags                  []string
		ModTimestamp             string `json:"mod_timestamp"`
	}
	Archives []struct {
		BuildsInfo packed `json:"builds_info"`
		Files      []struct {
			Src  string
			Info packed
		}
	}
	Nfpms []struct {
		Formats  []string
		Mtime    string
		Rpm      struct{ Buildhost string }
		Scripts  map[string]string
		Contents []struct {
			Src, Dst, Type, Packager string
			FileInfo                 packed `json:"file_info"`
		}
	}
	HomebrewCasks []publication `json:"homebrew_casks"`
	Scoops        []publication
	Checksum      struct {
		Algorithm  string
		ExtraFiles []struct{ Glob string } `json:"extra_files"`
	}
	Sboms []struct {
		Cmd, Artifacts string
		Args           []string
	}
}

// packed is what an archive or package says about a file.
type packed struct {
	Owner, Group, Mtime string
	Mode                int
}

// publication is the entry of a cask or manifest that a package manager reads.
type publication struct {
	Repository  struct{ Owner, Name string }
	SkipUpload  bool   `json:"skip_upload"`
	URLTemplate string `json:"url_template"`
	URL         struct{ Template string }
}

// configuration reads .goreleaser.yaml, which it validates with goreleaser's schema.
func configuration(t *testing.T) (c release) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(file(t, ".goreleaser.yaml"))
	require.NoError(t, err)
	fits(t, "goreleaser.schema.json", asJSON)
	require.NoError(t, json.Unmarshal(asJSON, &c))
	require.Len(t, c.Builds, 1)
	require.Len(t, c.Nfpms, 1)
	require.Len(t, c.HomebrewCasks, 1)
	require.Len(t, c.Scoops, 1)
	return c
}

func TestTheReleaseIsConfigured(t *testing.T) {
	t.Parallel()
	release := configuration(t)
	b := release.Builds[0]
	assert.Equal(t, []string{"linux", "darwin", "windows"}, b.Goos)
	assert.Equal(t, []string{"amd64", "arm64"}, b.Goarch)
	assert.Equal(t, []string{"CGO_ENABLED=0", "GOEXPERIMENT=jsonv2"}, b.Env)
	assert.Equal(t, []string{"deb", "rpm"}, release.Nfpms[0].Formats)
	assert.Empty(t, release.Nfpms[0].Scripts, "nothing runs at installation and removal")
	assert.Equal(t, "sha256", release.Checksum.Algorithm)
	assert.Equal(t, ".ci/out/mcpb/*.mcpb", release.Checksum.ExtraFiles[0].Glob)
	assert.Equal(t, "binary", release.Sboms[0].Artifacts)
	const download = "https://github.com/vennio-mcp/vennio-mcp/releases/download/{{ .Tag }}/{{ .ArtifactName }}"
	assert.Equal(t, download, release.HomebrewCasks[0].URL.Template)
	assert.Equal(t, download, release.Scoops[0].URLTemplate)
	assert.True(t, release.HomebrewCasks[0].SkipUpload && release.Scoops[0].SkipUpload, "the job that builds cannot publish")

	// The image uses the same flags.
	dockerfile := string(file(t, ".release", "Dockerfile"))
	assert.Contains(t, dockerfile, "go build "+strings.Join(b.Flags, " ")+` -ldflags "`+strings.ReplaceAll(b.Ldflags[0], "{{ .Version }}", "$VERSION")+`"`)
	for _, env := range b.Env {
		assert.Contains(t, dockerfile, env)
	}
}

// The same commit gives the same files, which .ci/run shows by building twice: no file has the time, owner or mode of
// the machine that packs it.
func TestPackagesDependOnTheCommitOnly(t *testing.T) {
	t.Parallel()
	release := configuration(t)
	assert.Equal(t, "{{ .CommitTimestamp }}", release.Builds[0].ModTimestamp)
	program := packed{Owner: "root", Group: "root", Mode: 0o755, Mtime: "{{ .CommitDate }}"}
	other := program
	other.Mode = 0o644
	assert.Equal(t, program, release.Archives[0].BuildsInfo)
	var archived, installed []string
	for _, f := range release.Archives[0].Files {
		assert.Equal(t, other, f.Info, f.Src)
		archived = append(archived, f.Src)
	}
	linux := release.Nfpms[0]
	assert.Equal(t, program.Mtime, linux.Mtime)
	assert.Equal(t, "localhost", linux.Rpm.Buildhost)
	for _, c := range linux.Contents {
		if c.Type == "dir" {
			assert.Equal(t, program, c.FileInfo, c.Dst)
			continue
		}
		assert.Equal(t, other, c.FileInfo, c.Dst)
		installed = append(installed, c.Src)
	}
	for _, path := range slices.Concat(archived, installed) {
		if !strings.HasPrefix(path, ".ci/out/files/") { // .ci/release/files writes these
			assert.NotEmpty(t, file(t, path))
		}
	}
	always := []string{"LICENSE", "README.md", "CHANGELOG.md", "docs/install.md", ".ci/out/files/THIRD_PARTY_LICENSES.txt"}
	assert.Subset(t, archived, always)
	assert.Subset(t, installed, always)
	assert.Contains(t, string(file(t, "Makefile")), "cd .ci/release && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o", "an SBOM contains the hash of its tool")
	assert.Subset(t, release.Sboms[0].Args, []string{"-noserial", "-notimestamp"})
}

// instructions returns the lines of a Dockerfile, with continuation lines joined.
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
	assert.Regexp(t, `^gcr\.io/distroless/static:nonroot(@sha256:[0-9a-f]{64})?$`, final["FROM"])
	assert.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, final["USER"], "by number, so that a cluster can tell that it is not root")
	assert.Equal(t, "8080", final["EXPOSE"])
	var entry []string
	require.NoError(t, json.Unmarshal([]byte(final["ENTRYPOINT"]), &entry))
	assert.Equal(t, []string{"/usr/local/bin/vennio-mcp"}, entry)
	assert.NotContains(t, final, "CMD", "without a command it serves stdio")
	assert.Contains(t, string(file(t, ".release", "Dockerfile")), "COPY --from=build /out/LICENSE /out/THIRD_PARTY_LICENSES.txt /usr/share/doc/vennio-mcp/\n")
	assert.Contains(t, string(file(t, "internal", "times", "zones.go")), `_ "time/tzdata"`, "the image contains no time zone files")
	ignored := string(file(t, ".release", "Dockerfile.dockerignore"))
	for _, dir := range []string{"cmd", "internal", "prompts", "schemas", "tools", "vennioclient", "go.mod", "go.sum", "LICENSE", ".ci/release/files"} {
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
			RuntimeArguments         []struct{ Name, Value string }
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
	require.Len(t, s.Packages[0].RuntimeArguments, 1)
	assert.Equal(t, "-v", s.Packages[0].RuntimeArguments[0].Name)
	_, volume, _ := strings.Cut(s.Packages[0].RuntimeArguments[0].Value, ":")
	assert.Contains(t, string(file(t, ".release", "Dockerfile")), `VOLUME ["`+volume+`"]`, "without a volume the ledger ends with the container")
	for _, v := range s.Packages[0].EnvironmentVariables {
		assert.True(t, known(v.Name), v.Name)
		assert.Equal(t, v.Name == "VENNIO_API_KEY", v.IsSecret, v.Name)
	}
}
