package vennioclient_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// account starts a sandbox whose clock is set to Wednesday 13 May 2026, 08:00 UTC.
func account(t *testing.T, d vennioclient.Dialect) (*sandbox.Server, *vennioclient.Client) {
	t.Helper()
	now := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	box := sandbox.New(sandbox.Options{Now: func() time.Time { return now }, Seed: 1})
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	return box, client(t, vennioclient.WithBaseURL(server.URL), vennioclient.WithDialect(d))
}

// request asks for the first free hour of the sandbox's first host.
func request(t *testing.T, c *vennioclient.Client) vennioclient.BookingRequest {
	t.Helper()
	from := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	hosts := []string{sandbox.Hosts()[0].ID}
	free, err := c.Slots(t.Context(), vennioclient.SlotsQuery{Hosts: hosts, Duration: time.Hour, From: from, To: from.AddDate(0, 0, 5)})
	require.NoError(t, err)
	require.NotEmpty(t, free)
	return vennioclient.BookingRequest{
		Hosts: hosts, Customer: vennioclient.Person{Email: "guest@example.org"}, Others: []vennioclient.Person{{Email: "ann@example.net"}},
		Start: free[0].Start, End: free[0].End, Title: "Design review", Notes: "Second pass.",
	}
}

func TestLifeOfABooking(t *testing.T) {
	t.Parallel()
	for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		_, c := account(t, d)
		r := request(t, c)
		made, err := c.CreateBooking(t.Context(), "life-1", r)
		require.NoError(t, err)
		assert.Equal(t, []any{r.Title, r.Notes, r.Start, r.End, vennioclient.StatusConfirmed}, []any{made.Title, made.Notes, made.Start, made.End, made.Status})

		_, err = c.CreateBooking(t.Context(), "life-2", r)
		assert.Equal(t, vennioclient.KindSlotTaken, vennioclient.KindOf(err))
		late := r
		late.Title = "Another"
		_, err = c.CreateBooking(t.Context(), "life-1", late)
		assert.Equal(t, vennioclient.KindKeyReused, vennioclient.KindOf(err))

		moved, err := c.UpdateBooking(t.Context(), "life-3", made.ID, vennioclient.BookingUpdate{Start: request(t, c).Start})
		require.NoError(t, err)
		assert.Equal(t, time.Hour, moved.End.Sub(moved.Start))
		require.NoError(t, c.CancelBooking(t.Context(), "life-4", made.ID, vennioclient.CancelSingle))
		read, err := c.GetBooking(t.Context(), made.ID)
		require.NoError(t, err)
		assert.Equal(t, vennioclient.StatusCancelled, read.Status)
		page, err := c.ListBookings(t.Context(), vennioclient.BookingsQuery{Host: r.Hosts[0], Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, []vennioclient.Booking{*read}, page.Bookings)
	}
}

// Whatever is lost on the way, one call is one booking. req: I2
func TestReq_I2_LostAnswersBookOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
			box, c := account(t, d)
			r := request(t, c)
			fault(box)
			made, err := c.CreateBooking(t.Context(), "lost-1", r)
			require.NoError(t, err, name)
			require.Len(t, box.Bookings(), 1, name)
			assert.Equal(t, box.Bookings()[0].ID, made.ID)
		}
	}
}

// A poll from its creation through five votes to a booked meeting, and back.
func TestLifeOfAPoll(t *testing.T) {
	t.Parallel()
	for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		box, c := account(t, d)
		r := request(t, c)
		emails := []string{"a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"}
		poll := vennioclient.ProposalRequest{Mode: vennioclient.ModePoll, VoterEmails: emails, Message: "Board call", ExpiresIn: 72 * time.Hour, Slots: []vennioclient.ProposedTime{
			{Start: r.Start.AddDate(0, 0, 5), End: r.End.AddDate(0, 0, 5)}, {Start: r.Start.AddDate(0, 0, 4), End: r.End.AddDate(0, 0, 4)},
		}}
		made, err := c.CreateProposal(t.Context(), "poll-1", poll)
		require.NoError(t, err)
		again, err := c.CreateProposal(t.Context(), "poll-1", poll)
		require.NoError(t, err)
		require.Equal(t, made.ID, again.ID)
		for i, one := range made.Invitations {
			assert.Equal(t, emails[i], one.Email)
			token := invitation(t, one.Link.Reveal())
			seen, err := c.ProposalByToken(t.Context(), token)
			require.NoError(t, err)
			assert.Equal(t, emails[i], seen.Participant.Party.Email)
			p, err := c.RespondToProposal(t.Context(), vennioclient.IdempotencyKey("vote-"+seen.Participant.ID), made.ID,
				vennioclient.ProposalResponse{Action: vennioclient.ActionAccept, SlotID: seen.Slots[i%2].ID, Invitation: token})
			require.NoError(t, err)
			assert.Equal(t, i == len(emails)-1, p.Status == vennioclient.ProposalAccepted)
		}
		p, err := c.GetProposal(t.Context(), made.ID)
		require.NoError(t, err)
		assert.Equal(t, []int{3, 2}, []int{p.Slots[0].Votes, p.Slots[1].Votes})
		assert.Equal(t, []bool{true, false}, []bool{p.Slots[0].Selected, p.Slots[1].Selected})
		b, err := c.GetBooking(t.Context(), p.BookingID)
		require.NoError(t, err)
		assert.Equal(t, []any{poll.Slots[0].Start, vennioclient.StatusConfirmed}, []any{b.Start, b.Status})
		p, err = c.CancelProposal(t.Context(), p.ID)
		require.NoError(t, err)
		assert.Equal(t, vennioclient.ProposalCancelled, p.Status)
		assert.Equal(t, vennioclient.StatusCancelled, box.Bookings()[0].Status)
	}
}

// A link from its creation to a paid booking.
func TestLifeOfAVennLink(t *testing.T) {
	t.Parallel()
	box, c := account(t, vennioclient.Reference)
	r := request(t, c)
	link, err := c.CreateVennLink(t.Context(), "link-1", vennioclient.VennLinkRequest{
		Title: "Intro", Duration: time.Hour, Price: &vennioclient.Price{Amount: 5000, Currency: "EUR"}, Questions: []vennioclient.Question{{Label: "Company?", Required: true}},
	})
	require.NoError(t, err)
	order := vennioclient.LinkBookingRequest{Customer: r.Customer, Start: r.Start, End: r.End}
	_, err = c.BookVennLink(t.Context(), "order-1", link.Code, order)
	assert.Contains(t, asError(t, err).Fields, "answers."+link.Questions[0].ID)
	order.Answers = map[string]string{link.Questions[0].ID: "Acme"}
	b, err := c.BookVennLink(t.Context(), "order-2", link.Code, order)
	require.NoError(t, err)
	assert.Equal(t, vennioclient.StatusPendingPayment, b.Status)
	assert.NotEmpty(t, c.SafeLink(b.CheckoutURL))
	require.NoError(t, box.Pay(b.ID))
	b, err = c.GetBooking(t.Context(), b.ID)
	require.NoError(t, err)
	assert.Equal(t, []any{vennioclient.StatusConfirmed, order.Answers}, []any{b.Status, b.Answers})
}

// Whatever is lost on the way, one call is one proposal, one vote, one link and one booking. req: I2
func TestReq_I2_LostAnswersOfProposalsAndLinks(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		box, c := account(t, vennioclient.Reference)
		r := request(t, c)
		slot := vennioclient.ProposedTime{Start: r.Start.AddDate(0, 0, 4), End: r.End.AddDate(0, 0, 4)}
		fault(box)
		made, err := c.CreateProposal(t.Context(), "lost-1", vennioclient.ProposalRequest{Mode: vennioclient.ModePoll, VoterEmails: []string{"a@example.org"}, Slots: []vennioclient.ProposedTime{slot}})
		require.NoError(t, err, name)
		require.Len(t, box.Invitations(), 1, name)
		fault(box)
		p, err := c.RespondToProposal(t.Context(), "lost-2", made.ID, vennioclient.ProposalResponse{
			Action: vennioclient.ActionAccept, SlotID: made.Slots[0].ID, Invitation: invitation(t, made.Invitations[0].Link.Reveal()),
		})
		require.NoError(t, err, name)
		assert.Equal(t, vennioclient.ProposalAccepted, p.Status, name)
		fault(box)
		link, err := c.CreateVennLink(t.Context(), "lost-3", vennioclient.VennLinkRequest{Title: "Intro", Duration: time.Hour})
		require.NoError(t, err, name)
		fault(box)
		_, err = c.BookVennLink(t.Context(), "lost-4", link.Code, vennioclient.LinkBookingRequest{Customer: r.Customer, Start: r.Start, End: r.End})
		require.NoError(t, err, name)
		links, err := c.ListVennLinks(t.Context(), vennioclient.VennLinksQuery{})
		require.NoError(t, err)
		assert.Len(t, links.Links, 1, name)
		assert.Len(t, box.Bookings(), 2, name)
	}
}

// The reason for a 404 may be a calendar that is not connected.
func TestCalendarNotConnected(t *testing.T) {
	t.Parallel()
	box, c := account(t, vennioclient.Reference)
	for _, h := range sandbox.Hosts() {
		box.Disconnect(h.ID)
	}
	from := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	_, err := c.TeamAvailability(t.Context(), vennioclient.TeamQuery{TeamID: sandbox.Teams()[0].ID, From: from, To: from.AddDate(0, 0, 1)})
	assert.Equal(t, vennioclient.KindCalendarNotConnected, asError(t, err).Kind)
	all, err := c.Calendars(t.Context())
	require.NoError(t, err)
	assert.Empty(t, all.Calendars)
	assert.Equal(t, []vennioclient.CalendarProvider{{Name: "google"}, {Name: "microsoft"}}, all.Providers)
}
