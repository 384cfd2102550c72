package consent

import (
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Label is how people see a host: by name, never by an id alone. The function as makes the name
// safe to show in at most limit characters: plain.Line, plain.Quote or PersonName. What the label
// adds to the name stands outside of it, so that no name can imitate it:
//
//	Alice Marlow (calendar 619c8492…)                       a name that another host has too
//	the owner of calendar 619c8492… (Vennio gives no name)  a host without a name
func (p Party) Label(limit int, as func(string, int) string) string {
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
func (p Party) Unnamed() bool {
	name := sanitize.Line(p.Name, 100)
	return name == "" || !strings.Contains(name, "@") && (strings.EqualFold(name, sanitize.Line(p.ID, 100)) || IsUUID(bareID(name)))
}

// Qualified is the name of a host whose name another host has too.
func Qualified(name, id string) string { return name + qualifier(id) }

func qualifier(id string) string { return " (calendar " + ShortID(id) + ")" }

// unqualified is the name alone.
func (p Party) unqualified() string { return strings.TrimSuffix(p.Name, qualifier(p.ID)) }

// ShortID is enough of an id of Vennio's to recognise it: the first group of a UUID. An id of
// another form is cut only where it is long.
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

// bareID is an id without the kind before it: "alice" of "user:alice".
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
