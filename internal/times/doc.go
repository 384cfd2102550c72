// Package times does the calendar arithmetic, so that the model does none.
//
// It has three parts, and every sentence it makes is part of the interface with the model:
//
//   - Zones. [Zone] accepts the names of the IANA time zone database and refuses everything
//     that only looks like one (abbreviations, offsets, cities, Windows names), each with the
//     name to use instead; where several may be meant it names them, and never decides.
//     [Machine] determines the zone of a machine as the C library does.
//   - Windows. [ParseWindow] reads the span that a search covers, from two ends or from an English
//     phrase: a closed grammar, whose words are in lexicon.txt and whose corpus is
//     testdata/phrases.txt. A local time that the clocks skip or show twice is refused with both
//     readings, never guessed, and so is a phrase about which people differ. A refusal names calls
//     that are accepted when they are sent literally.
//   - Labels. [Label] and its siblings tell an instant as a person would, with weekday, year,
//     zone and offset; [ParseLabel] reads a label back to the same instants.
//
// Nothing here reads the clock: "now" is always given. The zone data is that of the machine,
// or, where it has none, the copy that the program carries (time/tzdata).
package times

//go:generate go run -C ../../.ci/programs ./timestables ../../internal/times
