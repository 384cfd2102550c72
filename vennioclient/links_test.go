package vennioclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestVennLinkArguments(t *testing.T) {
	t.Parallel()
	for field, requests := range map[string][]vennioclient.VennLinkRequest{
		"title":      {{}, {Title: " "}},
		"duration":   {{Title: "x", Duration: time.Second}, {Title: "x", Duration: -time.Minute}},
		"expires_in": {{Title: "x", ExpiresIn: time.Minute}, {Title: "x", ExpiresIn: -time.Hour}},
		"price": {
			{Title: "x", Price: &vennioclient.Price{Amount: -1, Currency: "EUR"}},
			{Title: "x", Price: &vennioclient.Price{Amount: 5}},
			{Title: "x", Price: &vennioclient.Price{Amount: 5, Currency: "euro"}},
			{Title: "x", Price: &vennioclient.Price{Amount: 0, Currency: "€"}},
		},
		"questions": {
			{Title: "x", Questions: []vennioclient.Question{{}}},
			{Title: "x", Questions: []vennioclient.Question{{ID: "a", Label: "A"}, {ID: "a", Label: "B"}}},
		},
	} {
		for _, r := range requests {
			_, err := play(t).client().CreateVennLink(t.Context(), "k", r)
			assert.Contains(t, asError(t, err).Fields, field, "%+v", r)
		}
	}
	who := vennioclient.Person{Email: "a@example.org"}
	for field, r := range map[string]vennioclient.LinkBookingRequest{
		"customer": {Start: monday, End: monday.Add(time.Hour)},
		"end":      {Customer: who, Start: monday, End: monday},
	} {
		_, err := play(t).client().BookVennLink(t.Context(), "k", "code", r)
		assert.Contains(t, asError(t, err).Fields, field)
	}
	_, err := play(t).client().BookVennLink(t.Context(), "k", "..", vennioclient.LinkBookingRequest{Customer: who, Start: monday, End: monday.Add(time.Hour)})
	assert.Contains(t, asError(t, err).Fields, "id")
}

// Vennio does not publish the form of a Venn Link.
func TestFormsOfAVennLink(t *testing.T) {
	t.Parallel()
	want := vennioclient.VennLink{ID: "l-1", Code: "intro", URL: "https://vennio.app/intro", Title: "Intro", Duration: 30 * time.Minute, Price: &vennioclient.Price{Amount: 5000, Currency: "EUR"}}
	for _, body := range []string{
		`{"id":"l-1","short_code":"intro","url":"https://vennio.app/intro","title":"Intro","duration_minutes":30,"price_amount":5000,"price_currency":"eur"}`,
		`{"venn_link":{"id":"l-1","code":"intro","url":"https://vennio.app/intro","title":"Intro","duration":30,"price_amount":5000,"price_currency":"EUR"}}`,
		`{"data":{"vennLink":{"id":"l-1","url":"https://vennio.app/intro","title":"Intro","durationMinutes":30,"priceAmount":5000,"priceCurrency":"eur"}}}`,
	} {
		got, err := play(t, answers(201, body)).client().CreateVennLink(t.Context(), "k", vennioclient.VennLinkRequest{Title: "Intro"})
		require.NoError(t, err, body)
		assert.Equal(t, want, *got, body)
	}
	for _, body := range []string{`[{"id":"l-1"}]`, `{"venn_links":[{"id":"l-1"}]}`, `{"vennLinks":[{"id":"l-1"}]}`, `{"links":[{"id":"l-1"}]}`, `{"data":[{"id":"l-1"}]}`, `{"data":{"links":[{"id":"l-1"}]}}`} {
		page, err := play(t, answers(200, body)).client().ListVennLinks(t.Context(), vennioclient.VennLinksQuery{})
		require.NoError(t, err, body)
		assert.Equal(t, []vennioclient.VennLink{{ID: "l-1"}}, page.Links, body)
	}
	for _, body := range []string{`{}`, `{"venn_link":{}}`, `{"id":"l-1","expires_at":"soon"}`, `{"id":"l-1","questions":["?"]}`} {
		_, err := play(t, answers(201, body)).client().CreateVennLink(t.Context(), "k", vennioclient.VennLinkRequest{Title: "Intro"})
		assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err), body)
	}
}
