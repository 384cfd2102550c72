package readme_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// command is a shell command in a document: its words, and the variables that it sets.
type command struct {
	where, text string
	words, set  []string
}

// typed returns the input of a snippet: in a transcript the lines after the prompt, else everything.
func typed(s snippet) string {
	if !strings.HasPrefix(s.text, "$ ") {
		return s.text
	}
	var lines strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(s.text, -1) {
		lines.WriteString(m[1] + "\n")
	}
	return lines.String()
}

// commands parses the shell commands of a snippet.
func commands(t *testing.T, s snippet) (all []command) {
	t.Helper()
	parsed, err := syntax.NewParser().Parse(strings.NewReader(typed(s)), s.where)
	require.NoError(t, err, s.text)
	syntax.Walk(parsed, func(n syntax.Node) bool {
		c := command{where: s.where, text: s.text}
		var set []*syntax.Assign
		switch n := n.(type) {
		case *syntax.CallExpr:
			set = n.Assigns
			for _, w := range n.Args {
				literal, err := expand.Literal(nil, w)
				require.NoError(t, err, s.text)
				c.words = append(c.words, literal)
			}
		case *syntax.DeclClause:
			set, c.words = n.Args, []string{n.Variant.Value}
		default:
			return true
		}
		for _, a := range set {
			c.set = append(c.set, a.Name.Value)
		}
		all = append(all, c)
		return true
	})
	return all
}

// checks maps each program in the documents to the check of its command line. The tests of cmd/vennio-mcp check the
// commands of vennio-mcp.
var checks = map[string]func(*testing.T, command){
	"vennio-mcp": func(*testing.T, command) {},
	"cat":        func(*testing.T, command) {},
	"export":     func(t *testing.T, c command) { assert.NotEmpty(t, c.set, c.text) },
	"make":       checkMake,
	"go":         checkGo,
	"claude":     checkAdd,
	"codex":      checkAdd,
	"curl":       func(t *testing.T, c command) { assert.Equal(t, "https://mcp.example.com/mcp", c.words[1]) }, // TestReq_D2_TheDocumentedCallOverHTTPIsAnswered sends it
	"docker":     checkDocker,
	"sha256sum":  checkSums,
	"sudo":       checkPackage,
	"brew":       checkPackage,
	"scoop":      checkPackage,
	"tar":        checkPackage,
	"cosign":     checkOrigin,
	"gh":         checkOrigin,
	"grep": func(t *testing.T, c command) {
		assert.Contains(t, c.words[1], `"kind":"approved"`, "a line of ledger export")
	},
	"tail": func(*testing.T, command) {},
	"node": func(t *testing.T, c command) { assert.NotEmpty(t, file(t, "docs", c.words[1])) },
	"rm":   func(t *testing.T, c command) { assert.Regexp(t, `/vennio-mcp$`, c.words[len(c.words)-1], c.text) },
}

func checkMake(t *testing.T, c command) {
	makefile := "\n" + string(file(t, "Makefile"))
	for _, target := range c.words[1:] {
		if name, _, variable := strings.Cut(target, "="); variable {
			assert.Regexp(t, "\n"+name+" +\\?= ", makefile, c.where)
			continue
		}
		assert.Contains(t, makefile, "\n"+target+":", "%s: make %s", c.where, target)
	}
}

// checkGo checks that the package exists, in the module that -C names.
func checkGo(t *testing.T, c command) {
	module := "."
	if c.words[2] == "-C" {
		module = c.words[3]
	}
	if at := strings.Index(c.words[2], "@"); at > 0 { // a published version
		assert.Equal(t, "github.com/vennio-mcp/vennio-mcp/cmd/vennio-mcp@v"+releaseVersion(t), c.words[2], c.where)
		return
	}
	i := slices.IndexFunc(c.words, func(w string) bool { return strings.HasPrefix(w, "./") })
	require.Positive(t, i, c.text)
	found, err := filepath.Glob(filepath.Join(root, module, c.words[i], "*.go"))
	require.NoError(t, err)
	assert.NotEmpty(t, found, "%s: %v", c.where, c.words)
}

// releaseVersion is the version that the documents name, which is that of the registry's entry.
func releaseVersion(t *testing.T) string {
	t.Helper()
	var server struct{ Version string }
	require.NoError(t, json.Unmarshal(file(t, ".release", "server.json"), &server))
	return server.Version
}

// checkPackage checks the names of packages, of the tap and of the bucket.
func checkPackage(t *testing.T, c command) {
	release, line := configuration(t), strings.Join(c.words, " ")
	tap, isTap := strings.CutPrefix(release.HomebrewCasks[0].Repository.Name, "homebrew-")
	require.True(t, isTap, "Homebrew's short name of a tap")
	file := regexp.QuoteMeta("vennio-mcp_" + releaseVersion(t) + "_linux_amd64")
	assert.Regexp(t, `^(`+strings.Join([]string{
		`sudo apt (install \./` + file + `\.deb|purge vennio-mcp)`,
		`sudo dnf (install \./` + file + `\.rpm|remove vennio-mcp)`,
		`brew (trust|install) --cask ` + release.HomebrewCasks[0].Repository.Owner + "/" + tap + `/vennio-mcp`,
		`brew untap ` + release.HomebrewCasks[0].Repository.Owner + "/" + tap,
		`brew uninstall --cask (--zap )?vennio-mcp`,
		`scoop bucket add vennio-mcp https://github\.com/` + release.Scoops[0].Repository.Owner + "/" + release.Scoops[0].Repository.Name,
		`scoop ((un)?install|bucket rm) vennio-mcp`,
		`tar -xzf ` + file + `\.tar\.gz vennio-mcp`,
	}, "|")+`)$`, line)
}

// checkOrigin checks that the commands which verify a release expect the files and the identity with which the workflow
// signs: TestAReleaseIsSignedAndItsProvenanceIsStored.
func checkOrigin(t *testing.T, c command) {
	version := regexp.QuoteMeta(releaseVersion(t))
	const repository, image = `vennio-mcp/vennio-mcp`, `ghcr\.io/vennio-mcp/vennio-mcp@sha256:DIGEST`
	identity := `--certificate-identity https://github\.com/` + repository + `/\.github/workflows/release\.yml@refs/tags/v` + version + ` --certificate-oidc-issuer https://token\.actions\.githubusercontent\.com `
	deb := `vennio-mcp_` + version + `_linux_amd64\.deb`
	assert.Regexp(t, `^(`+strings.Join([]string{
		`gh release download v` + version + ` --repo ` + repository + ` --pattern ` + deb + ` --pattern checksums\.txt --pattern checksums\.txt\.sigstore\.json`,
		`gh attestation verify (` + deb + `|oci://` + image + `) --repo ` + repository + ` --signer-workflow ` + repository + `/\.github/workflows/release\.yml --source-ref refs/tags/v` + version,
		`cosign verify-blob --bundle checksums\.txt\.sigstore\.json ` + identity + `checksums\.txt`,
		`cosign verify ` + identity + image,
	}, "|")+`)$`, strings.Join(c.words, " "))
}

// checkAdd checks that the commands of clients register the program under the name that install uses.
func checkAdd(t *testing.T, c command) {
	assert.Regexp(t, `^(`+strings.Join([]string{
		`(claude mcp add --scope user|codex mcp add) vennio -- /\S+/vennio-mcp`,
		`claude mcp add --scope user --transport http vennio https://mcp\.example\.com/mcp --header Authorization: Bearer \S*`,
		`codex mcp add vennio --url https://mcp\.example\.com/mcp --bearer-token-env-var TOKEN`,
	}, "|")+`)$`, strings.Join(c.words, " "))
}

func checkDocker(t *testing.T, c command) {
	image := ""
	for i, w := range c.words {
		switch w {
		case "-f":
			assert.NotEmpty(t, file(t, c.words[i+1]))
		case "-e":
			name, _, _ := strings.Cut(c.words[i+1], "=")
			assert.True(t, known(name), name)
		case ".", "vennio-mcp":
			image = w
		default:
			if strings.HasPrefix(w, "ghcr.io/") {
				image = w
			}
		}
	}
	switch image {
	case ".", "vennio-mcp":
		assert.Contains(t, c.text, "docker build -f .release/Dockerfile -t vennio-mcp .", "what is built is what is run")
	default: // the registry's entry names it: TestTheRegistryEntryIsValid
		name, ok := strings.CutSuffix(image, "@sha256:DIGEST")
		assert.True(t, ok, "by its digest: %s", image)
		assert.Contains(t, string(file(t, ".release", "server.json")), `"`+name+":")
	}
}

// checkSums checks the name of the checksum file.
func checkSums(t *testing.T, c command) {
	assert.Contains(t, string(file(t, ".goreleaser.yaml")), "name_template: "+c.words[len(c.words)-1]+"\n")
}

// Every command in every snippet has a check.
func TestEveryCommandOfTheDocumentsIsChecked(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, s := range snippets(t) {
		if s.language != "sh" && s.language != "console" {
			continue
		}
		all := commands(t, s)
		assert.NotEmpty(t, all, "%s: %s", s.where, s.text)
		for _, c := range all {
			for _, name := range c.set {
				evaluation := strings.Contains(string(file(t, ".ci", "programs", "eval", "main.go")), `"`+name+`"`)
				assert.True(t, known(name) || evaluation, "%s: no setting is called %s", c.where, name)
			}
			if len(c.words) == 0 {
				continue
			}
			check, ok := checks[c.words[0]]
			require.True(t, ok, "%s: say how a line of %s is checked", c.where, c.words[0])
			check(t, c)
			seen[c.words[0]]++
		}
	}
	for program := range checks {
		assert.NotZero(t, seen[program], "no document starts %s any more", program)
	}
}
