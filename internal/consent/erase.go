package consent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Erase deletes everything about every act that concerns a person, and returns
// how many acts that were. person is an e-mail address or a whole name, upper
// and lower case alike: of a host, a guest or whoever agreed, or mentioned as
// words of their own in a title, notes, a statement or a detail. Others named in
// the same act are erased with it.
//
// What stays names nobody: that there were entries, and, so that nothing is
// booked twice, which slot ids were used and what became of each grant. The entry
// of the erasure states it, and the ledger still verifies. Repeat it if
// it fails: the file is scrubbed even if nothing is left to delete.
func (l *Ledger) Erase(ctx context.Context, person string) (int, error) {
	person = fold(person)
	if person == "" {
		return 0, errors.New("say whose data is to be erased")
	}
	n := 0
	err := l.change(ctx, func(w *work) error {
		acts, err := w.concerning(person)
		if err != nil || len(acts) == 0 {
			return err
		}
		var erased details
		for _, act := range acts {
			seqs, err := w.Forget(act)
			if err != nil {
				return err
			}
			left, err := w.remaining(act)
			if err != nil {
				return err
			}
			erased.Entries, erased.Left = append(erased.Entries, seqs...), append(erased.Left, left)
		}
		slices.Sort(erased.Entries)
		n = len(acts)
		_, err = w.record(kindErased, sqldb.Act{}, erased)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, l.db.Scrub(ctx)
}

// AtVennio is a booking that Vennio keeps, with the name and the words of whoever agreed to it.
type AtVennio struct{ Tenant, BookingID string }

// AtVennio returns the bookings that the acts concerning a person made or changed, as far as they are
// known, in the order of tenants and ids. Erase forgets them: ask before.
func (l *Ledger) AtVennio(ctx context.Context, person string) (all []AtVennio, err error) {
	if person = fold(person); person == "" {
		return nil, nil
	}
	err = l.look(ctx, func(w *work) error {
		acts, err := w.concerning(person)
		if err != nil {
			return err
		}
		for _, act := range acts {
			grants, err := w.GrantsAbout(sqldb.Range{First: act, Last: act})
			if err != nil {
				return err
			}
			for _, g := range grants {
				if g.BookingID != "" {
					all = append(all, AtVennio{g.Tenant, g.BookingID})
				}
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b AtVennio) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.BookingID, b.BookingID))
	})
	return slices.Compact(all), err
}

// Names tells of a text whether a person stands in it, as Erase looks for them.
func Names(person string) func(text string) bool {
	person = fold(person)
	return func(text string) bool { return person != "" && mentions(text, person) }
}

// concerning returns the ids of the acts that concern a person.
func (w *work) concerning(person string) ([]string, error) {
	var acts []string
	seen := map[string]bool{}
	err := w.eachEntry(func(e sqldb.Entry) error {
		if e.Act != "" && !seen[e.Act] && concerns(e.Details, person) {
			acts, seen[e.Act] = append(acts, e.Act), true
		}
		return nil
	})
	return acts, err
}

// concerns: what cannot be read cannot be shown to be harmless.
func concerns(text, person string) bool {
	var d details
	if json.Unmarshal([]byte(text), &d) != nil {
		return true
	}
	var act Act
	if d.Act != "" {
		var err error
		if act, err = parseAct(d.Act); err != nil {
			return true
		}
	}
	names := []string{d.By, d.Claimed}
	for _, h := range act.Hosts {
		names = append(names, h.Name, h.unqualified())
	}
	for _, a := range act.Attendees {
		names = append(names, a.Name, a.Email)
	}
	return slices.ContainsFunc(names, func(name string) bool { return fold(name) == person }) ||
		slices.ContainsFunc([]string{d.By, d.Claimed, d.Words, d.Why, d.Detail, act.Title, act.Notes}, func(text string) bool { return mentions(text, person) })
}

// mentions: person stands in text as words of their own.
func mentions(text, person string) bool {
	text = fold(text)
	for at, end := 0, 0; ; at = end {
		next := strings.Index(text[at:], person)
		if next < 0 {
			return false
		}
		end = at + next + len(person)
		before, _ := utf8.DecodeLastRuneInString(text[:at+next])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inWord(before) && !inWord(after) {
			return true
		}
	}
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// fold makes spellings of one name equal: case, white space, and the ways
// Unicode has to write one letter.
func fold(s string) string {
	return norm.NFKC.String(strings.Join(strings.Fields(strings.ToLower(s)), " "))
}
