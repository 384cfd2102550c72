// Package tools is the set of tools that agents use: one file per tool, one catalogue, one file for
// the conversation in which people consent, and one file that turns errors into results.
//
// A tool is a typed function func(ctx, In) (Out, error). It reads its arguments, calls package
// scheduling and writes a result. The generic function define connects it with the protocol; JSON
// Schemas, hints, golden files and the README's table all derive from the one catalogue.
package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Deps is everything that the tools of one account use.
type Deps struct {
	scheduling.Service
	Conversation
	// Every returns ticks at the given interval until end is called, for progress notifications; nil:
	// a real ticker. Tests inject their own.
	Every     func(time.Duration) (tick <-chan time.Time, end func())
	Sandbox   bool // no key is set: every result says so
	Selection Selection

	offered map[string]bool // for the name of every tool, whether the operator selected it; set by Catalog
}

// Catalog returns the tools that the operator selected, in the order in which a person would need
// them. The server, the golden files, the limits on tokens and the README use this one list.
func Catalog(deps Deps) []Tool {
	selected, _ := CatalogWithCards(deps)
	return selected
}

// CatalogWithCards returns the catalogue, and the tools that only cards call. There are none of those if
// the operator turned cards off or selected no tool that writes.
func CatalogWithCards(deps Deps) (selected, forCards []Tool) {
	d := &deps
	every := []Tool{
		findSlots(d), bookSlot(d), rescheduleBooking(d), cancelBooking(d), updateBooking(d), getBooking(d), listBookings(d), checkCalendarAccess(d),
		proposeTimes(d), getProposal(d), respondToProposal(d), closePoll(d), shareLink(d),
	}
	d.offered = make(map[string]bool, len(every))
	for _, t := range every {
		d.offered[t.Name] = d.Selection.has(t)
	}
	selected = slices.DeleteFunc(every, func(t Tool) bool { return !d.offered[t.Name] })
	writes := false
	for i, t := range selected {
		selected[i].Description = d.withoutMissingTools(t.Description, t.needs)
		writes = writes || !*t.Annotations.ReadOnlyHint
	}
	if writes && d.Card.shown() {
		forCards = append(forCards, showConsent(d))
	}
	if writes && d.Card == CardOn {
		forCards = append(forCards, answerConsent(d))
	}
	return selected, forCards
}

// Names lists the names of tools.
func Names(all []Tool) []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	return names
}

// toolset is a named group of tools. A tool may be in several.
type toolset struct {
	name  string
	tools []string
}

// toolsets are all groups. The first is offered if the operator chooses nothing.
var toolsets = []toolset{
	{"scheduling", []string{toolFind, toolBook, toolReschedule, toolCancel, toolUpdate, toolGet, toolList, toolAccess}},
	{"negotiation", []string{toolFind, toolPropose, toolProposal, toolRespond, toolClosePoll}},
	{"links", []string{toolShare}},
}

// Toolsets lists the names of the toolsets, the default one first.
func Toolsets() []string {
	names := make([]string, len(toolsets))
	for i, s := range toolsets {
		names[i] = s.name
	}
	return names
}

// Selection is the operator's choice of tools, which no caller can change. It offers the tools of
// Toolsets and those of Names; if both are empty, the first toolset.
type Selection struct {
	ReadOnly bool // no tool that writes, whatever the other fields contain
	Names    []string
	Toolsets []string
}

func (s Selection) has(t Tool) bool {
	return (!s.ReadOnly || *t.Annotations.ReadOnlyHint) && s.names(t.Name)
}

// names reports whether the operator chose a tool, which ReadOnly may still exclude.
func (s Selection) names(tool string) bool {
	isDefault := len(s.Names) == 0 && len(s.Toolsets) == 0
	return slices.Contains(s.Names, tool) || slices.ContainsFunc(toolsets, func(set toolset) bool {
		isChosen := slices.Contains(s.Toolsets, set.name) || isDefault && set.name == toolsets[0].name
		return isChosen && slices.Contains(set.tools, tool)
	})
}

// Empty reports whether no tool is selected.
func (s Selection) Empty() bool {
	return s.ReadOnly && len(Catalog(Deps{Selection: s})) == 0
}

// Select reads a comma-separated list of tool names. The error names each unknown one, with the
// nearest known name.
func Select(list string) (names []string, err error) {
	return selectFrom(list, "tool", Names(Catalog(Deps{Selection: Selection{Toolsets: Toolsets()}})))
}

// SelectToolsets reads a comma-separated list of toolsets, as Select does.
func SelectToolsets(list string) (names []string, err error) {
	return selectFrom(list, "toolset", Toolsets())
}

func selectFrom(list, kind string, known []string) (names []string, err error) {
	var wrong []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" || slices.Contains(names, name) {
			continue
		}
		if names = append(names, name); slices.Contains(known, name) {
			continue
		}
		text := fmt.Sprintf("%q is no %s", name, kind)
		if near := schemas.Nearest(name, known); near != "" {
			text += ", did you mean " + near + "?"
		}
		wrong = append(wrong, text)
	}
	switch {
	case len(wrong) > 0:
		return nil, fmt.Errorf("%s (there are %s)", strings.Join(wrong, "; "), strings.Join(known, ", "))
	case len(names) == 0:
		return nil, fmt.Errorf("names no %s: want some of %s", kind, strings.Join(known, ", "))
	}
	return names, nil
}

// withoutMissingTools removes from a text what mentions a tool that the operator did not select,
// except the needed one: a whole sentence, or the part of one after a semicolon. A text of which
// nothing would remain is not changed.
func (d *Deps) withoutMissingTools(text, needed string) string {
	mentionsMissing := func(part string) bool {
		for name, selected := range d.offered {
			if !selected && name != needed && strings.Contains(part, name) {
				return true
			}
		}
		return false
	}
	if !mentionsMissing(text) {
		return text
	}
	var kept []string
	for sentence := range strings.SplitSeq(strings.TrimSuffix(text, "."), ". ") {
		clauses := strings.Split(sentence, "; ")
		if !mentionsMissing(clauses[0]) {
			kept = append(kept, strings.Join(slices.DeleteFunc(clauses, mentionsMissing), "; "))
		}
	}
	if len(kept) == 0 {
		return text
	}
	return strings.Join(kept, ". ") + "."
}
