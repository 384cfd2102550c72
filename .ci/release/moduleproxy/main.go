// Command moduleproxy writes the committed state of a Go module as a folder that GOPROXY=file://FOLDER can serve, with
// the same rules for files and names as the public module proxy, so that `go install MODULE@VERSION` can be tried before
// a version is published.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "want: moduleproxy REPOSITORY VERSION FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "moduleproxy:", err)
		os.Exit(1)
	}
}

// write adds the version to the folder. The layout is that of https://go.dev/ref/mod#goproxy-protocol.
func write(repository, version, folder string) (err error) {
	text, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	if err != nil {
		return err
	}
	file, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return err
	}
	if len(file.Replace)+len(file.Exclude) > 0 {
		return errors.New("go.mod has replace or exclude directives: go install MODULE@VERSION rejects them")
	}
	escaped, err := module.EscapePath(file.Module.Mod.Path)
	if err != nil {
		return err
	}
	base := filepath.Join(folder, filepath.FromSlash(escaped), "@v", version)
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return err
	}
	info := fmt.Sprintf("{%q:%q,%q:%q}\n", "Version", version, "Time", time.Now().UTC().Format(time.RFC3339))
	if err := errors.Join(
		os.WriteFile(filepath.Join(filepath.Dir(base), "list"), []byte(version+"\n"), 0o644),
		os.WriteFile(base+".info", []byte(info), 0o644),
		os.WriteFile(base+".mod", text, 0o644),
	); err != nil {
		return err
	}
	archive, err := os.Create(base + ".zip")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	return zip.CreateFromVCS(archive, module.Version{Path: file.Module.Mod.Path, Version: version}, repository, "HEAD", "")
}
