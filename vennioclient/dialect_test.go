package vennioclient_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var berlin = time.FixedZone("", 2*60*60)

var (
	aMonday  = vennioclient.SlotsQuery{Hosts: []string{"h-1"}, Duration: time.Hour, From: monday.In(berlin), To: monday.AddDate(0, 0, 1), Timezone: "Europe/Berlin"}
	detailed = vennioclient.SlotsQuery{Hosts: []string{"h-1"}, Interval: 15 * time.Minute, Buffer: 5 * time.Minute, ConsentID: "c-1"}
	soon     = vennioclient.NextSlotQuery{Host: "team:h-1", Duration: 45 * time.Minute, After: monday.In(berlin), DaysAhead: 7, Timezone: "UTC"}
	together = vennioclient.MutualQuery{Hosts: []string{"h-1", "h-2"}, Duration: time.Hour, From: monday, To: monday.AddDate(0, 0, 1), Timezone: "UTC", Limit: 3}
)

const mondaySpan = "&from=2026-05-18T09:00:00Z&to=2026-05-19T09:00:00Z"

var queries = map[string]struct {
	call             func(context.Context, *vennioclient.Client) error
	reference, guide string
}{
	"slots": {
		func(ctx context.Context, c *vennioclient.Client) error { return second(c.Slots(ctx, aMonday)) },
		"/v1/availability/slots?business_id=h-1&duration_minutes=60&timezone=Europe/Berlin" + mondaySpan,
		"/v1/availability/slots?participants=user:h-1&duration=60&timezone=Europe/Berlin" + mondaySpan,
	},
	"detailed slots": {
		func(ctx context.Context, c *vennioclient.Client) error { return second(c.Slots(ctx, detailed)) },
		"/v1/availability/slots?business_id=h-1&slot_interval=15&buffer=5&consent_id=c-1",
		"/v1/availability/slots?participants=user:h-1&slot_interval=15&buffer=5&consent_id=c-1",
	},
	"next": {
		func(ctx context.Context, c *vennioclient.Client) error { return second(c.NextSlot(ctx, soon)) },
		"/v1/availability/next?business_id=team:h-1&duration_minutes=45&after=2026-05-18T09:00:00Z&days_ahead=7&timezone=UTC",
		"/v1/availability/next?participants=team:h-1&duration=45&after=2026-05-18T09:00:00Z&days_ahead=7&timezone=UTC",
	},
	"mutual": {
		func(ctx context.Context, c *vennioclient.Client) error { return second(c.MutualSlots(ctx, together)) },
		"/v1/availability/mutual?principal_ids=h-1,h-2&duration_minutes=60&timezone=UTC&limit=3" + mondaySpan,
		"/v1/availability/slots?participants=user:h-1,user:h-2&duration=60&timezone=UTC" + mondaySpan,
	},
}

// One Go value, two ways of writing it; what is zero is not written.
func TestQueriesInBothDialects(t *testing.T) {
	t.Parallel()
	for name, row := range queries {
		for dialect, want := range map[vennioclient.Dialect]string{vennioclient.Reference: row.reference, vennioclient.Guide: row.guide} {
			v := play(t, answers(200, `{"slots":[]}`))
			c := v.client(vennioclient.WithDialect(dialect))
			assert.Equal(t, dialect, c.Dialect())
			require.NoError(t, row.call(t.Context(), c), name)
			got, err := url.Parse(v.requests()[0].uri)
			require.NoError(t, err)
			expected, err := url.Parse(want)
			require.NoError(t, err)
			assert.Equal(t, expected.Path, got.Path, "%s, %s", name, dialect)
			assert.Equal(t, expected.Query(), got.Query(), "%s, %s", name, dialect)
		}
	}
}

func fullRequest() vennioclient.BookingRequest {
	r := aRequest
	r.Hosts = []string{"h-1", "team:h-2"}
	r.Others = []vennioclient.Person{{Email: "bob@example.com", Name: "Bob"}, {Email: "carol@example.com"}}
	r.Start, r.End = r.Start.In(berlin), r.End.In(berlin)
	r.Title, r.Notes = "Kick-off", "Bring the plans."
	r.Metadata = map[string]string{"order": "4711"}
	return r
}

// The bytes of a booking are fixed: a stored idempotency key means these bytes.
func TestBookingBytes(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[vennioclient.Dialect]string{
		vennioclient.Reference: `{"business_id":"h-1","customer_email":"alice@example.com","customer_name":"Alice",` +
			`"start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T09:30:00Z",` +
			`"notes":"Kick-off\n\nBring the plans.\n\nAlso invited: Bob \u003cbob@example.com\u003e, carol@example.com\nAlso hosting: team:h-2",` +
			`"metadata":{"mcp_attendee_2":"Bob \u003cbob@example.com\u003e","mcp_attendee_3":"carol@example.com","mcp_host_2":"team:h-2","mcp_title":"Kick-off","order":"4711"}}`,
		vennioclient.Guide: `{"participants":["user:h-1","team:h-2","user:alice@example.com","user:bob@example.com","user:carol@example.com"],` +
			`"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:30:00Z","title":"Kick-off","notes":"Bring the plans.","metadata":{"order":"4711"}}`,
	} {
		v := play(t, answers(201, aBooking), answers(201, aBooking))
		c := v.client(vennioclient.WithDialect(dialect))
		for range 2 {
			_, err := c.CreateBooking(t.Context(), "k", fullRequest())
			require.NoError(t, err)
		}
		assert.Equal(t, want, v.requests()[0].body)
		assert.Equal(t, want, v.requests()[1].body)
	}
}

func TestPlainBookingHasNoExtras(t *testing.T) {
	t.Parallel()
	v := play(t, answers(201, aBooking))
	_, err := v.client().CreateBooking(t.Context(), "k", aRequest)
	require.NoError(t, err)
	assert.NotContains(t, v.requests()[0].body, "notes")
	assert.NotContains(t, v.requests()[0].body, "metadata")
}

func TestUpdateBytes(t *testing.T) {
	t.Parallel()
	u := vennioclient.BookingUpdate{Start: monday, Notes: new(""), Metadata: map[string]string{"a": "b"}}
	for dialect, want := range map[vennioclient.Dialect]string{
		vennioclient.Reference: `{"start_time":"2026-05-18T09:00:00Z","notes":"","metadata":{"a":"b"}}`,
		vennioclient.Guide:     `{"start":"2026-05-18T09:00:00Z","notes":"","metadata":{"a":"b"}}`,
	} {
		v := play(t, answers(200, aBooking))
		_, err := v.client(vennioclient.WithDialect(dialect)).UpdateBooking(t.Context(), "k", "b-1", u)
		require.NoError(t, err)
		assert.Equal(t, http.MethodPatch, v.requests()[0].method)
		assert.Equal(t, want, v.requests()[0].body)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	r := fullRequest()
	mailed, notMailed := vennioclient.Reference.Recipients(r)
	assert.Equal(t, []vennioclient.Person{r.Customer}, mailed)
	assert.Equal(t, r.Others, notMailed)

	mailed, notMailed = vennioclient.Guide.Recipients(r)
	assert.Equal(t, append([]vennioclient.Person{r.Customer}, r.Others...), mailed)
	assert.Empty(t, notMailed)

	r.Customer = vennioclient.Person{}
	mailed, _ = vennioclient.Reference.Recipients(r)
	assert.Empty(t, mailed)
}

func TestMetadataValuesAreCut(t *testing.T) {
	t.Parallel()
	r := aRequest
	r.Title, r.Metadata = strings.Repeat("ü", 600), map[string]string{"long": strings.Repeat("ß", 501), "fits": strings.Repeat("ß", 500)}
	v := play(t, answers(201, aBooking))
	_, err := v.client().CreateBooking(t.Context(), "k", r)
	require.NoError(t, err)
	body := v.requests()[0].body
	assert.Contains(t, body, `"fits":"`+strings.Repeat("ß", 500)+`"`)
	assert.Contains(t, body, `"long":"`+strings.Repeat("ß", 499)+`…"`)
	assert.Contains(t, body, `"mcp_title":"`+strings.Repeat("ü", 499)+`…"`)
}
