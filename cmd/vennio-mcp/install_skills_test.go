package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/prompts"
)

// req: P11
func TestReq_P11_SkillsAreInstalledOnceAndTwiceAndAway(t *testing.T) {
	t.Parallel()
	for place, folder := range map[string]string{"": ".claude/skills", "CLAUDE_CONFIG_DIR": "elsewhere/skills", "--dir": "project/.agents/skills"} {
		d := newLaptop(t)
		extra := []string{}
		switch place {
		case "CLAUDE_CONFIG_DIR":
			d.env[place] = filepath.Join(d.home, "elsewhere")
		case "--dir":
			extra = []string{"--dir", "~/project/.agents/skills"}
		}
		run := func(args ...string) string {
			code, out, errs := d.run(append(args, extra...)...)
			require.Zero(t, code, errs)
			return out
		}
		assert.Contains(t, run("install", "skills", "--dry-run"), "Nothing was changed.")
		assert.Empty(t, d.files())
		assert.Equal(t, 3, strings.Count(run("install", "skills"), "  new "))
		first := d.files()
		require.Len(t, first, 3)
		for path, text := range first {
			name := filepath.Base(filepath.Dir(path))
			assert.Contains(t, prompts.SkillNames, name)
			assert.Equal(t, filepath.Join(d.home, filepath.FromSlash(folder), name, "SKILL.md"), path)
			front, _, _ := strings.Cut(strings.TrimPrefix(text, "---\n"), "\n---\n")
			var read map[string]string
			require.NoError(t, yaml.Unmarshal([]byte(front), &read))
			assert.Equal(t, name, read["name"])
		}
		assert.Contains(t, run("install", "skills"), "Nothing was changed.")
		assert.Equal(t, first, d.files())

		// With other settings the files follow.
		assert.Equal(t, 2, strings.Count(run("install", "skills", "--read-only"), "  removed "))
		assert.Len(t, d.files(), 1)
		run("install", "skills", "--consent", "human")
		assert.Contains(t, strings.Join(slices.Collect(maps.Values(d.files())), ""), "Your word is not enough")
		assert.Equal(t, 3, strings.Count(run("uninstall", "skills", "--dry-run"), "  removed "))
		assert.Len(t, d.files(), 3)
		run("uninstall", "skills")
		assert.Empty(t, d.files())
		left, err := os.ReadDir(filepath.Join(d.home, filepath.FromSlash(folder)))
		require.NoError(t, err)
		assert.Empty(t, left)
		assert.Contains(t, run("uninstall", "skills"), "Nothing was changed.")
	}
}

// A skill of that name may be the person's, or they may have edited ours, or it may be a link into a
// repository of theirs.
//
// req: P11
// field: skill that a person wrote or changed
func TestReq_P11_NoFileOfAPersonIsOverwritten(t *testing.T) {
	t.Parallel()
	const path = ".claude/skills/review-the-day/SKILL.md"
	for name, change := range map[string]func(*laptop){
		"their own":    func(d *laptop) { d.write(path, "---\nname: review-the-day\n---\nMine.", 0o600) },
		"empty":        func(d *laptop) { d.write(path, "", 0o600) },
		"edited":       func(d *laptop) { d.edit(path, "Use list_bookings", "First greet me. Use list_bookings") },
		"appended":     func(d *laptop) { d.edit(path, "-->\n", "-->\nMore.\n") },
		"signed again": func(d *laptop) { d.edit(path, "sha256:", "sha256:0") },
		"other ends":   func(d *laptop) { d.edit(path, "\n", "\r\n") },
		"a link": func(d *laptop) {
			mine := d.write("dotfiles/SKILL.md", "Mine.", 0o600)
			d.write(path, "", 0o600)
			require.NoError(t, os.Remove(filepath.Join(d.home, path)))
			require.NoError(t, os.Symlink(mine, filepath.Join(d.home, path)))
		},
	} {
		d := newLaptop(t)
		code, _, errs := d.run("install", "skills")
		require.Zero(t, code, errs)
		change(d)
		before := d.files()
		for _, args := range [][]string{{"install", "skills"}, {"install", "skills", "--consent", "human"}, {"install", "skills", "--dry-run"}} {
			code, _, errs = d.run(args...)
			assert.Equal(t, 1, code, name)
			assert.Contains(t, errs, filepath.FromSlash(path), name)
			assert.Contains(t, errs, "nothing was changed", name)
			assert.Equal(t, before, d.files(), name)
		}
		code, out, errs := d.run("uninstall", "skills")
		require.Zero(t, code, errs)
		left := d.files()
		assert.Equal(t, before[filepath.Join(d.home, path)], left[filepath.Join(d.home, path)], name)
		assert.Equal(t, name == "edited", strings.Contains(out, "kept"), "%s: %s", name, out)
		assert.Equal(t, 2, strings.Count(out, "removed"), name)
	}
}

// edit changes a file as a person would.
func (d *laptop) edit(path, old, changed string) {
	d.t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.home, path))
	require.NoError(d.t, err)
	require.Contains(d.t, string(raw), old)
	d.write(path, strings.ReplaceAll(string(raw), old, changed), 0o600)
}

// field: skill folder that is a link, a file, or leads nowhere
func TestReq_P11_TheFoldersOfAPersonStay(t *testing.T) {
	t.Parallel()
	const skill = ".claude/skills/schedule-a-meeting"
	d := newLaptop(t)
	notes := d.write("dotfiles/schedule/notes.md", "Mine.", 0o600)
	link := filepath.Join(d.home, skill)
	require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
	require.NoError(t, os.Symlink(filepath.Dir(notes), link))
	for _, command := range []string{"install", "uninstall"} {
		code, _, errs := d.run(command, "skills")
		require.Zero(t, code, errs)
	}
	target, err := os.Readlink(link)
	require.NoError(t, err)
	left, err := os.ReadDir(target)
	require.NoError(t, err)
	assert.Len(t, left, 1, "the person's file")

	for name, block := range map[string]func(d *laptop) (path string){
		"a file": func(d *laptop) string { return d.write(skill, "Mine.", 0o600) },
		"a link that leads nowhere": func(d *laptop) string {
			path := filepath.Join(d.home, skill)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.Symlink(filepath.Join(d.home, "nowhere"), path))
			return path
		},
		"a file in place of all skills":     func(d *laptop) string { return d.write(".claude/skills", "Mine.", 0o600) },
		"a file in place of the parent":     func(d *laptop) string { return d.write(".claude", "Mine.", 0o600) },
		"a folder in place of the SKILL.md": func(d *laptop) string { return filepath.Dir(d.write(skill+"/SKILL.md/x", "Mine.", 0o600)) },
	} {
		d := newLaptop(t)
		path := block(d)
		for _, args := range [][]string{{"install", "skills"}, {"install", "skills", "--dry-run"}} {
			code, _, errs := d.run(args...)
			assert.Equal(t, 1, code, name)
			assert.Contains(t, errs, path+". Move it elsewhere", name)
			assert.Contains(t, errs, "nothing was changed", name)
		}
		code, out, errs := d.run("uninstall", "skills")
		assert.Zero(t, code, errs)
		assert.Contains(t, out, "Nothing was changed.", name)
		_, err := os.Lstat(path)
		assert.NoError(t, err, name)
	}
}

func TestSkillsTakeNoFlagsOfClients(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"are for clients":             {"install", "skills", "--name", "x"},
		"--key-file are for":          {"install", "skills", "--key-file", "x"},
		"--name is for clients":       {"uninstall", "skills", "--name", "x"},
		"--dir is for skills":         {"install", "cursor", "--dir", "x"},
		"--dir is for skills: the se": {"uninstall", "cursor", "--dir", "x"},
		"did you mean skills?":        {"install", "skils"},
	} {
		d := newLaptop(t)
		code, _, errs := d.run(args...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, errs, want)
		assert.Empty(t, d.files())
	}
	d := newLaptop(t)
	delete(d.env, "HOME")
	code, _, errs := d.run("install", "skills")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "set HOME")
}
