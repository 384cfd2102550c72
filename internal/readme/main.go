// Command readme writes the generated parts of README.md: the tool table, the
// settings and the install buttons, between their markers. With -check it only
// tells whether they are up to date.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

func main() {
	check := flag.Bool("check", false, "change nothing; fail where something is out of date")
	file := flag.String("file", "README.md", "the file")
	flag.Parse()
	if err := run(*file, *check); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(file string, check bool) error {
	old, err := os.ReadFile(file) //nolint:gosec // G304: named by whoever runs it
	if err != nil {
		return err
	}
	text := string(old)
	for name, part := range map[string]string{"tools": Tools(), "settings": Settings(), "buttons": Buttons()} {
		if text, err = replace(text, name, part); err != nil {
			return err
		}
	}
	switch {
	case bytes.Equal(old, []byte(text)):
		return nil
	case check:
		return errors.New("the generated parts of README.md are out of date: run make docs")
	}
	return os.WriteFile(file, []byte(text), 0o644) //nolint:gosec // G306: a document to be read
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
