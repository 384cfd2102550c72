package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// voters are the five people who are asked in the poll of the demo.
var voters = []string{"ada@example.com", "ben@example.com", "cleo@example.com", "dan@example.com", "eve@example.com"}

// playPolls shows a poll from find_slots through five votes to a booked meeting, and a link from its
// creation to a paid booking.
func (d *demo) playPolls(ctx context.Context) error {
	d.title("vennio-mcp: a poll becomes a meeting, and a link a paid booking, in a sandbox of Vennio. Nothing here is real.")
	if err := d.pairBrowser(ctx); err != nil {
		return err
	}
	poll, err := d.proposeTimes(ctx)
	if err == nil {
		err = d.vote(ctx, poll)
	}
	if err == nil {
		err = d.bookThroughLink(ctx)
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	d.title("All statements were checked. Next: offer these tools with --toolsets " + strings.Join(tools.Toolsets(), ",") + ".")
	return nil
}

func (d *demo) proposeTimes(ctx context.Context) (poll schemas.ProposeTimesResult, err error) {
	d.personSays("Find three times next week for the board. Ask the five of them which one suits.")
	found, err := call[schemas.FindSlotsResult](ctx, d.transcript, d.agent, "find_slots", schemas.FindSlotsInput{
		Hosts: []schemas.HostRef{"Alice"}, From: d.here.clock()().AddDate(0, 0, 3).Format(time.DateOnly), Timezone: "Europe/London", GuestTimezone: "America/New_York",
	})
	if err != nil {
		return poll, err
	}
	in := schemas.ProposeTimesInput{Title: "Board call", Voters: voters, Hosts: []schemas.HostRef{"Alice"}}
	for _, s := range found.Slots {
		in.SlotIDs = append(in.SlotIDs, s.SlotID)
	}
	poll, err = callApproved[schemas.ProposeTimesResult](ctx, d, "propose_times", in, "Proposed")
	if err != nil {
		return poll, err
	}
	if len(poll.Links) != len(voters) || len(poll.Options) != len(found.Slots) || len(d.bookings()) != 0 {
		return poll, errors.New("the poll was not made")
	}
	return poll, d.ok("the poll is open: %d times, %d personal links, and nothing is booked", len(poll.Options), len(poll.Links))
}

// vote has each voter answer with their own link. The last vote resolves the poll.
func (d *demo) vote(ctx context.Context, poll schemas.ProposeTimesResult) error {
	d.narrate("Each voter tells their assistant what suits, and approves the vote. Only their call has the link, so it sends the approved vote.")
	for i, link := range poll.Links {
		d.personSays(link.Email + ": " + poll.Options[min(i%2, len(poll.Options)-1)].Description + " suits me.")
		got, err := callApproved[schemas.ProposalChangeResult](ctx, d, "respond_to_proposal", schemas.RespondToProposalInput{
			Invitation: link.Link, OptionID: poll.Options[min(i%2, len(poll.Options)-1)].OptionID,
		}, "Not accepted yet")
		if err != nil {
			return err
		}
		if got.Error != nil || !got.Changed {
			return fmt.Errorf("the vote of %s was not counted", link.Email)
		}
	}
	seen, err := call[schemas.GetProposalResult](ctx, d.transcript, d.agent, "get_proposal", schemas.GetProposalInput{ProposalID: poll.ProposalID})
	if err != nil {
		return err
	}
	held := d.bookings()
	if seen.Status != vennioclient.ProposalAccepted || len(held) != 1 || held[0].ID != seen.BookingID || held[0].Start.UTC().Format(time.RFC3339) != poll.Options[0].Start {
		return errors.New("the poll did not become a meeting at the time with most votes")
	}
	return d.ok("three of five votes for the first time: Vennio booked it")
}

func (d *demo) bookThroughLink(ctx context.Context) error {
	d.personSays("Make me a link for paid consultations: 45 minutes, 50 euros. Ask for the topic.")
	link, err := callApproved[schemas.ShareLinkResult](ctx, d, "share_link", schemas.ShareLinkInput{
		Title: "Consultation", DurationMinutes: 45, Host: "Alice", Price: "50 EUR", Questions: []string{"Topic?"},
	}, "Made")
	if err != nil {
		return err
	}
	d.narrate("A guest opens the link, answers the question and chooses a time. No agent takes part.")
	booked, err := d.guestBooks(ctx, link)
	if err != nil {
		return err
	}
	get := schemas.GetBookingInput{BookingID: booked.ID}
	unpaid, err := call[schemas.GetBookingResult](ctx, d.transcript, d.agent, "get_booking", get)
	if err != nil {
		return err
	}
	d.narrate("The guest pays.")
	if err := d.vennio.Pay(booked.ID); err != nil {
		return err
	}
	paid, err := call[schemas.GetBookingResult](ctx, d.transcript, d.agent, "get_booking", get)
	if err != nil {
		return err
	}
	if unpaid.Status != vennioclient.StatusPendingPayment || paid.Status != vennioclient.StatusConfirmed {
		return fmt.Errorf("the booking was %s, and %s after the payment", unpaid.Status, paid.Status)
	}
	return d.ok("confirmed only once it was paid")
}

// guestBooks books through a link, as its page at Vennio does.
func (d *demo) guestBooks(ctx context.Context, link schemas.ShareLinkResult) (*vennioclient.Booking, error) {
	vennio, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(d.vennio.URL))
	if err != nil {
		return nil, err
	}
	length := time.Duration(link.DurationMinutes) * time.Minute
	free, err := vennio.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: []string{aliceID()}, Duration: length, From: d.here.clock()().AddDate(0, 0, 10), To: d.here.clock()().AddDate(0, 0, 17), Timezone: "Europe/London",
	})
	if err != nil || len(free) == 0 {
		return nil, errors.Join(err, errors.New("the guest found no time"))
	}
	return vennio.BookVennLink(ctx, "demo-guest", link.URL[strings.LastIndexByte(link.URL, '/')+1:], vennioclient.LinkBookingRequest{
		Customer: vennioclient.Person{Email: "gus@example.com", Name: "Gus Guest"}, Start: free[0].Start, End: free[0].Start.Add(length), Answers: map[string]string{"q1": "Engines"},
	})
}
