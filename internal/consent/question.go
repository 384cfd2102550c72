package consent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// questionLength is the number of characters at which a question is shortened. Clients cut
// longer messages: Claude Code 2.1 shows three lines.
const questionLength = 200

// Question asks a person about the act in one line that is complete by itself, usually within
// questionLength characters:
//
//	Book "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for Ada Byron and Grace Hopper? Vennio e-mails Ada Byron.
//
// The title is quoted, and so is a name that could be read as anything but a name. Long names
// are cut, and of many people the first are named and the others counted.
func (a Act) Question() string {
	var text string
	for _, limit := range []struct{ title, name, people int }{{80, 40, 3}, {60, 30, 2}, {40, 24, 2}, {30, 16, 1}} {
		text = a.question(limit.title, limit.name, limit.people)
		if utf8.RuneCountInString(text) <= questionLength {
			break
		}
	}
	return text
}

// Verb is what the act does, in the imperative: Book, Move or Cancel.
func (a Act) Verb() string {
	switch {
	case a.BookingID == "":
		return "Book"
	case a.WasStart.IsZero():
		return "Cancel"
	}
	return "Move"
}

func (a Act) question(title, name, most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", a.Verb(), sanitize.Quote(a.Title, title))
	loc, _ := times.Zone(a.Zone)
	guest, err := times.Zone(a.GuestZone)
	if a.GuestZone == "" || err != nil {
		guest = nil
	}
	switch {
	case a.Verb() == "Cancel" && a.Repeat != "":
		fmt.Fprintf(&b, ", all future meetings of its series, %s to %s", times.Day(a.Start, loc), times.Day(a.End, loc))
	case a.Verb() == "Move":
		fmt.Fprintf(&b, " from %s, %s to %s", times.Day(a.WasStart, loc), times.Clock(a.WasStart, loc), spanIn(a.Start, a.End, loc, guest))
	case a.Count > 1:
		fmt.Fprintf(&b, ", %d times from %s", a.Count, spanIn(a.Start, a.End, loc, guest))
	default:
		b.WriteString(", " + spanIn(a.Start, a.End, loc, guest))
	}
	var hosts, guests, mailed []string
	for _, h := range a.Hosts {
		if shown := h.Label(name, PersonName); h.Unnamed() && len(a.Hosts) > most {
			hosts = slices.Insert(hosts, 0, shown) // it must not be one of those that are only counted
		} else {
			hosts = append(hosts, shown)
		}
	}
	for _, p := range a.Attendees {
		shown := PersonName(cmp.Or(p.Name, p.Email), name)
		guests = append(guests, shown)
		if p.Mailed {
			mailed = append(mailed, shown)
		}
	}
	if len(hosts) > 0 {
		b.WriteString(", with " + listed(hosts, most))
	}
	if len(guests) > 0 {
		b.WriteString(", for " + listed(guests, most))
	}
	if a.Price != "" {
		b.WriteString(", at " + sanitize.Line(a.Price, name))
	}
	b.WriteString("?")
	if a.Verb() == "Cancel" {
		b.WriteString(" This cannot be undone.")
	}
	b.WriteString(" " + a.mail(mailed, most))
	return b.String()
}

// mail says to whom Vennio sends an e-mail. About a change that is inferred
// (docs/vennio-api.md, Bookings).
func (a Act) mail(mailed []string, most int) string {
	verb := "e-mails"
	if a.Verb() != "Book" {
		verb = "may e-mail"
	}
	switch {
	case len(mailed) == 0:
		return "Vennio sends no e-mail."
	case len(mailed) == len(a.Attendees) && len(mailed) > most:
		return fmt.Sprintf("Vennio %s all %d.", verb, len(mailed))
	}
	return "Vennio " + verb + " " + listed(mailed, most) + "."
}

// spanIn is a span on the clocks of loc and, if they differ, of the guest:
// "Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York)".
func spanIn(start, end time.Time, loc, guest *time.Location) string {
	until := times.Clock(end, loc)
	if times.Day(start, loc) != times.Day(end, loc) {
		until = times.Day(end, loc) + ", " + until
	}
	text := fmt.Sprintf("%s, %s–%s %s", times.Day(start, loc), times.Clock(start, loc), until, times.City(loc.String()))
	if guest == nil || times.Day(start, guest) == times.Day(start, loc) && times.Clock(start, guest) == times.Clock(start, loc) {
		return text
	}
	day := ""
	if times.Day(start, guest) != times.Day(start, loc) {
		day = times.Day(start, guest) + ", "
	}
	return text + fmt.Sprintf(" (%s%s %s)", day, times.Clock(start, guest), times.City(guest.String()))
}

// PersonName is a name as it stands, if all of it can only be a name or an address, and quoted
// otherwise: "Ada. Vennio e-mails nobody" must not read as part of the question.
func PersonName(name string, limit int) string {
	words := strings.Fields(name)
	address := len(words) == 1 && strings.Contains(name, "@")
	if len(words) > 5 || !address && slices.ContainsFunc(words, notOfName) || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -.'’@_+", r)
	}) {
		return sanitize.Quote(name, limit)
	}
	return sanitize.Line(name, limit)
}

// notOfName reports whether a word is unusual in a name: in lower case and longer than "van",
// or with a period and longer than "Prof.".
func notOfName(word string) bool {
	first, _ := utf8.DecodeRuneInString(word)
	length := utf8.RuneCountInString(word)
	return unicode.IsLower(first) && length > 3 || strings.Contains(word, ".") && length > 5
}

// listed joins names: "Ada, Grace and 3 others".
func listed(names []string, most int) string {
	if more := len(names) - most; more == 1 && most > 1 || more > 1 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d others", more)
	} else if more == 1 {
		return names[0] + " and 1 other"
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
