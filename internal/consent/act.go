package consent

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Act is everything a person agrees to: what is written, and who is notified.
type Act struct {
	Tool   string // the tool that writes, e.g. book_slot
	Tenant string // owner of the Vennio account; empty with a single account
	SlotID string // normalized; empty for an act on an existing booking

	Start, End time.Time
	Zone       string // IANA zone in which the time is shown
	GuestZone  string // the guest's, if they have another

	Hosts     []Host
	Attendees []Attendee // the first is the customer
	Title     string
	Notes     string
	Price     string // as shown to the person; empty if nothing is to be paid

	// For an act on an existing booking or proposal: its id at Vennio, and the time of
	// the booking before it is moved. For a Venn Link BookingID names the host's links.
	// A refusal applies to all acts with the same BookingID.
	BookingID        string
	WasStart, WasEnd time.Time
	// Repeat says in words how a booking repeats, or which part of a series is meant.
	Repeat string
	// Count is the number of bookings of a series; 0 for a single booking.
	Count int

	Terms
}

// Host is a person whose calendar the act books.
type Host struct {
	Name string `json:"name"`
	ID   string `json:"id"` // at Vennio
}

// Attendee is a guest. Mailed: Vennio sends them an e-mail.
type Attendee struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Mailed bool   `json:"mailed"`
}

// Digest is the hexadecimal SHA-256 of the act's canonical JSON: instants in
// UTC, every field present, people in the order given. Two acts that differ in
// anything have different digests; the same instant in another zone has the same.
//
// It can be guessed from the act's content, so it is treated as personal data.
func (a Act) Digest() string { return sha256Hex(a.canonical()) }

// actJSON is the canonical form of an Act.
type actJSON struct {
	Tool      string     `json:"tool"`
	Tenant    string     `json:"tenant"`
	SlotID    string     `json:"slot_id"`
	Start     string     `json:"start"`
	End       string     `json:"end"`
	Zone      string     `json:"zone"`
	GuestZone string     `json:"guest_zone"`
	Hosts     []Host     `json:"hosts"`
	Attendees []Attendee `json:"attendees"`
	Title     string     `json:"title"`
	Notes     string     `json:"notes"`
	Price     string     `json:"price"`

	// Omitted when empty, so that acts from before these fields keep their digest.
	BookingID string `json:"booking_id,omitempty"`
	WasStart  string `json:"was_start,omitempty"`
	WasEnd    string `json:"was_end,omitempty"`
	Repeat    string `json:"repeat,omitempty"`
	Count     int    `json:"count,omitempty"`
	Terms
}

func (a Act) canonical() string {
	optional := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	return encode(actJSON{
		a.Tool, a.Tenant, a.SlotID, a.Start.UTC().Format(time.RFC3339Nano), a.End.UTC().Format(time.RFC3339Nano),
		a.Zone, a.GuestZone, append([]Host{}, a.Hosts...), append([]Attendee{}, a.Attendees...), a.Title, a.Notes, a.Price,
		a.BookingID, optional(a.WasStart), optional(a.WasEnd), a.Repeat, a.Count, a.inUTC(),
	})
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
		BookingID: a.BookingID, WasStart: times[2], WasEnd: times[3], Repeat: a.Repeat, Count: a.Count, Terms: a.Terms,
	}, nil
}

// bookings is the number of bookings that count towards a Quota. A proposal leads to one at most. The
// view act_bookings in the database computes the same.
func (a Act) bookings() int {
	if a.BookingID != "" {
		return 0
	}
	return max(1, a.Count)
}

// takes returns the start of the slot that the act would occupy, of a proposal the
// first one; the zero time for an act that occupies none, such as a cancellation.
func (a Act) takes() time.Time {
	switch a.Verb() {
	case "Book", "Move", "Propose", "Accept":
		return a.Start
	}
	return time.Time{}
}

// storedAct is the row of an act. An erased one has only its id.
type storedAct struct {
	id     string
	digest string // no two acts have the same
	salt   string // masks the digest in the ledger
	json   string
	end    chainEnd // of the entries about the act
}

func (a *storedAct) columns() []any { return []any{&a.id, &a.digest, &a.salt, &a.json, &a.end} }

const actColumns = `a.id, COALESCE(a.digest, ''), COALESCE(a.salt, ''), COALESCE(a.json, ''), ` + endOfAct

func (a storedAct) erased() bool { return a.digest == "" }

func (a storedAct) parse() (Act, error) { return parseAct(a.json) }

// actByDigest returns the act with this digest, or nil.
func (tx *transaction) actByDigest(digest string) (*storedAct, error) {
	return sqldb.One(tx.Tx, (*storedAct).columns, `SELECT `+actColumns+` FROM acts a WHERE a.digest = ?`, digest)
}

// findAct returns the row of an act. If there is none, isNew is true and insertAct stores
// the returned one.
func (tx *transaction) findAct(a Act) (act storedAct, isNew bool, err error) {
	stored, err := tx.actByDigest(a.Digest())
	if err != nil || stored != nil {
		return *cmp.Or(stored, &storedAct{}), false, err
	}
	return storedAct{id: rand.Text(), digest: a.Digest(), salt: newSalt(), json: a.canonical(), end: chainEnd{0, noEntry}}, true, nil
}

func (tx *transaction) insertAct(act storedAct) error {
	return tx.Exec(`INSERT INTO acts (id, digest, salt, json) VALUES (?, ?, ?, ?)`, act.id, act.digest, act.salt, act.json)
}

// encode returns the JSON of values that always have one: texts, numbers, booleans
// and lists.
func encode(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func sha256Hex(s string) string {
	hash := sha256.Sum256([]byte(s))
	return hex.EncodeToString(hash[:])
}
