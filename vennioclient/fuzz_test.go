package vennioclient_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// canned answers every request alike, without a network.
type canned struct {
	status int
	body   []byte
}

func (a canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// Whatever Vennio answers, every call gives a result or an *Error with a known
// kind, never both and never a panic. req: Q3
func FuzzDecodeAnswer(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.json")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			f.Add(uint16(200), raw)
		}
	}
	for _, body := range []string{
		``, `null`, `[]`, `{}`, aBooking, htmlPage, `[` + nine + `]`, `{"slot":` + ten + `}`, `{"slots":{"2026-05-18":[` + fri + `]}}`,
		`{"data":{"bookings":[{"id":1}]},"pagination":{"next_cursor":"n"}}`, `{"error":{"message":"m"},"errors":[{"field":"f"}]}`,
		`{"booking_series":{"id":"s","created_count":1},"bookings":[{"id":"b"}]}`, `{"webhooks":[{"id":"w","events":["a"]}]}`,
		`{"consents":[{"id":1,"scopes":"a b","grantor":"p"}]}`, `{"id":"b","metadata":{"mcp_title":"t","mcp_attendee_2":"a"},"notes":"t\n\na"}`,
	} {
		for _, status := range []uint16{200, 201, 204, 404, 409, 422, 503} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		c, err := vennioclient.New(canary, once, vennioclient.WithHTTPClient(&http.Client{Transport: canned{200 + int(status)%400, body}}))
		if err != nil {
			t.Fatal(err)
		}
		everyCall(t, c)
	})
}

// everyCall makes every call that decodes an answer, once.
func everyCall(t *testing.T, c *vennioclient.Client) {
	t.Helper()
	slots, err := c.Slots(t.Context(), aQuery)
	oneOf(t, slots != nil, err)
	_, err = c.NextSlot(t.Context(), vennioclient.NextSlotQuery{Host: "h"})
	oneOf(t, err == nil, err)
	booking, err := c.CreateBooking(t.Context(), "k", aRequest)
	oneOf(t, booking != nil, err)
	bookings, err := c.ListBookings(t.Context(), vennioclient.BookingsQuery{})
	oneOf(t, bookings != nil, err)
	series, err := c.CreateSeries(t.Context(), "k", aSeries)
	oneOf(t, series != nil, err)
	webhook, err := c.CreateWebhook(t.Context(), "k", aWebhook)
	oneOf(t, webhook != nil, err)
	webhooks, err := c.ListWebhooks(t.Context())
	oneOf(t, webhooks != nil, err)
	consents, err := c.ListConsents(t.Context(), vennioclient.ConsentsQuery{})
	oneOf(t, consents != nil, err)
	hosts, err := c.Hosts(t.Context(), vennioclient.HostsQuery{})
	oneOf(t, hosts != nil, err)
	created, err := c.CreateProposal(t.Context(), "k", aPoll)
	oneOf(t, created != nil, err)
	proposals, err := c.ListProposals(t.Context(), vennioclient.ProposalsQuery{})
	oneOf(t, proposals != nil, err)
	view, err := c.ProposalByToken(t.Context(), invitation(t, aToken))
	oneOf(t, view != nil, err)
	answered, err := c.RespondToProposal(t.Context(), "k", "p-1", aVote(t))
	oneOf(t, answered != nil, err)
	closed, err := c.CloseProposal(t.Context(), "p-1")
	oneOf(t, closed != nil, err)
	file, err := c.ProposalICS(t.Context(), "p-1", invitation(t, aToken))
	oneOf(t, file != nil, err)
	link, err := c.CreateVennLink(t.Context(), "k", vennioclient.VennLinkRequest{Title: "x"})
	oneOf(t, link != nil, err)
	links, err := c.ListVennLinks(t.Context(), vennioclient.VennLinksQuery{})
	oneOf(t, links != nil, err)
	read, err := c.ListBookingSeries(t.Context(), vennioclient.SeriesQuery{})
	oneOf(t, read != nil, err)
	calendars, err := c.Calendars(t.Context())
	oneOf(t, calendars != nil, err)
	synced, err := c.SyncCalendars(t.Context())
	oneOf(t, synced != nil, err)
	for _, s := range slots {
		if !s.End.After(s.Start) {
			t.Fatalf("a slot that ends before it starts: %v", s)
		}
	}
}

func oneOf(t *testing.T, result bool, err error) {
	t.Helper()
	if result == (err != nil) {
		t.Fatalf("result %t, error %v", result, err)
	}
	if err == nil {
		return
	}
	e, ok := errors.AsType[*vennioclient.Error](err)
	if !ok || !slices.Contains(vennioclient.Kinds(), e.Kind) {
		t.Fatalf("not an error of the client: %#v", err)
	}
	_ = e.Error()
}
