package tools

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	defaultListed = 5     // bookings in one answer, if no limit is given
	listedDays    = 365   // the window, if it has no end
	shownPeople   = 3     // attendees, and hosts, that are shown of each booking
	shownSize     = 5_000 // bytes of bookings as JSON in one answer: with the other fields under 2,000 tokens
)

// listBookings defines the tool that lists the bookings to come.
func listBookings(d *Deps) Tool {
	return define(d, spec{
		name: toolList, title: "List bookings", effect: reads,
		description: "List the hosts' bookings to come; only reads. " +
			"Use it for an agenda or to find a booking_id; get_booking for one in full; find_slots for free times.",
	}, d.listBookings)
}

func (d *Deps) listBookings(ctx context.Context, in schemas.ListBookingsInput) (*schemas.ListBookingsResult, error) {
	q, err := d.listing(ctx, in)
	if err != nil {
		return nil, err
	}
	found, cut, err := d.ListBookings(ctx, q.hosts, q.includes)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b vennioclient.Booking) int { return positionOf(a).compare(positionOf(b)) })
	out := &schemas.ListBookingsResult{
		Now: localTime(d.Now(), q.window.Loc), Window: window(q.window), Bookings: []schemas.Booking{}, Total: len(found),
	}
	start := slices.IndexFunc(found, func(b vennioclient.Booking) bool { return positionOf(b).compare(q.after) > 0 })
	if start < 0 {
		start = len(found)
	}
	size := 0
	for i, b := range found[start:] {
		one := d.WithPeople(b)
		if one.Hosts, err = d.WithNames(ctx, one.Hosts); err != nil {
			return nil, err
		}
		shown := summary(existing(one, q.window.Loc))
		raw, _ := json.Marshal(shown) // plain strings: cannot fail
		if size += len(raw); i == q.limit || i > 0 && size > shownSize {
			out.NextCursor = d.cursor(q, positionOf(found[start+i-1]))
			break
		}
		out.Bookings = append(out.Bookings, shown)
	}
	out.Note = q.note(in, out, cut)
	return out, nil
}

// listing is what a call asks for.
type listing struct {
	hosts   []scheduling.Host // none: the whole account
	window  times.Window
	status  string
	limit   int
	after   position // the last booking of the page before; the zero value is before all bookings
	filters []string // the arguments to which a cursor is bound
}

// listing reads the arguments. The error names every argument that was not understood.
func (d *Deps) listing(ctx context.Context, in schemas.ListBookingsInput) (q listing, err error) {
	loc, badZone := d.zone("timezone", in.Timezone, d.Zone)
	w, badWindow := times.ParseWindow(times.WindowInput{
		When: in.When, From: in.From, To: in.To, WeekStart: d.WeekStart, Loc: cmp.Or(loc, d.Zone), Now: d.Now(),
		DefaultDays: listedDays, MaxDays: listedDays + 1, MaxAhead: maxAhead,
	})
	badWindow = windowRefused(badWindow, in.When, in.From+in.To)
	hosts, badHosts := []scheduling.Host(d.Hosts), error(nil)
	if len(in.Hosts) > 0 {
		hosts, badHosts = d.ResolveHosts(ctx, in.Hosts)
	}
	if err := allOf(badZone, badHosts, badWindow); err != nil {
		return listing{}, err
	}
	q = listing{hosts: hosts, window: w, status: in.Status, limit: cmp.Or(in.Limit, defaultListed)}
	q.filters = append([]string{strings.TrimSpace(in.When), strings.TrimSpace(in.From), strings.TrimSpace(in.To), in.Status, w.Loc.String()}, scheduling.HostIDs(hosts)...)
	q.after, err = d.openCursor(q, in.Cursor)
	return q, err
}

// includes applies the filters that Vennio did not apply or may not have applied: its filters are known
// only in part (vennio-api.md, Bookings). A booking without times is not hidden.
func (q listing) includes(b vennioclient.Booking) bool {
	if !b.Start.IsZero() && (!b.Start.Before(q.window.To) || !b.End.After(q.window.From) || !q.window.Touches(b.Start, b.End)) {
		return false
	}
	switch q.status {
	case "":
		return b.Status != vennioclient.StatusCancelled
	case "any":
		return true
	}
	return b.Status == q.status
}

// summary shortens a booking to what is needed to recognise it; get_booking shows all of it.
func summary(b schemas.Booking) schemas.Booking {
	b.Title = sanitize.Line(b.Title, 80)
	b.Hosts, b.Attendees = firstPeople(b.Hosts), firstPeople(b.Attendees)
	return b
}

func firstPeople(people []string) []string {
	shown := []string{}
	for _, p := range people[:min(len(people), shownPeople)] {
		shown = append(shown, sanitize.Line(p, 80))
	}
	if more := len(people) - shownPeople; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return shown
}

// note says what the person or the model would not know otherwise.
func (q listing) note(in schemas.ListBookingsInput, out *schemas.ListBookingsResult, cut bool) string {
	var parts []string
	add := func(condition bool, text string) {
		if condition {
			parts = append(parts, text)
		}
	}
	add(in.Timezone == "", defaultZoneNote(q.window.Loc))
	add(in.Note(in.Limit) != "", in.Note(in.Limit))
	add(q.window.Cut, "The window began in the past and was cut to the future.")
	add(q.window.Hint != "", q.window.Hint+".")
	add(cut, fmt.Sprintf("Vennio lists more than the %d pages that are looked through, so some bookings may be missing: name one host, or look in Vennio.", scheduling.MaxListPages))
	add(slices.ContainsFunc(out.Bookings, func(b schemas.Booking) bool { return b.Status == vennioclient.StatusPendingPayment }), "pending_payment is NOT confirmed until paid.")
	add(out.Total == 0, "Nothing more is booked here from now on; that is no error.")
	add(out.Total > 0 && in.Status == "", "Cancelled ones are left out.")
	return strings.Join(parts, " ")
}

// position is the position of a booking in a list: by start, then by a digest of the id. It does not
// depend on other bookings, which may be made or cancelled between two pages.
type position struct {
	start time.Time // whole seconds
	id    [8]byte
}

func positionOf(b vennioclient.Booking) position {
	sum := sha256.Sum256([]byte(b.ID))
	return position{b.Start.Truncate(time.Second), [8]byte(sum[:8])}
}

func (p position) compare(q position) int {
	return cmp.Or(p.start.Compare(q.start), bytes.Compare(p.id[:], q.id[:]))
}

var cursorEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding) // as in slot ids

// cursor encodes a position for the model: 39 letters and digits, authenticated and bound to the
// filters, so that it cannot continue another list.
func (d *Deps) cursor(q listing, p position) string {
	raw := append(binary.BigEndian.AppendUint64(nil, uint64(p.start.Unix())), p.id[:]...) //nolint:gosec // G115: converted back when it is opened
	return cursorEncoding.EncodeToString(append(raw, d.Keys.SignShort(q.cursorMessage(raw))...))
}

// openCursor returns the position in a cursor; without a cursor, the one before all bookings.
func (d *Deps) openCursor(q listing, cursor string) (p position, err error) {
	if cursor = strings.ToLower(strings.TrimSpace(cursor)); cursor == "" {
		return position{}, nil
	}
	raw, err := cursorEncoding.DecodeString(cursor)
	if err != nil || len(raw) != 16+tenant.ShortMAC || !d.Keys.VerifyShort(q.cursorMessage(raw[:16]), raw[16:]) {
		return p, &scheduling.Refusal{
			Code: schemas.CodeInvalidArguments, Message: "cursor: not one that list_bookings gave for these arguments.",
			Next: "Copy next_cursor whole and send the other arguments as they were; or leave cursor out to begin anew.",
		}
	}
	return position{time.Unix(int64(binary.BigEndian.Uint64(raw)), 0), [8]byte(raw[8:16])}, nil //nolint:gosec // G115: converted by cursor
}

// cursorMessage is what a cursor's MAC covers: the raw position and the filters.
func (q listing) cursorMessage(raw []byte) string {
	return "vennio-mcp list cursor v1" + tenant.Join(append([]string{string(raw)}, q.filters...)...)
}
