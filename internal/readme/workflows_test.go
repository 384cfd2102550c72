package readme_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workflow has the fields of a GitHub workflow that are tested.
type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Jobs        map[string]job
}

type job struct {
	Needs       any // a name or a list of names
	If          string
	Environment string
	Permissions map[string]string
	Timeout     int `yaml:"timeout-minutes"`
	Steps       []struct {
		Uses, Run string
		With      map[string]any
		Env       map[string]string
	}
}

func readWorkflow(t *testing.T, name string) (w workflow) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(file(t, ".github", "workflows", name), &w))
	return w
}

// field: actions that are not pinned by commit, input of others in shell commands, secrets in logs
func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.Len(t, paths, 3)
	for _, path := range paths {
		name := filepath.Base(path)
		raw := string(file(t, ".github", "workflows", name))
		for _, line := range regexp.MustCompile(`uses: .*`).FindAllString(raw, -1) {
			assert.Regexp(t, `^uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`, line, name)
		}
		assert.Equal(t, strings.Count(raw, "actions/checkout@"), strings.Count(raw, "persist-credentials: false"), name)
		assert.NotContains(t, raw, "pull_request_target", name)
		for title, job := range readWorkflow(t, name).Jobs {
			assert.Positive(t, job.Timeout, "%s: %s", name, title)
			for _, step := range job.Steps {
				assert.NotContains(t, step.Run, "${{", "%s: %s: values reach a command in variables", name, title)
				assert.NotRegexp(t, `set -\w*x`, step.Run, "%s: %s", name, title)
				for variable, value := range step.Env {
					if strings.Contains(value, "secrets.") {
						assert.NotRegexp(t, `(echo|printf)[^|;&\n]*\$\{?`+variable, step.Run, "%s: %s prints a secret", name, title)
					}
				}
			}
		}
	}
}

// allowed describes what a job may do. A job that can write or sign runs no code of the repository; such a job and each
// job that publishes accept only the files that the job "build" described by their hashes.
type allowed struct {
	needs       []string
	environment string
	permissions map[string]string
	secrets     []string
}

func TestJobsOfAReleaseHaveOnlyThePermissionsTheyNeed(t *testing.T) {
	t.Parallel()
	reads := map[string]string{"contents": "read"}
	const token = "${{ secrets.GITHUB_TOKEN }}"
	for name, jobs := range map[string]map[string]allowed{
		"release.yml": {
			"ready":         {permissions: map[string]string{"contents": "read", "actions": "read"}, secrets: []string{token}},
			"build":         {needs: []string{"ready"}, permissions: reads},
			"sign":          {needs: []string{"build"}, environment: "release", permissions: map[string]string{"id-token": "write", "attestations": "write"}},
			"publish-image": {needs: []string{"build"}, environment: "release", permissions: map[string]string{"packages": "write", "id-token": "write", "attestations": "write"}, secrets: []string{token}},
			"publish":       {needs: []string{"build", "sign", "publish-image"}, permissions: map[string]string{"contents": "write"}, secrets: []string{token}},
		},
		"published.yml": {
			"taps":     {environment: "taps", permissions: map[string]string{"contents": "read", "attestations": "read"}, secrets: []string{token, "${{ secrets.TAP_TOKEN }}"}},
			"registry": {permissions: map[string]string{"contents": "read", "attestations": "read", "id-token": "write"}, secrets: []string{token}},
		},
	} {
		w := readWorkflow(t, name)
		assert.Empty(t, w.Permissions, name)
		assert.ElementsMatch(t, slices.Collect(maps.Keys(jobs)), slices.Collect(maps.Keys(w.Jobs)), name)
		for title, want := range jobs {
			checkJob(t, name+": "+title, w.Jobs[title], want)
		}
	}
}

func checkJob(t *testing.T, title string, got job, want allowed) {
	t.Helper()
	assert.Equal(t, want.permissions, got.Permissions, title)
	assert.Equal(t, want.environment, got.Environment, title)
	var needs []string
	switch n := got.Needs.(type) {
	case string:
		needs = []string{n}
	case []any:
		for _, name := range n {
			needs = append(needs, name.(string))
		}
	}
	assert.Equal(t, want.needs, needs, title)
	writes := slices.Contains(slices.Collect(maps.Values(want.permissions)), "write")
	verified := false
	for _, step := range got.Steps {
		for _, value := range step.Env {
			assert.True(t, !strings.Contains(value, "secrets.") || slices.Contains(want.secrets, value), "%s: %s", title, value)
		}
		if !writes && want.environment == "" {
			assert.NotRegexp(t, `--push|gh release (create|delete|upload|edit)|docker login|skopeo|cosign`, step.Run, title)
			continue
		}
		assert.NotContains(t, step.Uses, "checkout", title)
		assert.NotRegexp(t, `(^|\s)(make|node|npm|bash|goreleaser|go run|\./\S+)\s`, step.Run, title)
		if strings.Contains(step.Run, `echo "$SUMS" | sha256sum --check --strict && sha256sum --check`) || strings.Contains(step.Run, "gh attestation verify") {
			verified = true
		}
		if regexp.MustCompile(`cosign sign|skopeo copy|gh release create|--method PUT|" publish `).MatchString(step.Run) || strings.Contains(step.Uses, "attest-") {
			assert.True(t, verified, "%s uses files that it has not verified", title)
		}
	}
}

// What the workflow signs is what the documentation verifies: checkCosign and checkGh in commands_test.go compare the commands.
func TestAReleaseIsSignedAndItsProvenanceIsStored(t *testing.T) {
	t.Parallel()
	release := readWorkflow(t, "release.yml")
	assert.Equal(t, map[string]any{"push": map[string]any{"tags": []any{"v*"}}}, release.On)
	commands := func(name string) (all string, attested map[string]any) {
		for _, step := range release.Jobs[name].Steps {
			all += step.Run + "\n"
			if strings.HasPrefix(step.Uses, "actions/attest-build-provenance@") {
				attested = step.With
			}
		}
		return all, attested
	}
	build, _ := commands("build")
	assert.Contains(t, build, "make packages\n")
	assert.Contains(t, string(file(t, "Makefile")), "goreleaser release --clean --skip=publish\n")
	for _, kind := range []string{"dist/*.tar.gz", "dist/*.zip", "dist/*.deb", "dist/*.rpm", "dist/*.cdx.json", "dist/checksums.txt", "mcpb/*.mcpb", "server.json", "dist/homebrew/Casks/vennio-mcp.rb", "dist/scoop/bucket/vennio-mcp.json"} {
		assert.Contains(t, build, " "+kind+" ")
	}
	assert.Contains(t, build, "sha256sum image.tar notes.md files/* >sums")
	sign, attested := commands("sign")
	assert.Contains(t, sign, "cosign sign-blob --yes --bundle signature/checksums.txt.sigstore.json files/checksums.txt\n")
	assert.Equal(t, map[string]any{"subject-path": "files/*"}, attested)
	image, attested := commands("publish-image")
	assert.Contains(t, image, `cosign sign --yes "ghcr.io/$GITHUB_REPOSITORY@$DIGEST"`)
	assert.Contains(t, image, "--preserve-digests oci-archive:image.tar")
	assert.Equal(t, map[string]any{"subject-name": "ghcr.io/${{ github.repository }}", "subject-digest": "${{ needs.build.outputs.digest }}", "push-to-registry": true}, attested)
	publish, _ := commands("publish")
	assert.Contains(t, publish, " --draft --verify-tag ")
	assert.Contains(t, publish, " --notes-file notes.md files/* signature/*\n")
	assert.Equal(t, "bash .ci/pinned", release.Jobs["ready"].Steps[1].Run)
	assert.Equal(t, `bash .ci/release/notes "${GITHUB_REF_NAME#v}"`, release.Jobs["ready"].Steps[2].Run)
	published := readWorkflow(t, "published.yml")
	assert.Equal(t, map[string]any{"release": map[string]any{"types": []any{"published"}}}, published.On)
	for name, job := range published.Jobs {
		assert.Equal(t, "${{ !github.event.release.prerelease }}", job.If, name)
	}
}

// repository writes the files of a repository into a new folder.
func repository(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	syscall.ForkLock.RLock() // a process that another test starts meanwhile would hold a program open for writing: "text file busy"
	defer syscall.ForkLock.RUnlock()
	for path, text := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// script runs a script of .ci, with variables in addition to those of the test.
func script(t *testing.T, variables []string, words ...string) (says string, ok bool) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", ".ci", filepath.FromSlash(words[0])))
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), "bash", append([]string{path}, words[1:]...)...)
	c.Env = append(os.Environ(), variables...)
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

// pinned runs .ci/pinned on a repository with this workflow and this Dockerfile.
func pinned(t *testing.T, workflow, dockerfile string) (says string, ok bool) {
	t.Helper()
	return script(t, nil, "pinned", repository(t, map[string]string{".github/workflows/release.yml": workflow, ".release/Dockerfile": dockerfile}))
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
	assert.Equal(t, 4, strings.Count(says, "is not pinned by its digest: run .ci/pinned --fill"), says)
}

// .ci/pinned --fill writes the digests that docker prints into both files, also over older digests, after which the
// release accepts them.
func TestTheDigestsOfImagesAreFilledIn(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // a release runs on Linux; bash may be another system's there
	}
	old, present := "@sha256:"+strings.Repeat("0a", 32), "@sha256:"+strings.Repeat("1b", 32)
	release, dockerfile := string(file(t, ".github", "workflows", "release.yml")), string(file(t, ".release", "Dockerfile"))
	dir := repository(t, map[string]string{
		".github/workflows/release.yml": release,
		".release/Dockerfile":           strings.Replace(dockerfile, "golang:1.26 ", "golang:1.26"+old+" ", 1),
		"bin/docker":                    "#!/bin/sh\n[ \"$1 $2 $3 $5\" = 'buildx imagetools inspect --format' ] && case $4 in *@*) false ;; *) echo " + present[1:] + " ;; esac\n",
	})
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "docker"), 0o700)) // #nosec G302 -- a program
	says, ok := script(t, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}, "pinned", "--fill", dir)
	require.True(t, ok, says)
	says, ok = script(t, nil, "pinned", dir)
	assert.True(t, ok, says)
	for path, before := range map[string]string{".github/workflows/release.yml": release, ".release/Dockerfile": dockerfile} {
		after, err := os.ReadFile(filepath.Join(dir, path)) // #nosec G304 -- a file of this test
		require.NoError(t, err)
		assert.Equal(t, 2, strings.Count(string(after), present), path)
		assert.Equal(t, regexp.MustCompile(`@sha256:[0-9a-f]{64}`).ReplaceAllString(before, ""), strings.ReplaceAll(string(after), present, ""), "nothing else changes")
	}
}

// A release has a dated section in the changelog and one version in all files; its notes are that section.
func TestAReleaseRefusesWhatIsNotReady(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // a release runs on Linux; bash may be another system's there
	}
	files := map[string]string{
		"CHANGELOG.md":                "# Changelog\n\n## [Unreleased]\n\nlater\n\n## [0.1.0] - 2026-12-24\n\nnotes\n\n## [0.0.9] - 2026-01-01\n\nearlier\n",
		".release/server.json":        string(file(t, ".release", "server.json")),
		".release/mcpb/manifest.json": string(file(t, ".release", "mcpb", "manifest.json")),
		"README.md":                   "",
		"docs/install.md":             "",
	}
	digest := "sha256:" + strings.Repeat("0a", 32)
	notes := func(path, text string) (string, bool) {
		changed := maps.Clone(files)
		if path != "" {
			changed[path] = text
		}
		return script(t, []string{"REPOSITORY=" + repository(t, changed)}, "release/notes", "0.1.0", digest)
	}
	says, ok := notes("", "")
	require.True(t, ok, says)
	assert.Contains(t, says, "notes\n")
	assert.Contains(t, says, "@"+digest)
	assert.NotRegexp(t, "later|earlier", says)
	for reason, change := range map[string][2]string{
		"write the day of the release":                    {"CHANGELOG.md", "## [0.1.0] - unreleased\n\nnotes\n"},
		"CHANGELOG.md is empty":                           {"CHANGELOG.md", "## [0.1.0] - 2026-12-24\n\n## [0.0.9] - 2026-01-01\n"},
		".release/server.json has another version":        {".release/server.json", strings.ReplaceAll(files[".release/server.json"], "0.1.0", "0.2.0")},
		".release/server.json names an image of another":  {".release/server.json", strings.ReplaceAll(files[".release/server.json"], "vennio-mcp:0.1.0", "vennio-mcp:0.2.0")},
		".release/mcpb/manifest.json has another version": {".release/mcpb/manifest.json", strings.ReplaceAll(files[".release/mcpb/manifest.json"], "0.1.0", "0.2.0")},
		"No release has been published yet: remove":       {"docs/install.md", ""},
	} {
		if change[1] == "" {
			change[1], reason = "No release has been published yet: wait.\n", "remove the sentence above"
		}
		says, ok := notes(change[0], change[1])
		assert.False(t, ok, reason)
		assert.Contains(t, says, reason)
	}
}

// field: a workflow that runs again for the same tag, and versions such as 0.2.0-rc.1. The step runs with a program in
// the place of gh, which records its arguments and answers whether the release exists and is a draft.
func TestAPublishedReleaseIsNeverReplaced(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // a release runs on Linux; bash may be another system's there
	}
	release := readWorkflow(t, "release.yml")
	steps := map[string]string{}
	for _, name := range []string{"ready", "publish"} {
		of := release.Jobs[name].Steps
		steps[name] = of[len(of)-1].Run
	}
	for _, c := range []struct {
		job, tag, draft, passed string
		calls                   []string // in addition to the queries
		ok                      bool
	}{
		{"ready", "v0.2.0", "none", "1", nil, true},
		{"ready", "v0.2.0", "true", "1", nil, true},
		{"ready", "v0.2.0", "false", "1", nil, false},
		{"ready", "v0.2.0", "none", "0", nil, false},
		{"publish", "v0.2.0", "none", "", []string{"release create v0.2.0 --draft --verify-tag --title"}, true},
		{"publish", "v0.2.0", "true", "", []string{"release delete v0.2.0 --yes", "release create v0.2.0 --draft --verify-tag --title"}, true},
		{"publish", "v0.2.0", "false", "", nil, false},
		{"publish", "v0.2.0-rc.1", "none", "", []string{"release create v0.2.0-rc.1 --draft --verify-tag --prerelease --title"}, true},
	} {
		dir := repository(t, map[string]string{
			"bin/gh":  "#!/bin/sh\ncase \"$1 $2\" in\n'run list') echo " + c.passed + " ;;\n'release view') [ " + c.draft + " != none ] && echo " + c.draft + " ;;\n*) echo \"$*\" >>\"$CALLS\" ;;\nesac\n",
			"bin/git": "#!/bin/sh\necho 0a0a\n",
			"calls":   "",
			"step":    steps[c.job],
		})
		for _, name := range []string{"gh", "git"} {
			require.NoError(t, os.Chmod(filepath.Join(dir, "bin", name), 0o700)) // #nosec G302 -- a program
		}
		run := exec.CommandContext(t.Context(), "bash", "-e", "step") // as GitHub runs a step
		run.Dir = dir
		run.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "CALLS=calls", "GITHUB_REF_NAME="+c.tag)
		said, err := run.CombinedOutput()
		assert.Equal(t, c.ok, err == nil, "%+v: %s", c, said)
		raw, err := os.ReadFile(filepath.Join(dir, "calls")) // #nosec G304 -- a file of this test
		require.NoError(t, err)
		calls := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
		if c.calls == nil {
			assert.Empty(t, string(raw), "%+v", c)
			continue
		}
		require.Len(t, calls, len(c.calls), "%+v: %s", c, raw)
		for i, want := range c.calls {
			assert.True(t, strings.HasPrefix(calls[i], want), "%+v: %s", c, calls[i])
		}
	}
}
