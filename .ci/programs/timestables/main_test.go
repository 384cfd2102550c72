package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tables is the directory of the committed tables.
var tables = filepath.Join("..", "..", "..", "internal", "times")

func TestReq_S1_ListIsThatOfTheRunningGo(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "zones.txt")
	require.NoError(t, writeZones(t.Context(), target))
	made, err := os.ReadFile(target)
	require.NoError(t, err)
	committed, err := os.ReadFile(filepath.Join(tables, "zones.txt"))
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

// The tables of names are not generated again here, since that needs the network.
func TestNamesComeFromTheirSources(t *testing.T) {
	t.Parallel()
	var windows windowsFile
	var aliases aliasFile
	var cities []city
	decode(t, &aliases, `{"keyword":{"u":{"tz":{"_description":"Time zone","inccu":{"_alias":"Asia/Calcutta Asia/Kolkata","_iana":"Asia/Kolkata"},"cator":{"_alias":"America/Toronto America/Montreal"},"usdet":{"_alias":"America/Detroit"}}}}}`)
	decode(t, &windows, `{"supplemental":{"windowsZones":{"mapTimezones":[
		{"mapZone":{"_other":"India Standard Time","_type":"Asia/Calcutta","_territory":"001"}},
		{"mapZone":{"_other":"India Standard Time","_type":"Asia/Calcutta Asia/Thimphu","_territory":"IN"}},
		{"mapZone":{"_other":"UTC-11","_type":"Etc/GMT+11","_territory":"001"}},{"mapZone":{"_other":"UTC","_type":"Etc/UTC","_territory":"001"}}]}}}`)
	decode(t, &cities, `[
		{"city_ascii":"Toronto","country":"Canada","iso2":"CA","province":"Ontario","timezone":"America/Montreal","pop":5000000.5},
		{"city_ascii":"Windsor","country":"Canada","iso2":"CA","province":"Ontario","timezone":"America/Detroit","pop":265000},
		{"city_ascii":"Prizren","country":"Kosovo","iso2":-99,"province":"","timezone":"Europe/Belgrade","pop":157000},
		{"city_ascii":"Nowhere","country":"Canada","iso2":"CA","province":"","timezone":null,"pop":1}]`)
	names := aliases.names()
	assert.Equal(t, "India Standard Time = Asia/Kolkata Asia/Thimphu\n", windowsTable(windows, names), "offsets and UTC are no Windows names")
	rows, countries := cityTables(cities, names)
	assert.Equal(t, "Prizren\tXK\t\tEurope/Belgrade\t157\nToronto\tCA\tOntario\tAmerica/Toronto\t5000\nWindsor\tCA\tOntario\tAmerica/Toronto\t265\n", rows, "a border city has the zone of its country")
	assert.Equal(t, "Canada = CA\nKosovo = XK\n", countries)
}

func decode(t *testing.T, v any, text string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), v))
}

// The committed tables say from which package and version they come.
func TestTheTablesNameTheirSource(t *testing.T) {
	t.Parallel()
	for file, source := range map[string]npmFile{"windows.txt": windowsZones, "cities.txt": cityMap, "countries.txt": cityMap} {
		text, err := os.ReadFile(filepath.Join(tables, file))
		require.NoError(t, err)
		first, _, _ := strings.Cut(string(text), "\n")
		assert.Equal(t, "# Generated from "+source.String()+".", first, "go generate ./internal/times")
	}
}
