package vennioclient_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// calls are the client's methods by name; their args are the request struct as
// JSON, and beside it Key, ID and Scope where the method takes them.
var calls = map[string]func(*testing.T, *vennioclient.Client, json.RawMessage) (any, error){
	"Slots": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.Slots(t.Context(), args[vennioclient.SlotsQuery](t, raw))
	},
	"NextSlot": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.NextSlot(t.Context(), args[vennioclient.NextSlotQuery](t, raw))
	},
	"MutualSlots": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.MutualSlots(t.Context(), args[vennioclient.MutualQuery](t, raw))
	},
	"CreateBooking": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			vennioclient.BookingRequest
		}](t, raw)
		return c.CreateBooking(t.Context(), a.Key, a.BookingRequest)
	},
	"GetBooking": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.GetBooking(t.Context(), args[struct{ ID string }](t, raw).ID)
	},
	"ListBookings": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ListBookings(t.Context(), args[vennioclient.BookingsQuery](t, raw))
	},
	"UpdateBooking": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			ID  string
			vennioclient.BookingUpdate
		}](t, raw)
		return c.UpdateBooking(t.Context(), a.Key, a.ID, a.BookingUpdate)
	},
	"CancelBooking": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key   vennioclient.IdempotencyKey
			ID    string
			Scope vennioclient.CancelScope
		}](t, raw)
		return nil, c.CancelBooking(t.Context(), a.Key, a.ID, a.Scope)
	},
	"CreateSeries": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			vennioclient.BookingRequest
		}](t, raw)
		return c.CreateSeries(t.Context(), a.Key, a.BookingRequest)
	},
	"CreateWebhook": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			vennioclient.WebhookRequest
		}](t, raw)
		made, err := c.CreateWebhook(t.Context(), a.Key, a.WebhookRequest)
		if err == nil {
			require.NotEmpty(t, made.Secret.Reveal())
		}
		return made, err
	},
	"ListWebhooks": func(t *testing.T, c *vennioclient.Client, _ json.RawMessage) (any, error) {
		return c.ListWebhooks(t.Context())
	},
	"DeleteWebhook": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			ID  string
		}](t, raw)
		return nil, c.DeleteWebhook(t.Context(), a.Key, a.ID)
	},
	"CreateProposal": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			vennioclient.ProposalRequest
		}](t, raw)
		made, err := c.CreateProposal(t.Context(), a.Key, a.ProposalRequest)
		if err != nil {
			return nil, err
		}
		links := map[string]string{}
		for _, one := range made.Invitations {
			links[one.Email] = one.Link.Reveal()
		}
		return map[string]any{"Proposal": made.Proposal, "OpenLink": made.OpenLink.Reveal(), "Links": links}, nil
	},
	"ListProposals": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ListProposals(t.Context(), args[vennioclient.ProposalsQuery](t, raw))
	},
	"GetProposal": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.GetProposal(t.Context(), args[struct{ ID string }](t, raw).ID)
	},
	"ProposalByToken": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ProposalByToken(t.Context(), invitation(t, args[struct{ Link string }](t, raw).Link))
	},
	"RespondToProposal": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key      vennioclient.IdempotencyKey
			ID, Link string
			vennioclient.ProposalResponse
		}](t, raw)
		if a.Link != "" {
			a.Invitation = invitation(t, a.Link)
		}
		return c.RespondToProposal(t.Context(), a.Key, a.ID, a.ProposalResponse)
	},
	"CancelProposal": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.CancelProposal(t.Context(), args[struct{ ID string }](t, raw).ID)
	},
	"CloseProposal": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.CloseProposal(t.Context(), args[struct{ ID string }](t, raw).ID)
	},
	"ProposalICS": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct{ ID, Link string }](t, raw)
		file, err := c.ProposalICS(t.Context(), a.ID, invitation(t, a.Link))
		return string(file), err
	},
	"CreateVennLink": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key vennioclient.IdempotencyKey
			vennioclient.VennLinkRequest
		}](t, raw)
		return c.CreateVennLink(t.Context(), a.Key, a.VennLinkRequest)
	},
	"ListVennLinks": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ListVennLinks(t.Context(), args[vennioclient.VennLinksQuery](t, raw))
	},
	"BookVennLink": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		a := args[struct {
			Key  vennioclient.IdempotencyKey
			Code string
			vennioclient.LinkBookingRequest
		}](t, raw)
		return c.BookVennLink(t.Context(), a.Key, a.Code, a.LinkBookingRequest)
	},
	"TeamAvailability": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.TeamAvailability(t.Context(), args[vennioclient.TeamQuery](t, raw))
	},
	"ListBookingSeries": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ListBookingSeries(t.Context(), args[vennioclient.SeriesQuery](t, raw))
	},
	"BookingSeries": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.BookingSeries(t.Context(), args[struct{ ID string }](t, raw).ID)
	},
	"Me": func(t *testing.T, c *vennioclient.Client, _ json.RawMessage) (any, error) {
		return c.Me(t.Context())
	},
	"Calendars": func(t *testing.T, c *vennioclient.Client, _ json.RawMessage) (any, error) {
		return c.Calendars(t.Context())
	},
	"SyncCalendars": func(t *testing.T, c *vennioclient.Client, _ json.RawMessage) (any, error) {
		return c.SyncCalendars(t.Context())
	},
	"Hosts": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.Hosts(t.Context(), args[vennioclient.HostsQuery](t, raw))
	},
	"ListConsents": func(t *testing.T, c *vennioclient.Client, raw json.RawMessage) (any, error) {
		return c.ListConsents(t.Context(), args[vennioclient.ConsentsQuery](t, raw))
	},
}

func args[A any](t *testing.T, raw json.RawMessage) A {
	var a A
	if len(raw) > 0 {
		require.NoError(t, strict(raw, &a))
	}
	return a
}

func invitation(t *testing.T, link string) vennioclient.Secret {
	t.Helper()
	secret, err := vennioclient.InvitationFrom(link)
	require.NoError(t, err)
	return secret
}
