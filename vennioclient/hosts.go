package vennioclient

import (
	"context"
	"encoding/json"
	"errors"
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
	Limit  int    // the most entries of a page; 0 is Vennio's default
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
	return readPage(ctx, c, pathHosts, "hosts", pageQuery(q.Limit, q.Cursor), hostFrom, func(all []Host, next string) *HostPage { return &HostPage{all, next} })
}

// Me returns the principal to which the key belongs, who is the only host of an account without a list of
// hosts. The path and the fields are inferred (vennio-api.md, Account hosts); Status and Connected are not
// known.
func (c *Client) Me(ctx context.Context) (*Host, error) {
	return call(ctx, c, get(pathMe, nil), func(raw json.RawMessage) (*Host, error) {
		o, err := payload(raw)
		if err != nil {
			return nil, err
		}
		if inner, err := objectFrom(o.field("principal", "user")); err == nil {
			o = inner
		}
		me := &Host{ID: o.text("principal_id", "id", "business_id"), Name: o.text("display_name", "name")}
		if me.ID == "" {
			return nil, errors.New("the principal has no id")
		}
		return me, nil
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
