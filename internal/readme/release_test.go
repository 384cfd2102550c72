package readme_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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
	assert.Contains(t, string(file(t, "internal", "times", "zones.go")), `_ "time/tzdata"`, "the image contains no time zone files")
	ignored := string(file(t, ".release", "Dockerfile.dockerignore"))
	for _, dir := range []string{"cmd", "internal", "prompts", "schemas", "tools", "vennioclient", "go.mod", "go.sum"} {
		assert.Contains(t, ignored, "!"+dir+"\n", "is needed to build")
	}
}

// workflow has the fields of a GitHub workflow that are tested.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Needs       string
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			With      map[string]string
			Env       map[string]string
		}
	}
}

// field: actions that are not pinned by commit
func TestEveryActionIsPinnedByItsCommit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ci.yml", "release.yml"} {
		raw := string(file(t, ".github", "workflows", name))
		used := regexp.MustCompile(`uses: .*`).FindAllString(raw, -1)
		require.NotEmpty(t, used)
		for _, line := range used {
			assert.Regexp(t, `^uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`, line, name)
		}
		assert.Equal(t, strings.Count(raw, "actions/checkout@"), strings.Count(raw, "persist-credentials: false"), name)
	}
}

// field: publishing together with building. The build jobs cannot publish. The publish job runs no code of the
// repository and only uses the artifacts of the build.
func TestPublishingIsSeparateFromBuilding(t *testing.T) {
	t.Parallel()
	var release workflow
	require.NoError(t, yaml.Unmarshal(file(t, ".github", "workflows", "release.yml"), &release))
	assert.Empty(t, release.Permissions)
	require.Len(t, release.Jobs, 3)
	assert.Equal(t, "pinned", release.Jobs["build"].Needs)
	assert.Equal(t, "build", release.Jobs["publish"].Needs)
	for name, job := range release.Jobs {
		if name != "publish" {
			assert.Equal(t, map[string]string{"contents": "read"}, job.Permissions, name)
		}
		for _, step := range job.Steps {
			for _, value := range step.Env {
				assert.False(t, name != "publish" && strings.Contains(value, "secrets."), "%s: only what publishes has a token", name)
			}
			if name == "publish" {
				assert.NotRegexp(t, `checkout|setup-`, step.Uses)
				assert.NotRegexp(t, `\b(go|make|node|npm|docker|bash|goreleaser)\s`, step.Run)
			} else {
				assert.NotRegexp(t, `--push|gh release|docker login|skopeo`, step.Run)
			}
		}
	}
	assert.Equal(t, map[string]string{"contents": "write", "packages": "write"}, release.Jobs["publish"].Permissions)
	assert.Equal(t, "bash .ci/pinned", release.Jobs["pinned"].Steps[1].Run)
	assert.Contains(t, string(file(t, ".github", "workflows", "release.yml")), "goreleaser release --clean --skip=publish")
}

// pinned runs .ci/pinned on a repository with this workflow and this Dockerfile.
func pinned(t *testing.T, workflow, dockerfile string) (says string, ok bool) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "..", ".ci", "pinned"))
	require.NoError(t, err)
	dir := t.TempDir()
	for path, text := range map[string]string{".github/workflows/release.yml": workflow, ".release/Dockerfile": dockerfile} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	out, err := exec.CommandContext(t.Context(), "bash", script, dir).CombinedOutput()
	return string(out), err == nil
}

// field: images that are not pinned by digest. The release refuses them, and actions that are not pinned by
// commit. With digests filled in, this repository passes.
func TestAReleaseRefusesWhatIsNotPinned(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // a release runs on Linux; bash may be another system's there
	}
	commit, digest := strings.Repeat("0a", 20), "@sha256:"+strings.Repeat("0a", 32)
	for refused, files := range map[string][2]string{
		"release.yml:1: actions/checkout@v5 is not pinned by its commit":         {"  - uses: actions/checkout@v5 # " + commit, ""},
		"release.yml:2: a/b@main is not pinned by its commit":                    {"#\n  - { name: x, uses: 'a/b@main' }", ""},
		"release.yml:1: a/b@" + commit[1:] + " is not pinned by its commit":      {"uses: a/b@" + commit[1:], ""},
		"release.yml:1: alpine:3 is not pinned by its digest":                    {"uses: docker://alpine:3", ""},
		"release.yml:1: node:24 is not pinned by its digest":                     {"    container: node:24", ""},
		"release.yml:1: moby/buildkit:1 is not pinned by its digest":             {"  BUILDKIT_IMAGE: moby/buildkit:1", ""},
		"Dockerfile:1: golang:1.26 is not pinned by its digest":                  {"", "FROM --platform=$BUILDPLATFORM golang:1.26 AS build"},
		"Dockerfile:2: golang is not pinned by its digest":                       {"", "FROM a" + digest + " AS build\nfrom golang"},
		"Dockerfile:1: docker/dockerfile:1 is not pinned by its digest":          {"", "# syntax=docker/dockerfile:1\nFROM a" + digest},
		"Dockerfile:2: busybox is not pinned by its digest":                      {"", "FROM scratch\nCOPY --from=busybox /bin/sh /"},
		"Dockerfile:1: golang@sha256:" + commit + " is not pinned by its digest": {"", "FROM golang@sha256:" + commit},
	} {
		says, ok := pinned(t, files[0], files[1])
		assert.False(t, ok, refused)
		assert.Contains(t, says, refused)
	}
	says, ok := pinned(t, "uses: ./.github/actions/own\n  uses: a/b/c@"+commit+" # v1.2.3\n# uses: a/b@v1", "FROM golang:1.26"+digest+" AS build\nFROM scratch\nCOPY --from=build /out /")
	assert.True(t, ok, says)

	named := regexp.MustCompile(`(?m)(_IMAGE: |^FROM (?:--\S+ )?)([^\s@]+)(?:@sha256:[0-9a-f]{64})?`)
	says, ok = pinned(t, named.ReplaceAllString(string(file(t, ".github", "workflows", "release.yml")), "${1}${2}"+digest), named.ReplaceAllString(string(file(t, ".release", "Dockerfile")), "${1}${2}"+digest))
	assert.True(t, ok, says)
	says, ok = pinned(t, named.ReplaceAllString(string(file(t, ".github", "workflows", "release.yml")), "${1}${2}"), named.ReplaceAllString(string(file(t, ".release", "Dockerfile")), "${1}${2}"))
	assert.False(t, ok)
	assert.Equal(t, 4, strings.Count(says, "is not pinned by its digest"), says)
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
