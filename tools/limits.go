package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Limits are what the operator allows to be booked, whoever agrees. The zero
// value allows everything. No call can change them.
type Limits struct {
	GuestDomains []string      // whose addresses may attend, as ParseDomains reads them; none: any
	Hours        times.Opening // in which a booking lies as a whole, in the default zone
	Daily        int           // bookings by the day of the person's yes; 0: any number
	MaxPrice     *Price        // of one booking, by the prices of the operator; nil: any

	Asking consent.AskLimits // how often people are asked
}

// permit refuses what the operator does not allow, before any person is asked.
// What was sent already is settled, whatever is allowed by now.
func (d Deps) permit(ctx context.Context, to deed) error {
	why, err := d.against(ctx, to)
	if why == "" || err != nil {
		return err
	}
	if sent, err := d.pending(ctx, to.act); sent || err != nil {
		return err
	}
	return notAllowed(why)
}

// pending: the act was sent, and this call can say more of it or settle it.
func (d Deps) pending(ctx context.Context, act consent.Act) (bool, error) {
	grant, _, err := d.Ledger.Standing(ctx, act)
	if err != nil && !errors.Is(err, consent.ErrOtherAct) {
		return false, ledgerRefused(err)
	}
	return grant != nil && grant.Outcome != consent.Unsent, nil
}

func notAllowed(why string) error {
	return refuse(schemas.CodeNotAllowed, "This call changed nothing: "+why, "")
}

// against says which of the limits an act breaks; "" where none.
func (d Deps) against(ctx context.Context, to deed) (string, error) {
	if to.act.Tool == toolCancel {
		return "", nil
	}
	if why := d.outsideHours(to.starts(), to.act.End.Sub(to.act.Start)); why != "" {
		return why, nil
	}
	if to.act.Tool != toolBook {
		return "", nil // who attends and what it costs was settled when it was booked
	}
	if why := cmp.Or(d.Limits.guests(to.act, d.Hosts), d.Limits.price(to.costs)); why != "" {
		return why, nil
	}
	quota := d.quota(d.Now())
	if quota.Most == 0 {
		return "", nil
	}
	sent, err := d.Ledger.SentWithin(ctx, d.Tenant, quota)
	if err != nil {
		return "", ledgerRefused(err)
	}
	if sent+max(1, to.act.Count) > quota.Most {
		return d.Limits.full(sent), nil
	}
	return "", nil
}

// quota is what the ledger holds the bookings to whose yes was given on the day
// of at, in the default zone.
func (d Deps) quota(at time.Time) consent.Quota {
	day := at.In(d.Zone)
	start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, d.Zone)
	return consent.Quota{Most: d.Limits.Daily, From: start, To: start.AddDate(0, 0, 1)}
}

func (l Limits) full(sent int) string {
	return fmt.Sprintf("this server makes at most %d bookings a day, and %d were made today.", l.Daily, sent)
}

// overQuota tells the ledger's last word on the day's number.
func (d Deps) overQuota(err error) error {
	if errors.Is(err, consent.ErrQuota) {
		return notAllowed(fmt.Sprintf("this server makes at most %d bookings a day, and they were made.", d.Limits.Daily))
	}
	return err
}

// guests says who may not attend. A host that the operator did not name and that
// is an address is somebody who is written to, like a guest.
func (l Limits) guests(act consent.Act, named Directory) string {
	for _, a := range act.Attendees {
		if !l.invites(a.Email) {
			return fmt.Sprintf("%s may not attend; this server invites people of %s alone.", sanitize.Quote(a.Email, 100), strings.Join(l.GuestDomains, ", "))
		}
	}
	for _, h := range act.Hosts {
		if strings.Contains(h.ID, "@") && !named.has(h.ID) && !l.invites(h.ID) {
			return fmt.Sprintf("%s may not take part; this server invites people of %s alone.", sanitize.Quote(h.ID, 100), strings.Join(l.GuestDomains, ", "))
		}
	}
	return ""
}

// invites tells whether an address may attend.
func (l Limits) invites(address string) bool {
	if len(l.GuestDomains) == 0 {
		return true
	}
	_, domain, _ := strings.Cut(address[max(0, strings.LastIndex(address, "@")):], "@")
	domain = strings.ToLower(strings.TrimRight(strings.TrimSpace(domain), "."))
	for _, allowed := range l.GuestDomains {
		below, wild := strings.CutPrefix(allowed, "*")
		if domain == allowed || wild && strings.HasSuffix(domain, below) && len(domain) > len(below) {
			return true
		}
	}
	return false
}

// ParseDomains reads "example.com, *.example.org".
func ParseDomains(s string) (all []string, err error) {
	for entry := range strings.SplitSeq(s, ",") {
		entry = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(entry), "@"))
		name := strings.TrimPrefix(entry, "*.")
		switch {
		case entry == "":
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "", strings.Trim(name, ".") != name, name == "":
			return nil, fmt.Errorf("%q: want domains with commas between, such as example.com, *.example.org", entry)
		default:
			all = append(all, entry)
		}
	}
	return all, nil
}

// outsideHours names the meeting that lies outside the hours in which this server books; "" where
// none does.
func (d Deps) outsideHours(starts []time.Time, length time.Duration) string {
	for _, start := range starts {
		if len(d.Limits.Hours) > 0 && !d.Limits.Hours.Holds(start, start.Add(length), d.Zone) {
			return fmt.Sprintf("%s, %s lies outside the hours that this server books: %s (%s).", times.Day(start, d.Zone), times.Clock(start, d.Zone), d.Limits.Hours, d.Zone)
		}
	}
	return ""
}

// allowed reports whether a free time is within the operator's hours.
func (d Deps) allowed(start, end time.Time) bool {
	return d.outsideHours([]time.Time{start}, end.Sub(start)) == ""
}
