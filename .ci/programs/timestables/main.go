// Command timestables writes the generated tables of internal/times into the directory that is its
// argument. Run it with "go generate ./internal/times". It reads two sources:
//
//   - zones.txt: the time zone data that the Go toolchain carries (lib/time/zoneinfo.zip in GOROOT).
//   - windows.txt, cities.txt and countries.txt: pinned npm packages, which npm downloads.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: timestables DIRECTORY")
		os.Exit(2)
	}
	ctx, dir := context.Background(), os.Args[1]
	err := writeZones(ctx, filepath.Join(dir, "zones.txt"))
	if err == nil {
		err = writeNames(ctx, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "timestables:", err)
		os.Exit(1)
	}
}

func writeZones(ctx context.Context, target string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	names, err := list(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return err
	}
	return os.WriteFile(target, []byte(names), 0o600) //nolint:gosec // G703: the directory is an argument
}

// list returns the accepted names in the zip at path, sorted, one per line.
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

// fixedOffset matches Etc/GMT+5 and the like: offsets written as zone names, with the sign inverted.
var fixedOffset = regexp.MustCompile(`^Etc/GMT[-+0]`)

// notPlaces are the names without an area that denote a clock and not a place (the files
// "northamerica", "europe", "etcetera" and "factory" of tzdata). Every other name without an area is a country.
var notPlaces = []string{
	"CET", "CST6CDT", "EET", "EST", "EST5EDT", "Factory", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich",
	"HST", "MET", "MST", "MST7MDT", "PST8PDT", "UCT", "Universal", "WET", "Zulu",
}

func accepted(name string) bool {
	isFolder := strings.HasSuffix(name, "/")
	return !isFolder && !fixedOffset.MatchString(name) && !slices.Contains(notPlaces, name)
}

// npmFile is a JSON file of a pinned npm package.
type npmFile struct{ name, version, path string }

func (f npmFile) String() string { return f.name + " " + f.version + ", " + f.path }

var (
	windowsZones = npmFile{"cldr-core", "48.2.0", "supplemental/windowsZones.json"} // Unicode License v3
	zoneAliases  = npmFile{"cldr-bcp47", "48.2.0", "bcp47/timezone.json"}           // Unicode License v3
	cityMap      = npmFile{"city-timezones", "1.3.4", "data/cityMap.json"}          // MIT License
)

// read downloads the package with npm and decodes the file into v.
func (f npmFile) read(ctx context.Context, v any) error {
	dir, err := os.MkdirTemp("", "vennio-mcp-timestables-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, f.name+"@"+f.version) //nolint:gosec // G204: the packages are constants
	pack.Stderr = os.Stderr
	if err := pack.Run(); err != nil {
		return fmt.Errorf("npm pack %s: %w", f, err)
	}
	archive, err := os.Open(filepath.Join(dir, f.name+"-"+f.version+".tgz")) //nolint:gosec // G304: written by npm above
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	return readTar(archive, "package/"+f.path, v)
}

func readTar(archive io.Reader, path string, v any) error {
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(plain)
	for {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if header.Name == path {
			return json.NewDecoder(files).Decode(v)
		}
	}
}

func writeNames(ctx context.Context, dir string) error {
	var windows windowsFile
	var aliases aliasFile
	var cities []city
	for _, source := range []struct {
		file npmFile
		into any
	}{{windowsZones, &windows}, {zoneAliases, &aliases}, {cityMap, &cities}} {
		if err := source.file.read(ctx, source.into); err != nil {
			return err
		}
	}
	names := aliases.names()
	rows, countries := cityTables(cities, names)
	for file, text := range map[string]string{
		"windows.txt":   "# Generated from " + windowsZones.String() + ".\n" + windowsTable(windows, names),
		"cities.txt":    "# Generated from " + cityMap.String() + ".\n" + rows,
		"countries.txt": "# Generated from " + cityMap.String() + ".\n" + countries,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil { //nolint:gosec // G703: the directory is an argument
			return err
		}
	}
	return nil
}
