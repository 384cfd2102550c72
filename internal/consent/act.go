package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Act is all that a person agrees to: what is written, and who is told.
type Act struct {
	Tool   string // the tool that writes, e.g. book_slot
	Tenant string // whose Vennio account; empty where there is one
	SlotID string // normalized; empty for an act on a booking that exists

	Start, End time.Time
	Zone       string // IANA zone in which the time is told
	GuestZone  string // the guest's, if they have another

	Hosts     []Party
	Attendees []Attendee // the first is the customer
	Title     string
	Notes     string
	Price     string // as told to the person; empty if nothing is to be paid

	// Of an act on a booking that exists: its id at Vennio, and when it stood
	// before it is moved.
	BookingID        string
	WasStart, WasEnd time.Time
	// Repeat says how a booking repeats, or how much of a series is meant, in words.
	Repeat string
	// Count is how many bookings it makes, where it repeats; else 0.
	Count int
}

// Party is a host.
type Party struct {
	Name string `json:"name"`
	ID   string `json:"id"` // at Vennio
}

// Attendee is a guest. Mailed: Vennio e-mails them.
type Attendee struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Mailed bool   `json:"mailed"`
}

// Digest is the hexadecimal SHA-256 of the act's canonical JSON: instants in
// UTC, every field present, people in the order given. Two acts that differ in
// anything differ in it; the same instant in another zone's spelling does not.
//
// It can be guessed from its parts, so it is treated as personal data.
func (a Act) Digest() string { return sum(a.canonical()) }

// actJSON is the canonical form of an Act.
type actJSON struct {
	Tool      string     `json:"tool"`
	Tenant    string     `json:"tenant"`
	SlotID    string     `json:"slot_id"`
	Start     string     `json:"start"`
	End       string     `json:"end"`
	Zone      string     `json:"zone"`
	GuestZone string     `json:"guest_zone"`
	Hosts     []Party    `json:"hosts"`
	Attendees []Attendee `json:"attendees"`
	Title     string     `json:"title"`
	Notes     string     `json:"notes"`
	Price     string     `json:"price"`

	// Absent where they are empty: acts of before they came keep their digest.
	BookingID string `json:"booking_id,omitempty"`
	WasStart  string `json:"was_start,omitempty"`
	WasEnd    string `json:"was_end,omitempty"`
	Repeat    string `json:"repeat,omitempty"`
	Count     int    `json:"count,omitempty"`
}

func (a Act) canonical() string {
	return encode(actJSON{
		a.Tool, a.Tenant, a.SlotID, a.Start.UTC().Format(time.RFC3339Nano), a.End.UTC().Format(time.RFC3339Nano),
		a.Zone, a.GuestZone, append([]Party{}, a.Hosts...), append([]Attendee{}, a.Attendees...), a.Title, a.Notes, a.Price,
		a.BookingID, unlessZero(a.WasStart), unlessZero(a.WasEnd), a.Repeat, a.Count,
	})
}

func unlessZero(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// parseAct reads the canonical form.
func parseAct(canonical string) (Act, error) {
	var a actJSON
	if err := json.Unmarshal([]byte(canonical), &a); err != nil {
		return Act{}, err
	}
	var times [4]time.Time
	for i, text := range []string{a.Start, a.End, a.WasStart, a.WasEnd} {
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return Act{}, err
		}
		times[i] = at
	}
	return Act{
		Tool: a.Tool, Tenant: a.Tenant, SlotID: a.SlotID, Start: times[0], End: times[1], Zone: a.Zone, GuestZone: a.GuestZone,
		Hosts: a.Hosts, Attendees: a.Attendees, Title: a.Title, Notes: a.Notes, Price: a.Price,
		BookingID: a.BookingID, WasStart: times[2], WasEnd: times[3], Repeat: a.Repeat, Count: a.Count,
	}, nil
}

// encode is JSON of what always has one: texts, numbers, booleans and lists.
func encode(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func sum(s string) string {
	hash := sha256.Sum256([]byte(s))
	return hex.EncodeToString(hash[:])
}
