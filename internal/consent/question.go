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

// verbs are what the acts with terms do, in the imperative, by tool or response.
var verbs = map[string]string{
	ToolUpdate: "Change", ToolPropose: "Propose", ToolClosePoll: "Close", ToolShare: "Share",
	ResponseAccept: "Accept", ResponseCounter: "Counter", ResponseReject: "Reject",
}

// Verb is what the act does, in the imperative: Book, Move, Cancel, Change, Propose, Close, Share,
// Accept, Counter or Reject.
func (a Act) Verb() string {
	switch {
	case a.hasTerms():
		return verbs[cmp.Or(a.Response, a.Tool)]
	case a.BookingID == "":
		return "Book"
	case a.WasStart.IsZero():
		return "Cancel"
	}
	return "Move"
}

// hasTerms reports whether the act is one that Terms describe.
func (a Act) hasTerms() bool { return verbs[cmp.Or(a.Response, a.Tool)] != "" }

// isFinal reports whether nothing undoes the act.
func (a Act) isFinal() bool {
	switch a.Verb() {
	case "Cancel", "Close", "Share", "Reject", "Counter", "Accept":
		return true
	}
	return false
}

func (a Act) question(title, name, most int) string {
	var b strings.Builder
	loc, guest := a.Zones()
	if a.hasTerms() {
		b.WriteString(a.termsQuestion(sanitize.Quote(a.Title, title), most))
	} else {
		fmt.Fprintf(&b, "%s %s", a.Verb(), sanitize.Quote(a.Title, title))
	}
	switch {
	case a.hasTerms():
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
			hosts = slices.Insert(hosts, 0, shown) // so that it is shown, not only counted
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
	if len(guests) > 0 && a.Verb() != "Propose" {
		b.WriteString(", for " + listed(guests, most))
	}
	if a.Price != "" {
		b.WriteString(", at " + sanitize.Line(a.Price, name))
	}
	b.WriteString("?")
	if a.isFinal() {
		b.WriteString(" This cannot be undone.")
	}
	if a.Tool == ToolShare {
		b.WriteString(" Whoever has the link can book.")
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
	case a.InvitedMailed:
		return "Vennio e-mails them."
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

// PersonName returns a name unchanged if it can only be read as a name or an address, and quotes it
// otherwise: "Ada. Vennio e-mails nobody" must not read as part of the question.
func PersonName(name string, limit int) string {
	words := strings.Fields(name)
	address := len(words) == 1 && strings.Contains(name, "@")
	if len(words) > 5 || !address && slices.ContainsFunc(words, unusualInName) || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -.'’@_+", r)
	}) {
		return sanitize.Quote(name, limit)
	}
	return sanitize.Line(name, limit)
}

// unusualInName reports whether a word is unusual in a name: in lower case and longer than "van",
// or with a period and longer than "Prof.".
func unusualInName(word string) bool {
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

// Label is how a host is shown to people: by name, never by an id alone. The function as makes the
// name safe to show in at most limit characters: sanitize.Line, sanitize.Quote or PersonName. The
// label adds its own text after the sanitized name, so that no name can imitate it:
//
//	Alice Marlow (calendar 619c8492…)                       another host has the same name
//	the owner of calendar 619c8492… (Vennio gives no name)  Vennio gives no name
func (p Host) Label(limit int, as func(string, int) string) string {
	if p.Unnamed() {
		return "the owner of calendar " + ShortID(p.ID) + " (Vennio gives no name)"
	}
	if name, ok := strings.CutSuffix(p.Name, qualifier(p.ID)); ok && name != "" {
		return as(name, limit) + qualifier(p.ID)
	}
	return as(p.Name, limit)
}

// Unnamed reports whether no name of the host is known: the name is empty, an id, or consists of
// characters that cannot be seen. An address identifies a person as well as a name does.
func (p Host) Unnamed() bool {
	name := sanitize.Line(p.Name, 100)
	return name == "" || !strings.Contains(name, "@") && (strings.EqualFold(name, sanitize.Line(p.ID, 100)) || IsUUID(bareID(name)))
}

// Qualified is the label of a host who has the same name as another host.
func Qualified(name, id string) string { return name + qualifier(id) }

func qualifier(id string) string { return " (calendar " + ShortID(id) + ")" }

// ShortID is the part of a Vennio id that suffices to recognise it: the first group of a UUID. An id
// of another form is cut only if it is long.
func ShortID(id string) string {
	const whole, first = 24, 8
	id = sanitize.Line(bareID(id), 100)
	switch runes := []rune(id); {
	case IsUUID(id):
		return id[:first] + "…"
	case len(runes) > whole:
		return string(runes[:first]) + "…" + string(runes[len(runes)-first:])
	}
	return id
}

// bareID is an id without its prefix: "alice" of "user:alice".
func bareID(id string) string { return id[strings.Index(id, ":")+1:] }

// IsUUID reports whether s has the form of a UUID (RFC 9562, 4).
func IsUUID(s string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if isHyphen := s[i] == '-'; isHyphen != (form[i] == '-') || !isHyphen && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}
