// Command readme writes the generated parts of the documents between their markers: the tool table
// and the install buttons of README.md, and docs/reference/settings.md. With -check it only reports
// whether they are up to date.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

func main() {
	check := flag.Bool("check", false, "change nothing; fail where something is out of date")
	root := flag.String("root", ".", "the root of the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

// generated are the parts of each document, by the names in their markers.
func generated() map[string]map[string]string {
	return map[string]map[string]string{
		"README.md":                  {"tools": Tools(), "buttons": Buttons()},
		"docs/reference/settings.md": {"settings": Settings()},
	}
}

func run(root string, check bool) error {
	for file, parts := range generated() {
		path := filepath.Join(root, filepath.FromSlash(file))
		old, err := os.ReadFile(path) //nolint:gosec // G304: named by whoever runs it
		if err != nil {
			return err
		}
		text := string(old)
		for name, part := range parts {
			if text, err = replace(text, name, part); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		switch {
		case string(old) == text:
			continue
		case check:
			return fmt.Errorf("the generated parts of %s are out of date: run make docs", file)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // G306: a document to be read
			return err
		}
	}
	return nil
}

// replace puts part between <!-- begin name --> and <!-- end name -->.
func replace(text, name, part string) (string, error) {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the markers of %s are missing", name)
	}
	return before + begin + part + end + after, nil
}

// Tools is the table of the catalogue.
func Tools() string {
	var b strings.Builder
	b.WriteString("| tool | does | reads or writes | arguments (required in bold) |\n|---|---|---|---|\n")
	for _, t := range tools.Catalog(tools.Deps{}) {
		does, _, _ := strings.Cut(t.Description, ". ")
		effect := "writes, with consent"
		if *t.Annotations.ReadOnlyHint {
			effect = "reads"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", t.Name, does, effect, strings.Join(arguments(t.RawInputSchema), ", "))
	}
	return b.String()
}

// Settings is the table of the settings.
func Settings() string {
	var b strings.Builder
	b.WriteString("| environment | flag | default | what |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", strings.Join(s.Env, "`, `"), code("--", s.Flag), code("", s.Default), s.Help)
	}
	return b.String()
}

func code(prefix, s string) string {
	if s == "" {
		return ""
	}
	return "`" + prefix + s + "`"
}
