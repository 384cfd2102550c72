package vennioclient

import (
	"context"
	"encoding/json"
)

// Host is a person whose calendar belongs to the caller's account.
type Host struct {
	ID     string // of the principal, as in bookings and availability; "" if Vennio leaves it out
	Name   string // display name; "" if Vennio leaves it out
	Status string // as Vennio writes it, such as "active"
	// Connected reports whether the host's calendar is connected to Vennio.
	Connected bool
}

// HostsQuery pages Hosts. Zero fields are not sent.
type HostsQuery struct {
	Limit  int
	Cursor string // HostPage.NextCursor of the page before
}

// HostPage is one page of hosts.
type HostPage struct {
	Hosts      []Host
	NextCursor string // "" on the last page
}

// Hosts returns a page of the account's hosts. That the list has pages is inferred
// (vennio-api.md, Account hosts).
func (c *Client) Hosts(ctx context.Context, q HostsQuery) (*HostPage, error) {
	query := newQuery()
	query.number("limit", q.Limit)
	query.text("cursor", q.Cursor)
	return call(ctx, c, get(pathHosts, query.values), func(raw json.RawMessage) (*HostPage, error) {
		all, next, err := listOf(raw, "hosts", hostFrom)
		return &HostPage{Hosts: all, NextCursor: next}, err
	})
}

// hostFrom decodes a host. A missing id is not an error, so that the other hosts remain usable.
func hostFrom(raw json.RawMessage) (Host, error) {
	o, err := objectFrom(raw)
	if err != nil {
		return Host{}, err
	}
	return Host{
		ID: o.text("principal_id", "id", "business_id"), Name: o.text("display_name", "name"),
		Status: o.text("status"), Connected: o.text("calendar_connected", "connected") == "true",
	}, nil
}
