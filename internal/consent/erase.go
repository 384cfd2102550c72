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
)

// Erase deletes everything about every act that concerns a person, and returns the
// number of these acts, and of the passkeys from which it erased the name. person is an e-mail address or a whole name, in upper
// or lower case: of a host, a guest or the person who agreed, or mentioned as
// separate words in a title, notes, a statement or a detail. The data of other people
// in the same act is erased with it.
//
// What remains contains no personal data: that there were entries, and, so that
// nothing is booked twice, which slot ids were used and what became of each grant.
// The entry of the erasure contains that, and the ledger still verifies. Passkeys of
// the person are removed; their public keys remain, so that what they signed can be
// verified. Repeat Erase if it fails: it removes deleted data from the database's
// files even if nothing is left to delete.
func (l *Ledger) Erase(ctx context.Context, person string) (acts, passkeys int, err error) {
	person = fold(person)
	if person == "" {
		return 0, 0, errors.New("say whose data is to be erased")
	}
	err = l.update(ctx, func(tx *transaction) error {
		concerned, err := tx.actsConcerning(person)
		if err != nil {
			return err
		}
		var erased details
		if erased.Entries, erased.LeftPasskeys, err = tx.erasePasskeys(person); err != nil || len(concerned)+len(erased.LeftPasskeys) == 0 {
			return err
		}
		for _, act := range concerned {
			seqs, err := tx.eraseAct(act)
			if err != nil {
				return err
			}
			left, err := tx.remaining(act)
			if err != nil {
				return err
			}
			erased.Entries, erased.Left = append(erased.Entries, seqs...), append(erased.Left, left)
		}
		slices.Sort(erased.Entries)
		acts, passkeys = len(concerned), len(erased.LeftPasskeys)
		_, err = tx.record(kindErased, storedAct{}, erased)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return acts, passkeys, l.db.Scrub(ctx)
}

// eraseAct erases an act, and everything about it, and returns the numbers of the
// entries whose details it deleted. What remains is that there was an act, under which
// slot id, and what became of it, so that it is not executed a second time. An open
// proposal of it can no longer be answered, an unsent grant no longer be sent.
func (tx *transaction) eraseAct(act string) ([]int64, error) {
	seqs, err := tx.eraseDetails(act)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`UPDATE acts SET digest = NULL, salt = NULL, json = NULL WHERE id = ?`,
		`UPDATE proposals SET unanswered = '', starts = '', subject = '', state = CASE state WHEN 'open' THEN 'expired' ELSE state END WHERE act = ?`,
		`UPDATE grants SET given_by = '', words = '', booking = '', request = '', detail = '', subject = '',
			outcome = CASE outcome WHEN '' THEN 'not_done' ELSE outcome END WHERE act = ?`,
	} {
		if err := tx.Exec(statement, act); err != nil {
			return nil, err
		}
	}
	return seqs, nil
}

// Booking is a booking for which Vennio stores the name and the words of the person who agreed to it.
type Booking struct{ Tenant, BookingID string }

// BookingsOf returns the bookings that the acts concerning a person made or changed, as far as they are
// known, sorted by tenant and id. Erase deletes this information: call BookingsOf before.
func (l *Ledger) BookingsOf(ctx context.Context, person string) (all []Booking, err error) {
	if person = fold(person); person == "" {
		return nil, nil
	}
	err = l.read(ctx, func(tx *transaction) error {
		acts, err := tx.actsConcerning(person)
		if err != nil {
			return err
		}
		for _, act := range acts {
			grants, err := tx.grantsAbout(only(act))
			if err != nil {
				return err
			}
			for _, g := range grants {
				if g.BookingID != "" {
					all = append(all, Booking{g.tenant, g.BookingID})
				}
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Booking) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.BookingID, b.BookingID))
	})
	return slices.Compact(all), err
}

// Mentions returns a function that reports whether a text mentions a person, by the rules of Erase.
func Mentions(person string) func(text string) bool {
	person = fold(person)
	return func(text string) bool { return person != "" && mentions(text, person) }
}

// actsConcerning returns the ids of the acts that concern a person.
func (tx *transaction) actsConcerning(person string) ([]string, error) {
	var acts []string
	seen := map[string]bool{}
	err := tx.eachEntry(func(e Entry) error {
		if e.Act != "" && !seen[e.Act] && concerns(e.Details, person) {
			acts, seen[e.Act] = append(acts, e.Act), true
		}
		return nil
	})
	return acts, err
}

// concerns reports whether the details of an entry concern a person. Details that
// cannot be read do, because they cannot be shown not to.
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
	for _, h := range slices.Concat(act.Hosts, act.Invited) {
		names = append(names, h.Name, strings.TrimSuffix(h.Name, qualifier(h.ID)))
	}
	for _, a := range act.Attendees {
		names = append(names, a.Name, a.Email)
	}
	texts := []string{d.By, d.Claimed, d.Words, d.Why, d.Detail, act.Title, act.Notes, act.Replaces}
	texts = append(texts, act.Questions...)
	for _, l := range act.Labels {
		texts = append(texts, l.Name, l.Value, l.Replaces)
	}
	return slices.ContainsFunc(names, func(name string) bool { return fold(name) == person }) ||
		slices.ContainsFunc(texts, func(text string) bool { return mentions(text, person) })
}

// mentions reports whether text contains person as separate words.
func mentions(text, person string) bool {
	text = fold(text)
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
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

// fold makes spellings of one name equal: case, white space, and the ways in which
// Unicode can represent a letter.
func fold(s string) string {
	return norm.NFKC.String(strings.Join(strings.Fields(strings.ToLower(s)), " "))
}
