package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func TestTheDemoOfPollsGoesAsItSays(t *testing.T) {
	t.Parallel()
	code, out, errs := runPlain(t, clean(t), "demo", "--polls")
	assert.Zero(t, code, errs)
	for _, part := range []string{
		"NOT PROPOSED YET", "Propose these times?", "in New York", "5 personal links", "Accept this time?", "keeps no invitation links", "three of five votes", "Share this link?",
		"pending_payment: NOT confirmed until paid", "confirmed only once it was paid", "All statements were checked",
	} {
		assert.Contains(t, out, part)
	}
}

// req: C10, P4. A poll from find_slots through five votes to a booked meeting, and a link from its
// creation to a paid booking, over every transport, with the sandbox in another process's place.
func TestReq_C10_APollBecomesAMeetingAndALinkAPaidBooking(t *testing.T) {
	t.Parallel()
	for over := range transports {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			box, err := app.StartSandbox(t.Context(), "127.0.0.1:0", time.Now, nil)
			require.NoError(t, err)
			t.Cleanup(box.Close)
			c, _ := bare(t, over, stored(t, clean(t, "VENNIO_API_URL="+box.URL, "VENNIO_API_KEY="+sandbox.DefaultKey(), "VENNIO_HOSTS="+sandboxHostsSetting(),
				"VENNIO_CONSENT=attested", "VENNIO_TOOLSETS=scheduling,negotiation,links")))
			agent := &agent{mcp: c}
			yes := schemas.ConsentArgument{Consent: schemas.Consent{Granted: true, GivenBy: "Ada Byron", Statement: "Yes"}}

			found := called[schemas.FindSlotsResult](t, agent, "find_slots", schemas.FindSlotsInput{From: time.Now().AddDate(0, 0, 3).Format(time.DateOnly), Timezone: "Europe/London"})
			uri := "vennio://openings/default/30/" + time.Now().AddDate(0, 0, 5).UTC().Format(time.RFC3339)
			opened, err := read(t, c, uri)
			require.NoError(t, err)
			assert.Contains(t, opened[0].(mcp.TextResourceContents).Text, `"slot_id"`)
			follow(t, c, uri)
			in := schemas.ProposeTimesInput{Title: "Board call", Voters: voters, ConsentArgument: yes}
			for _, s := range found.Slots {
				in.SlotIDs = append(in.SlotIDs, s.SlotID)
			}
			poll := called[schemas.ProposeTimesResult](t, agent, "propose_times", in)
			require.Len(t, poll.Links, 5)
			for i, l := range poll.Links {
				vote := schemas.RespondToProposalInput{Invitation: l.Link, OptionID: poll.Options[i%2].OptionID, ConsentArgument: yes}
				assert.True(t, called[schemas.ProposalChangeResult](t, agent, "respond_to_proposal", vote).Changed)
			}
			resolved := called[schemas.GetProposalResult](t, agent, "get_proposal", schemas.GetProposalInput{ProposalID: poll.ProposalID})
			assert.Equal(t, "accepted", resolved.Status)
			assert.True(t, resolved.Options[0].Chosen)
			assert.Equal(t, []string{"ada@example.com", "cleo@example.com", "eve@example.com"}, resolved.Options[0].Voters)
			meeting := called[schemas.GetBookingResult](t, agent, "get_booking", schemas.GetBookingInput{BookingID: resolved.BookingID})
			assert.Equal(t, "confirmed", meeting.Status)
			assert.Equal(t, poll.Options[0].Start, meeting.Start)
			file, err := read(t, c, "vennio://calendars/"+resolved.BookingID)
			require.NoError(t, err)
			assert.Contains(t, file[0].(mcp.TextResourceContents).Text, "BEGIN:VCALENDAR")
			assert.Equal(t, "text/calendar", file[0].(mcp.TextResourceContents).MIMEType)

			bookThroughSharedLink(t, c, box, yes)
		})
	}
}

// bookThroughSharedLink makes a link with a price, books through it and pays.
func bookThroughSharedLink(t *testing.T, c *client.Client, box *app.Sandbox, yes schemas.ConsentArgument) {
	t.Helper()
	a := &agent{mcp: c}
	link := called[schemas.ShareLinkResult](t, a, "share_link", schemas.ShareLinkInput{
		Title: "Consultation", DurationMinutes: 45, Price: "50 EUR", Questions: []string{"Topic?"}, ConsentArgument: yes,
	})
	guest, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(box.URL))
	require.NoError(t, err)
	start := time.Now().AddDate(0, 0, 9)
	free, err := guest.Slots(t.Context(), vennioclient.SlotsQuery{Hosts: []string{aliceID()}, Duration: 45 * time.Minute, From: start, To: start.AddDate(0, 0, 5)})
	require.NoError(t, err)
	require.NotEmpty(t, free)
	booked, err := guest.BookVennLink(t.Context(), "guest", link.URL[strings.LastIndexByte(link.URL, '/')+1:], vennioclient.LinkBookingRequest{
		Customer: vennioclient.Person{Email: "gus@example.com", Name: "Gus"}, Start: free[0].Start, End: free[0].Start.Add(45 * time.Minute), Answers: map[string]string{"q1": "Engines"},
	})
	require.NoError(t, err)
	get := schemas.GetBookingInput{BookingID: booked.ID}
	assert.Equal(t, "pending_payment", called[schemas.GetBookingResult](t, a, "get_booking", get).Status)
	_, err = read(t, c, "vennio://calendars/"+booked.ID)
	require.ErrorContains(t, err, "this booking is not confirmed")
	require.NoError(t, box.Pay(booked.ID))
	assert.Equal(t, "confirmed", called[schemas.GetBookingResult](t, a, "get_booking", get).Status)
}

// called makes a call that must succeed.
func called[Out any](t *testing.T, a *agent, tool string, arguments any) Out {
	t.Helper()
	out, answer, err := toolCall[Out](t.Context(), a, tool, arguments)
	require.NoError(t, err)
	require.False(t, answer.isError, answer.text)
	return out
}
