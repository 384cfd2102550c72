package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpclients"
	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// skillsArgument installs or uninstalls the skills instead of the entry of a client.
const skillsArgument = "skills"

// signature is the last line of an installed SKILL.md. It contains the SHA-256 of the lines above, which
// shows whether a person has edited the file since. signatureForm matches that of every version.
const signature = "<!-- Installed by vennio-mcp, which updates and removes this file as long as it is unchanged: sha256:%s -->\n"

var signatureForm = lazyregexp.New(`<!-- Installed by vennio-mcp\b.* sha256:([0-9a-f]{64}) -->\n$`)

// skillFile is the SKILL.md of one skill in the folder of an agent.
type skillFile struct {
	path     string
	old, new []byte // nil: there is no file
	edited   bool   // a person has changed the file, which therefore stays
}

// state names what happens to the file; empty if there is none and none is wanted.
func (f skillFile) state() string {
	switch {
	case f.edited:
		return "kept"
	case f.old == nil && f.new == nil:
		return ""
	case f.old == nil:
		return "new"
	case f.new == nil:
		return "removed"
	case bytes.Equal(f.old, f.new):
		return "unchanged"
	default:
		return "updated"
	}
}

func (f skillFile) apply() error {
	dir := filepath.Dir(f.path)
	switch f.state() {
	case "new":
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: as readable as the rest of the folder
			return err
		}
		return files.Create(f.path, f.new, 0o644)
	case "updated":
		return files.Replace(f.path, f.new, 0o644)
	case "removed":
		err := os.Remove(f.path)
		if info, failed := os.Lstat(dir); failed == nil && info.IsDir() { // not a person's link to a folder
			_ = os.Remove(dir) // it stays if a person has put something else there
		}
		return err
	}
	return nil
}

// signed returns a SKILL.md with the signature.
func signed(text string) []byte {
	text += "\n"
	sum := sha256.Sum256([]byte(text))
	return []byte(text + fmt.Sprintf(signature, hex.EncodeToString(sum[:])))
}

// isInstalled reports whether this program, in whatever version, wrote a SKILL.md, and whether it was edited
// since.
func isInstalled(raw []byte) (ours, edited bool) {
	at := signatureForm().FindSubmatchIndex(raw)
	if at == nil {
		return false, false
	}
	sum := sha256.Sum256(raw[:at[0]])
	return true, hex.EncodeToString(sum[:]) != string(raw[at[2]:at[3]])
}

// skillsFolder returns the folder in which an agent looks for skills: the one given, or that of Claude Code.
func (p program) skillsFolder(given string) (string, error) {
	if given != "" {
		return absolute(given, p.getenv)
	}
	here := mcpclients.Here(p.getenv)
	if here.Home == "" {
		return "", errNoHome
	}
	return here.Skills(), nil
}

// notFolder returns the part of a path that is not a folder, for example a file or a link that leads nowhere;
// empty if the folder exists or can be made.
func notFolder(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return ""
	}
	if _, err := os.Lstat(path); err == nil {
		return path
	}
	if up := filepath.Dir(path); up != path {
		return notFolder(up)
	}
	return ""
}

// skillFiles compares the wanted skills with the files in the folder. It returns an error if a file that
// this program did not write, or that was changed since, is where a wanted skill belongs.
func skillFiles(folder string, wanted []prompts.Skill) (all []skillFile, err error) {
	var foreign []string
	for _, name := range prompts.SkillNames {
		f := skillFile{path: filepath.Join(folder, name, "SKILL.md")}
		if i := slices.IndexFunc(wanted, func(s prompts.Skill) bool { return s.Name == name }); i >= 0 {
			f.new = signed(wanted[i].Text())
		}
		if blocked := notFolder(filepath.Dir(f.path)); blocked != "" {
			if f.new != nil && !slices.Contains(foreign, blocked) {
				foreign = append(foreign, blocked)
			}
			continue
		}
		info, err := os.Lstat(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			all = append(all, f)
			continue
		case err != nil:
			return nil, err
		}
		if info.Mode().IsRegular() && info.Size() < 1<<20 {
			if f.old, err = os.ReadFile(f.path); err != nil {
				return nil, err
			}
		}
		ours, edited := isInstalled(f.old)
		switch {
		case f.new != nil && (edited || !ours):
			foreign = append(foreign, f.path)
		case ours:
			f.edited = edited
			all = append(all, f)
		}
	}
	if len(foreign) > 0 {
		return nil, fmt.Errorf("not written by this program, or changed since: %s. Move it elsewhere, then run this again; nothing was changed", strings.Join(foreign, ", "))
	}
	return all, nil
}

// installSkills writes the skills that fit the settings, and removes those of an earlier run that do not.
func (p program) installSkills(c *cobra.Command, at placed) error {
	if c.Flags().Changed("name") || c.Flags().Changed("key-file") {
		return usageError{errors.New("--name and --key-file are for clients, not for skills")}
	}
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	names := tools.Names(tools.Catalog(tools.Deps{Selection: cfg.Tools}))
	changed, err := p.placeSkills(at, prompts.Skills(names, cfg.Consent))
	if err != nil || !changed {
		return err
	}
	_, err = fmt.Fprintln(p.out, "Start the agent again, so that it finds them. They need this server: vennio-mcp install CLIENT adds it.")
	return err
}

// uninstallSkills removes the skills, except for files that a person has changed.
func (p program) uninstallSkills(c *cobra.Command, at placed) error {
	if c.Flags().Changed("name") {
		return usageError{errors.New("--name is for clients, not for skills")}
	}
	_, err := p.placeSkills(at, nil)
	return err
}

// placeSkills makes the folder contain these skills and no other of this program, and prints what it does.
func (p program) placeSkills(at placed, wanted []prompts.Skill) (changed bool, err error) {
	folder, err := p.skillsFolder(at.folder)
	if err != nil {
		return false, err
	}
	all, err := skillFiles(folder, wanted)
	if err != nil {
		return false, err
	}
	for _, f := range all {
		state := f.state()
		if state == "" {
			continue
		}
		if !at.dry {
			if err := f.apply(); err != nil {
				return changed, err
			}
		}
		changed = changed || state != "unchanged" && state != "kept"
		_, _ = fmt.Fprintf(p.out, "  %-9s %s\n", state, f.path)
	}
	if at.dry || !changed {
		_, err := fmt.Fprintln(p.out, "Nothing was changed.")
		return false, err
	}
	return true, nil
}
