package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

type vennLinkAnswer struct {
	VennLink struct {
		ShortCode string `json:"short_code"`
	} `json:"venn_link"`
}

func vennLink(members ...string) request {
	return request{method: http.MethodPost, target: "/v1/venn-links", body: `{"title":"Intro"` + strings.Join(append([]string{""}, members...), ",") + "}"}
}

func newLink(t *testing.T, s http.Handler, members ...string) string {
	t.Helper()
	return want[vennLinkAnswer](t, s, http.StatusCreated, vennLink(members...)).VennLink.ShortCode
}

// bookLink books through a link without a key, as an outsider does.
func bookLink(code string, start time.Time, members ...string) request {
	r := book(alice, start, start.Add(30*time.Minute), members...)
	r.target, r.key = "/v1/venn-links/"+code+"/book", "-"
	r.body = strings.Replace(r.body, `"business_id":"`+alice.ID+`",`, "", 1)
	return r
}

// A link with a price: the booking waits for its payment on the page of the sandbox.
func TestPaidVennLink(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ members, price string }{
		"cents":       {`"price_amount":5005,"price_currency":"EUR"`, "50.05 EUR"},
		"few cents":   {`"price_amount":5,"price_currency":"usd"`, "0.05 USD"},
		"no decimals": {`"price_amount":5000,"price_currency":"jpy"`, "5000 JPY"},
		"mills":       {`"price_amount":5000,"price_currency":"kwd"`, "5.000 KWD"},
		"inherited":   {`"principal_id":"` + haruka.ID + `"`, "5000 JPY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(sandbox.Options{})
			host := alice
			if name == "inherited" {
				host = haruka
			}
			code := newLink(t, s, tc.members)
			made := want[bookingAnswer](t, s, http.StatusCreated, bookLink(code, freeSlot(t, s, host).Start)).Booking
			assert.Equal(t, "pending_payment", made.Status)
			require.NotEmpty(t, made.CheckoutURL)
			assert.Contains(t, send(s, request{method: http.MethodGet, target: "/checkout/" + made.ID}).Body.String(), tc.price)
			require.NoError(t, s.Pay(made.ID))
			assert.Equal(t, "confirmed", status(t, s, made.ID))
		})
	}
}

func TestFreeVennLink(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	code := newLink(t, s, `"principal_id":"`+haruka.ID+`","price_amount":0`)
	made := want[bookingAnswer](t, s, http.StatusCreated, bookLink(code, freeSlot(t, s, haruka).Start)).Booking
	assert.Equal(t, []string{"confirmed", "", "Intro"}, []string{made.Status, made.CheckoutURL, made.Title})
}

func TestInvalidVennLinks(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for field, bodies := range map[string][]string{
		"price_amount":     {`"price_amount":-1,"price_currency":"eur"`, `"price_amount":100000000,"price_currency":"eur"`, `"price_currency":"eur"`, `"price_amount":1.5,"price_currency":"eur"`},
		"price_currency":   {`"price_amount":1`, `"price_amount":1,"price_currency":"xxz"`, `"price_amount":1,"price_currency":"euro"`, `"price_amount":1,"price_currency":" "`},
		"duration_minutes": {`"duration_minutes":0`, `"duration_minutes":481`},
		"expires_in":       {`"expires_in":"d"`, `"expires_in":"0d"`, `"expires_in":"-1h"`, `"expires_in":"7"`, `"expires_in":"400d"`, `"expires_in":"7w"`},
		"questions[0]":     {`"questions":[{}]`, `"questions":[{"id":"a","label":" "}]`},
		"questions[1]":     {`"questions":[{"label":"A"},{"id":"q1","label":"B"}]`},
		"questions":        {`"questions":[` + strings.TrimSuffix(strings.Repeat(`{"label":"A"},`, 21), ",") + `]`},
		"answers":          {`"answers":{}`},
	} {
		for _, members := range bodies {
			assert.Contains(t, refused(t, s, http.StatusBadRequest, "validation-error", vennLink(members)).Errors, field, members)
		}
	}
	refused(t, s, http.StatusBadRequest, "validation-error", request{method: http.MethodPost, target: "/v1/venn-links", body: `{}`})
	refused(t, s, http.StatusNotFound, "not-found", vennLink(`"principal_id":"someone"`))
	anonymous := vennLink()
	anonymous.key = "-"
	refused(t, s, http.StatusUnauthorized, "unauthorized", anonymous)
}

func TestInvalidBookingsOfAVennLink(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newServer(sandbox.Options{Now: clock.Now})
	code := newLink(t, s, `"questions":[{"id":"company","label":"Which?","required":true}],"expires_in":"2d"`)
	start := freeSlot(t, s, alice).Start
	answered := `"answers":{"company":"Acme"}`
	for field, members := range map[string]string{
		"answers.company": `"answers":{}`, "answers.other": `"answers":{"company":"Acme","other":"x"}`, "success_url": answered + `,"success_url":"https://example.org"`,
		"business_id": answered + `,"business_id":"` + bob.ID + `"`,
	} {
		assert.Contains(t, refused(t, s, http.StatusBadRequest, "validation-error", bookLink(code, start, members)).Errors, field)
	}
	for field, change := range map[string][2]string{
		"end_time": {iso(start.Add(30 * time.Minute)), iso(start.Add(time.Hour))}, "customer_email": {"guest@example.org", "guest"}, "customer_name": {"Gwen Guest", " "},
	} {
		r := bookLink(code, start, answered)
		r.body = strings.Replace(r.body, change[0], change[1], 1)
		assert.Contains(t, refused(t, s, http.StatusBadRequest, "validation-error", r).Errors, field)
	}
	refused(t, s, http.StatusUnprocessableEntity, "time-in-past", bookLink(code, wednesday.Add(-time.Hour), answered))
	r := bookLink(code, start, answered)
	r.idempotency = "link-1"
	made := want[bookingAnswer](t, s, http.StatusCreated, r).Booking
	assert.Equal(t, made, want[bookingAnswer](t, s, http.StatusCreated, r).Booking, "the same key replays the answer")
	refused(t, s, http.StatusConflict, "slot-unavailable", bookLink(code, start, answered))
	series := want[seriesAnswer](t, s, http.StatusCreated, bookLink(code, freeSlot(t, s, alice).Start, answered, `"recurrence":{"frequency":"weekly","count":2}`))
	assert.NotEmpty(t, series.Bookings)
	clock.Advance(48 * time.Hour)
	refused(t, s, http.StatusNotFound, "not-found", bookLink(code, start.AddDate(0, 0, 7), answered))
	refused(t, s, http.StatusNotFound, "not-found", bookLink("nothing", start, answered))
	s.Disconnect(alice.ID)
	refused(t, s, http.StatusNotFound, "calendar-not-connected", bookLink(newLink(t, s), start.AddDate(0, 0, 7)))
}
