package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBar_S1_ListIsThatOfTheRunningGo(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "zones.txt")
	require.NoError(t, run(t.Context(), target))
	made, err := os.ReadFile(target)
	require.NoError(t, err)
	committed, err := os.ReadFile(filepath.Join("..", "zones.txt"))
	require.NoError(t, err)
	assert.Equal(t, string(made), string(committed), "the zone data has changed: go generate ./internal/times")
}

func TestListWithoutDataIsAnError(t *testing.T) {
	t.Parallel()
	_, err := list(filepath.Join(t.TempDir(), "zoneinfo.zip"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Europe/London": true, "America/Argentina/Buenos_Aires": true, "US/Pacific": true,
		"UTC": true, "Etc/UTC": true, "Etc/GMT": true, "Japan": true, "NZ-CHAT": true,
		"Etc/GMT+5": false, "Etc/GMT-14": false, "Etc/GMT0": false,
		"EST": false, "EST5EDT": false, "CET": false, "GMT": false, "Factory": false, "Europe/": false,
	} {
		assert.Equal(t, want, accepted(name), name)
	}
}
