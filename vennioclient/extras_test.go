package vennioclient_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// keeps answers a booking with what was sent, as Vennio would keep it.
func keeps(w http.ResponseWriter, r *http.Request) {
	sent := map[string]any{}
	_ = json.NewDecoder(r.Body).Decode(&sent)
	sent["id"] = "b-1"
	_ = json.NewEncoder(w).Encode(map[string]any{"booking": sent})
}

// inProcess sends requests to a handler without a network.
type inProcess http.HandlerFunc

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

// A booking that is read has everything that was requested, in either dialect: the
// extras are taken out of the notes and the metadata again.
func TestBookingsAreReadAsRequested(t *testing.T) {
	t.Parallel()
	reference := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: inProcess(keeps)}))
	guide := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: inProcess(keeps)}), vennioclient.WithDialect(vennioclient.Guide))
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRequest(rt)
		made, err := reference.CreateBooking(t.Context(), "k", r)
		require.NoError(rt, err)
		local, _, _ := strings.Cut(r.Customer.Email, "@")
		assert.Equal(rt, vennioclient.Person{Email: r.Customer.Email, Name: cmp.Or(r.Customer.Name, local)}, made.Customer)
		assert.Equal(rt, r.Hosts[0], made.HostID)
		same(rt, r, made)
		require.Len(rt, made.Participants, len(r.Hosts)-1+len(r.Others))
		for i, p := range r.Others {
			want := p.Email
			if p.Name != "" {
				want = fmt.Sprintf("%s <%s>", p.Name, p.Email)
			}
			assert.Equal(rt, want, made.Participants[len(r.Hosts)-1+i])
		}

		made, err = guide.CreateBooking(t.Context(), "k", r)
		require.NoError(rt, err)
		same(rt, r, made)
		assert.Len(rt, made.Participants, len(r.Hosts)+1+len(r.Others))
	})
}

func same(t assert.TestingT, r vennioclient.BookingRequest, made *vennioclient.Booking) {
	assert.Equal(t, r.Title, made.Title)
	assert.Equal(t, r.Notes, made.Notes)
	assert.Equal(t, r.Metadata, made.Metadata)
	assert.True(t, r.Start.Equal(made.Start))
	assert.True(t, r.End.Equal(made.End))
}

func drawRequest(t *rapid.T) vennioclient.BookingRequest {
	text := rapid.StringMatching(`[ \n]{0,3}[A-Za-zé<>:, \n]{0,40}[ \n]{0,3}`)
	id := rapid.StringMatching(`[a-z0-9-]{1,12}`)
	person := rapid.Custom(func(t *rapid.T) vennioclient.Person {
		return vennioclient.Person{Email: id.Draw(t, "user") + "@example.com", Name: rapid.StringMatching(`[A-Z][a-z, ]{0,8}|`).Draw(t, "name")}
	})
	start := time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "start"), 0)
	r := vennioclient.BookingRequest{
		Hosts:    rapid.SliceOfN(id, 1, 3).Draw(t, "hosts"),
		Customer: person.Draw(t, "customer"),
		Others:   rapid.SliceOfN(person, 0, 4).Draw(t, "others"),
		Start:    start, End: start.Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "length")) * time.Millisecond),
		Title: text.Draw(t, "title"), Notes: text.Draw(t, "notes"),
		Metadata: rapid.MapOfN(rapid.StringMatching(`x[a-z]{0,9}`), text, 0, 5).Draw(t, "metadata"),
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	return r
}

// Notes that were changed since are left as they are.
func TestChangedNotesAreNotModified(t *testing.T) {
	t.Parallel()
	for notes, want := range map[string]string{
		`Kick-off\n\nNew.\n\nAlso invited: bob@example.com`: "New.",
		`Kick-off\n\nAlso invited: bob@example.com`:         "",
		`Kick-off`:     "",
		`Kick-off now`: "Kick-off now",
		`New.\n\nAlso invited: bob@example.com, carol@example.com`: "New.\n\nAlso invited: bob@example.com, carol@example.com",
		`Also invited: bob@example.com`:                            "",
		`New.`:                                                     "New.",
		``:                                                         "",
	} {
		body := `{"id":"b-1","notes":"` + notes + `","metadata":{"mcp_title":"Kick-off","mcp_attendee_2":"bob@example.com"}}`
		got, err := play(t, answers(200, body)).client().GetBooking(t.Context(), "b-1")
		require.NoError(t, err)
		assert.Equal(t, want, got.Notes, notes)
		assert.Equal(t, "Kick-off", got.Title)
		assert.Equal(t, []string{"bob@example.com"}, got.Participants)
		assert.Nil(t, got.Metadata)
	}
}

func TestFurtherHostsAreWrittenUnderTheirNames(t *testing.T) {
	t.Parallel()
	var notes string
	c := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: inProcess(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Notes string }
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &sent)
		notes = sent.Notes
		r.Body = io.NopCloser(bytes.NewReader(raw))
		keeps(w, r)
	})}))
	made, err := c.CreateBooking(t.Context(), "k", vennioclient.BookingRequest{
		Hosts: []string{"id-1", "id-2", "id-3"}, HostNames: []string{"Alice", "Bob"},
		Customer: vennioclient.Person{Email: "ada@example.com"}, Start: monday, End: monday.Add(time.Hour), Notes: "Bring the plans.",
	})
	require.NoError(t, err)
	assert.Equal(t, "Bring the plans.\n\nAlso hosting: Bob <id-2>, id-3", notes)
	assert.Equal(t, "Bring the plans.", made.Notes)
	assert.Equal(t, []string{"Bob <id-2>", "id-3"}, made.Participants)
}
