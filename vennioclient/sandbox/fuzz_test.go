package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// Whatever the body, the answer is JSON, and the fault is never the server's.
func FuzzBookingBody(f *testing.F) {
	for _, seed := range []string{
		guideBody, subscribe("https://example.com/").body, "", "{", "[]", `{"start":1}`, `{"participants":[""]}`, `{"participants":["user:","@"]}`,
		book(alice, tomorrow.AddDate(0, 0, 1), tomorrow.AddDate(0, 0, 2)).body,
		book(bob, tomorrow, tomorrow, `"recurrence":{"frequency":"monthly","until_date":"9999-12-31"}`).body,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(sandbox.Options{})
		made := booked(t, s, alice)
		for _, r := range []request{
			{method: http.MethodPost, target: "/v1/bookings", body: body},
			patch(made.ID, body),
			{method: http.MethodPost, target: "/v1/webhooks", body: body}, // last, so that no change causes a delivery to it
		} {
			w := send(s, r)
			assert.Less(t, w.Code, http.StatusInternalServerError, "%q", body)
			require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
		}
	})
}

// Whatever the query, the answer is JSON, and the fault is never the server's.
func FuzzSlotsQuery(f *testing.F) {
	for _, r := range []request{slotsOf(alice, tomorrow, tomorrow.Add(week), "group_by_day", "true"), operations["next"], operations["mutual"]} {
		_, query, _ := strings.Cut(r.target, "?")
		f.Add(query)
	}
	f.Add("from=0000-01-01&to=9999-12-31&timezone=../../etc/passwd&participants=,,user:,@")
	f.Fuzz(func(t *testing.T, query string) {
		s := newServer(sandbox.Options{})
		for _, path := range []string{"/v1/availability/slots", "/v1/availability/next", "/v1/availability/mutual"} {
			r := get(path)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.target, nil)
			require.NoError(t, err)
			req.URL.RawQuery = query
			w := serve(s, req)
			assert.Less(t, w.Code, http.StatusInternalServerError, "%q", query)
			require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
		}
	})
}

// Whatever the body, a proposal, a response and a Venn Link are answered with JSON.
func FuzzProposalBody(f *testing.F) {
	for _, seed := range []string{
		"", "{", "null", `{"mode":"poll"}`, propose(`"mode":"poll"`, times(pollTimes...)).body, propose(`"participant_ids":["`+alice.ID+`"]`, times(pollTimes...)).body,
		accept(proposal{Slots: make([]proposalSlot, 1)}, 0, "/x").body, respond("", "/x", `"action":"counter"`, `"counter_slots":[null]`).body,
		vennLink(`"price_amount":1,"price_currency":"eur","questions":[{"label":"?"}],"expires_in":"7d"`).body, bookLink("", tomorrow, `"answers":{"q1":""}`).body,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(sandbox.Options{})
		p, code := openPoll(t, s).Proposal, newLink(t, s)
		for _, r := range []request{propose(), end(p, "/response"), end(p, "/close"), end(p, "/cancel"), vennLink(), {method: http.MethodPost, target: "/v1/venn-links/" + code + "/book"}} {
			r.body = body
			for _, r.key = range []string{"", "-"} {
				w := send(s, r)
				assert.Less(t, w.Code, http.StatusInternalServerError, "%q", body)
				require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
			}
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		sandbox.New(sandbox.Options{})
	}
}

func BenchmarkSlotsOfAFortnight(b *testing.B) {
	s := newServer(sandbox.Options{RateLimitPerHour: -1})
	r := slotsOf(alice, tomorrow, tomorrow.Add(2*week))
	for b.Loop() {
		send(s, r)
	}
}
