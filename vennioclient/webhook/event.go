package webhook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// ErrMalformed is the error of a body that is no event: not one JSON object, or
// one without a type. It does not repeat the body.
var ErrMalformed = errors.New("webhook: the body is not an event")

// maxID bounds the ids and types that are taken as they are, in bytes.
const maxID = 256

// Event is one thing that happened.
type Event struct {
	// ID is the same for every delivery of one event: the envelope's id or, where
	// that is missing or no plain text of at most 256 bytes, "sha256:" and the
	// digest of the body.
	ID   string
	Type Type
	At   time.Time       // UTC; zero where the envelope does not tell it readably
	Data json.RawMessage // what it is about, as it came; nil where there is none
}

// envelope is every plausible form of an event (vennio-api.md, Webhooks).
type envelope struct {
	ID        text            `json:"id"`
	Type      text            `json:"type"`
	Event     text            `json:"event"`
	CreatedAt text            `json:"created_at"`
	Timestamp text            `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Decode reads an event. Its Data shares no memory with body.
func Decode(body []byte) (Event, error) {
	var in envelope
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || json.Unmarshal(body, &in) != nil {
		return Event{}, ErrMalformed
	}
	e := Event{ID: string(in.ID), Type: Type(cmp.Or(in.Type, in.Event)), Data: in.Data}
	if !plain(string(e.Type)) {
		return Event{}, ErrMalformed
	}
	if !plain(e.ID) {
		sum := sha256.Sum256(body)
		e.ID = "sha256:" + hex.EncodeToString(sum[:])
	}
	if string(e.Data) == "null" {
		e.Data = nil
	}
	e.At = instant(string(cmp.Or(in.CreatedAt, in.Timestamp)))
	return e, nil
}

// Booking returns the booking that a booking event is about, read as the
// client's calls read theirs. It reports false where the event is about
// something else, or its booking cannot be read: fetch it then.
func (e Event) Booking() (vennioclient.Booking, bool) {
	if !strings.HasPrefix(string(e.Type), "booking.") {
		return vennioclient.Booking{}, false
	}
	b, err := vennioclient.DecodeBooking(e.Data)
	return b, err == nil
}

// Consent returns the calendar access that a consent event is about. It reports
// false where the event is about something else, or it cannot be read.
func (e Event) Consent() (vennioclient.Consent, bool) {
	if !strings.HasPrefix(string(e.Type), "consent.") {
		return vennioclient.Consent{}, false
	}
	c, err := vennioclient.DecodeConsent(e.Data)
	return c, err == nil
}

// text is a JSON string or number; anything else counts as absent.
type text string

// UnmarshalJSON never fails: one odd field must not lose an event.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		var n json.Number
		_ = json.Unmarshal(raw, &n)
		s = n.String()
	}
	*t = text(s)
	return nil
}

// plain reports whether s can be kept and shown as it is.
func plain(s string) bool {
	odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, odd)
}

// instant reads RFC 3339, or seconds or milliseconds since 1970.
func instant(s string) time.Time {
	const earliestMilli = 100_000_000_000 // as seconds, the year 5138
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC()
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n < earliestMilli:
		return time.Unix(n, 0).UTC()
	case n < 1000*earliestMilli:
		return time.UnixMilli(n).UTC()
	default:
		return time.Time{}
	}
}
