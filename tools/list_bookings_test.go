package tools_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func (w *world) list(arguments args) answer[schemas.ListBookingsResult] {
	w.t.Helper()
	return call[schemas.ListBookingsResult](w, "list_bookings", arguments)
}

// vennioWith answers every list with the same bookings, whatever is asked for.
func vennioWith(t *testing.T, bookings ...string) option {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		next := ""
		if r.URL.Query().Get("cursor") == "" {
			next = `,"pagination":{"next_cursor":"the same again"}`
		}
		_, _ = fmt.Fprintf(rw, `{"bookings":[%s]%s}`, strings.Join(bookings, ","), next)
	}))
	t.Cleanup(api.Close)
	return withVennioAt(api.URL)
}

func held(id, host, status string, start time.Time) string {
	return fmt.Sprintf(`{"id":%q,"business_id":%q,"status":%q,"start_time":%q,"end_time":%q,"customer_email":"guest@example.com","title":"Meeting %s"}`,
		id, host, status, start.Format(time.RFC3339), start.Add(30*time.Minute).Format(time.RFC3339), id)
}

func ids(r schemas.ListBookingsResult) (all []string) {
	for _, b := range r.Bookings {
		all = append(all, b.BookingID)
	}
	return all
}

func TestNoBookingsIsNotAnError(t *testing.T) {
	t.Parallel()
	got := newWorld(t, vennioWith(t)).list(args{})
	assert.False(t, got.IsError)
	assert.NotNil(t, got.Data.Bookings)
	assert.Contains(t, got.Text, "No bookings")
	assert.Contains(t, got.Text, "that is no error")
}

// req: P5, S1, S4. All hosts, sorted by start, the same in both forms.
func TestReq_P5_S4_BookingsToComeAreListedInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := map[string]schemas.BookSlotResult{}
	for _, name := range []string{"Bob", "Alice", "Haruka"} {
		slot := w.find(args{"hosts": []string{name}}).Data.Slots[0]
		made[name] = w.book(agreed(slot.SlotID).with("hosts", []string{name})).Data
	}
	require.NoError(t, w.vennio.Cancel(made["Bob"].BookingID))
	got := w.list(args{"limit": 10})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "2026-05-13T09:00:00+01:00", got.Data.Now)
	assert.NotContains(t, ids(got.Data), made["Bob"].BookingID, "cancelled")
	for name, status := range map[string]string{"Alice": "confirmed", "Haruka": "pending_payment"} {
		assert.Contains(t, ids(got.Data), made[name].BookingID)
		one := w.list(args{"hosts": []string{name}, "status": status, "timezone": "Asia/Tokyo"})
		assert.Contains(t, ids(one.Data), made[name].BookingID)
		assert.Contains(t, one.Data.Bookings[0].Description, "Asia/Tokyo")
	}
	for i, b := range got.Data.Bookings {
		for _, fact := range append(append(b.Hosts, b.Attendees...), b.BookingID, b.Description, b.Status) {
			assert.Contains(t, got.Text, fact)
		}
		assert.True(t, i == 0 || got.Data.Bookings[i-1].Start <= b.Start)
	}
	assert.Contains(t, got.Text, "No timezone was given")
	assert.Contains(t, ids(w.list(args{"status": "cancelled", "limit": 10}).Data), made["Bob"].BookingID)
	assert.Equal(t, got.Text, w.list(args{"limit": 10}).Text, "the same question gives the same order")
}

// The server filters and sorts by itself, and is not led in a circle.
func TestWhatVennioDoesNotFilterIsFilteredHere(t *testing.T) {
	t.Parallel()
	alice, bob := directory()[0].ID, directory()[1].ID
	w := newWorld(t, vennioWith(t,
		held("late", alice, "confirmed", wednesday.Add(72*time.Hour)), held("past", alice, "confirmed", wednesday.Add(-time.Hour)),
		held("running", alice, "confirmed", wednesday.Add(-10*time.Minute)), held("bobs", bob, "confirmed", wednesday.Add(time.Hour)),
		held("gone", alice, "cancelled", wednesday.Add(time.Hour)), held("odd", "", "on_hold", wednesday.Add(2*time.Hour)),
		`{"id":"timeless","status":"confirmed"}`))
	all := w.list(args{"hosts": []string{"Alice"}, "limit": 10})
	assert.Equal(t, []string{"timeless", "running", "odd", "late"}, ids(all.Data))
	assert.Equal(t, 4, all.Data.Total)
	assert.Equal(t, []string{"late"}, ids(w.list(args{"hosts": []string{"Alice"}, "status": "confirmed", "from": "2026-05-16"}).Data)[1:])
	assert.NotContains(t, ids(w.list(args{"when": "today"}).Data), "late")
	assert.Contains(t, ids(w.list(args{}).Data), "bobs", "no hosts: all hosts")
}

// req: T8. Pages: each says how to go on, together they are the whole, and a
// cursor goes on in its own list only.
func TestReq_T8_PagesGoOnWhereTheyEnded(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 23 {
		many = append(many, held(fmt.Sprintf("b-%02d", i), directory()[0].ID, "confirmed", wednesday.Add(time.Duration(i/2+1)*time.Hour)))
	}
	w := newWorld(t, vennioWith(t, many...))
	seen, arguments := map[string]bool{}, args{"hosts": []string{"Alice"}, "limit": 10}
	for page := range 3 {
		got := w.list(arguments)
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, 23, got.Data.Total)
		for _, id := range ids(got.Data) {
			assert.False(t, seen[id], id)
			seen[id] = true
		}
		if page == 2 {
			assert.Empty(t, got.Data.NextCursor)
			break
		}
		assert.Contains(t, got.Text, "10 of 23 bookings")
		assert.Contains(t, got.Text, "cursor "+got.Data.NextCursor)
		arguments = arguments.with("cursor", " "+strings.ToUpper(got.Data.NextCursor))
		for _, other := range []args{arguments.with("status", "any"), arguments.with("when", "today"), arguments.with("hosts", nil), arguments.with("cursor", "z"+got.Data.NextCursor[1:]), arguments.with("cursor", "x")} {
			refused := w.list(other)
			assert.Equal(t, schemas.CodeInvalidArguments, refused.Code)
			assert.Contains(t, refused.Data.Error.Next, "leave cursor out")
		}
	}
	assert.Len(t, seen, 23)
}

// field: hours and days in a phrase, for bookings
func TestReq_S7_AListKeepsTheHoursAndDaysOfAPhrase(t *testing.T) {
	t.Parallel()
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 5, day, hour-1, minute, 0, 0, time.UTC) } // in London
	host := directory()[0].ID
	w := newWorld(t, vennioWith(t,
		held("thu-0930", host, "confirmed", at(14, 9, 30)), held("thu-1145", host, "confirmed", at(14, 11, 45)), held("thu-1500", host, "confirmed", at(14, 15, 0)),
		held("fri-1200", host, "confirmed", at(15, 12, 0)), held("mon-1000", host, "confirmed", at(18, 10, 0)),
	))
	for phrase, want := range map[string][]string{
		"tomorrow":                   {"thu-0930", "thu-1145", "thu-1500"},
		"tomorrow afternoon":         {"thu-1145", "thu-1500"}, // a part of the first lies in the afternoon
		"tomorrow at 3pm":            {"thu-1500"},
		"tomorrow before 10":         {"thu-0930"},
		"friday or monday":           {"fri-1200", "mon-1000"},
		"until monday except friday": {"thu-0930", "thu-1145", "thu-1500", "mon-1000"},
		"mornings":                   {"thu-0930", "thu-1145", "mon-1000"},
	} {
		got := w.list(args{"when": phrase, "timezone": "Europe/London"})
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, want, ids(got.Data), phrase)
	}
	refused := w.list(args{"when": "next friday", "timezone": "Europe/London"})
	assert.Equal(t, schemas.CodeInvalidWindow, refused.Code)
	assert.Contains(t, refused.Text, `send when "in 2 days" or "in 9 days", whichever is meant`)
	assert.NotContains(t, w.list(args{"when": "at 3pm"}).Text, "prefer", "it has no such argument")
}

func TestAListSaysWhatItDidNotUnderstand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.list(args{"timezone": "EST", "hosts": []string{"Mallory"}, "when": "soon"})
	assert.Equal(t, schemas.CodeInvalidArguments, got.Code)
	for _, part := range []string{"America/New_York", "Mallory", `when "soon" names no span: send when "asap"`} {
		assert.Contains(t, got.Text, part)
	}
	assert.Equal(t, schemas.CodeInvalidWindow, w.list(args{"to": "2026-05-01"}).Code, "what has ended is not listed")
	assert.Equal(t, schemas.CodeInvalidArguments, w.list(args{"status": "done"}).Code)
	w.vennio.FailNext(9, 503)
	assert.Equal(t, schemas.CodeUnavailable, w.list(args{}).Code)
}

// req: T8
func TestReq_T8_ListsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	crowd := make([]any, 20)
	for i := range crowd {
		crowd[i] = map[string]any{"email": fmt.Sprintf("guest.number.%d@example.com", i), "name": fmt.Sprintf("Guest Number %d", i)}
	}
	for i := range 12 {
		found := w.find(args{"limit": 1, "hosts": []string{"Alice"}}).Data.Slots
		booking := agreed(found[0].SlotID).with("hosts", []string{"Alice"})
		if i >= 3 {
			booking = booking.with("attendees", crowd).with("title", strings.Repeat("A rather long title ", 6))
		}
		require.False(t, w.book(booking).IsError)
	}
	usual := w.list(args{"hosts": []string{"Alice"}, "limit": 3, "timezone": "Europe/London"})
	require.Len(t, usual.Data.Bookings, 3)
	assert.LessOrEqual(t, tokens(t, usual.Text), 400, usual.Text)
	largest := w.list(args{"hosts": []string{"Alice"}, "limit": 10, "timezone": "America/Argentina/Buenos_Aires"})
	assert.GreaterOrEqual(t, len(largest.Data.Bookings), 8)
	assert.Contains(t, largest.Text, "17 more")
	assert.Contains(t, largest.Text, "cursor "+largest.Data.NextCursor)
	assert.LessOrEqual(t, tokens(t, largest.Text), 2000)
	assert.LessOrEqual(t, tokens(t, string(largest.Raw)), 2000)
	t.Logf("tokens: usual %d, largest %d, structured %d", tokens(t, usual.Text), tokens(t, largest.Text), tokens(t, string(largest.Raw)))
}

// req: T8. However much others wrote, and in whatever script.
func TestReq_T8_AListOfLongBookingsIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	var long []string
	for i := range 10 {
		b := held(fmt.Sprint("b", i), directory()[0].ID, "confirmed", wednesday.Add(time.Duration(i+1)*time.Hour))
		wordy := strings.Repeat("会議の議題", 40)
		long = append(long, strings.Replace(b, `"title":"Meeting`, fmt.Sprintf(`"series_id":"s-1","participants":["%s 1","%s <x@example.com>"],"title":"%s`, wordy, wordy, wordy), 1))
	}
	got := newWorld(t, vennioWith(t, long...)).list(args{"limit": 10})
	assert.Equal(t, 10, got.Data.Total)
	assert.NotEmpty(t, got.Data.NextCursor)
	assert.LessOrEqual(t, max(tokens(t, got.Text), tokens(t, string(got.Raw))), 2000)
}

// req: T8. An account of more bookings than are read says so, and how to go on.
func TestReq_T8_AnEndlessListIsReadInPart(t *testing.T) {
	t.Parallel()
	calls := 0
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = fmt.Fprintf(rw, `{"bookings":[%s],"pagination":{"next_cursor":"n%d"}}`, held(fmt.Sprint("b", calls), "", "confirmed", wednesday.Add(time.Duration(calls)*time.Hour)), calls)
	}))
	t.Cleanup(api.Close)
	got := newWorld(t, withVennioAt(api.URL)).list(args{})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, 20, calls)
	assert.Equal(t, 20, got.Data.Total)
	assert.Contains(t, got.Text, "some bookings may be missing")
}
