// Command gen writes zones.txt, the names that package times accepts, from the
// time zone data that the Go toolchain carries (lib/time/zoneinfo.zip in GOROOT).
// Run it with "go generate" in the folder above.
package main

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(context.Background(), "zones.txt"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, target string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	names, err := list(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return err
	}
	return os.WriteFile(target, []byte(names), 0o600)
}

// list gives the accepted names in the zip at path, sorted, one a line.
func list(path string) (string, error) {
	data, err := zip.OpenReader(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = data.Close() }()
	var names []string
	for _, f := range data.File {
		if accepted(f.Name) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, "\n") + "\n", nil
}

// fixedOffset matches Etc/GMT+5 and its like: offsets in the dress of a zone, with the sign turned round.
var fixedOffset = regexp.MustCompile(`^Etc/GMT[-+0]`)

// notPlaces are the names without an area that say a clock and not a place (the files
// "northamerica", "europe", "etcetera" and "factory" of tzdata). Every other name without an area is a country.
var notPlaces = []string{
	"CET", "CST6CDT", "EET", "EST", "EST5EDT", "Factory", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich",
	"HST", "MET", "MST", "MST7MDT", "PST8PDT", "UCT", "Universal", "WET", "Zulu",
}

func accepted(name string) bool {
	isFolder := strings.HasSuffix(name, "/")
	return !isFolder && !fixedOffset.MatchString(name) && !slices.Contains(notPlaces, name)
}
