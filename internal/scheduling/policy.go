package scheduling

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// The tools whose acts are in the ledger.
const (
	ToolBook       = consent.ToolBook
	ToolReschedule = consent.ToolReschedule
	ToolCancel     = consent.ToolCancel
	ToolUpdate     = consent.ToolUpdate
	ToolPropose    = consent.ToolPropose
	ToolRespond    = consent.ToolRespond
	ToolClosePoll  = consent.ToolClosePoll
	ToolShare      = consent.ToolShare
)

// Limits are the operator's limits on bookings, which no consent and no call can change. The zero
// value allows everything.
type Limits struct {
	GuestDomains []string      // domains whose addresses may attend, as ParseDomains returns them; none: any
	Hours        times.Opening // hours that contain each booking as a whole, in the default zone
	Daily        int           // maximum number of bookings for the consents of one day; 0: any number
	MaxPrice     *Price        // of one booking, by the prices that the operator set; nil: any

	Asking consent.AskLimits // how often people are asked
}

// Permit refuses an act that the operator does not allow, before any person is asked. starts are the
// beginnings of the meetings of a series, none for a single meeting; prices are to be paid for the
// booking. An act that was already sent is settled, whatever the limits are by now.
func (s *Service) Permit(ctx context.Context, act consent.Act, starts []time.Time, prices []string) error {
	why, err := s.violation(ctx, act, starts, prices)
	if why == "" || err != nil {
		return err
	}
	grant, _, err := s.Ledger.FindConsent(ctx, act)
	switch {
	case err != nil && !errors.Is(err, consent.ErrOtherAct):
		return err
	case grant != nil && grant.Outcome != consent.Unsent:
		return nil
	}
	return NotAllowed(why)
}

// NotAllowed refuses a call for a reason of the operator.
func NotAllowed(why string) *Refusal {
	return refuse(schemas.CodeNotAllowed, "This call changed nothing: "+why, "")
}

// violation names the limit that an act exceeds; it is empty if there is none.
func (s *Service) violation(ctx context.Context, act consent.Act, starts []time.Time, prices []string) (string, error) {
	if act.Tool == ToolCancel || act.Tool == ToolUpdate || act.Tool == ToolClosePoll || act.Response == consent.ResponseReject {
		return "", nil // nothing begins at another time; those of a poll were checked when they were proposed
	}
	for _, t := range act.Times {
		starts = append(starts, t.Start)
	}
	if len(starts) == 0 {
		starts = []time.Time{act.Start}
	}
	if why := s.outsideHours(starts, act.End.Sub(act.Start)); why != "" && act.Tool != ToolShare { // guests choose the time of a link's meeting
		return why, nil
	}
	if act.Tool == ToolReschedule || act.Tool == ToolRespond {
		return "", nil // attendees and price were checked when the booking was made
	}
	if why := cmp.Or(s.Limits.forbiddenGuest(act, s.Hosts), s.Limits.excessPrice(prices)); why != "" {
		return why, nil
	}
	quota := s.quota(s.Now())
	if quota.Most == 0 {
		return "", nil
	}
	sent, err := s.Ledger.SentWithin(ctx, s.Tenant, quota)
	if err == nil && sent+max(1, act.Count) > quota.Most {
		return fmt.Sprintf("this server makes at most %d bookings a day, and %d were made today.", s.Limits.Daily, sent), nil
	}
	return "", err
}

// quota limits the bookings for the consents given on the day of at, in the default zone.
func (s *Service) quota(at time.Time) consent.Quota {
	day := at.In(s.Zone)
	start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, s.Zone)
	return consent.Quota{Most: s.Limits.Daily, From: start, To: start.AddDate(0, 0, 1)}
}

// outsideHours names the first meeting outside the hours in which this server books; it is empty if
// there is none.
func (s *Service) outsideHours(starts []time.Time, length time.Duration) string {
	for _, start := range starts {
		if len(s.Limits.Hours) > 0 && !s.Limits.Hours.Holds(start, start.Add(length), s.Zone) {
			return fmt.Sprintf("%s lies outside the hours that this server books: %s (%s).", times.Moment(start, s.Zone), s.Limits.Hours, s.Zone)
		}
	}
	return ""
}

// forbiddenGuest says who may not attend. A host that the operator did not set and whose id is an
// address receives e-mail like a guest.
func (l Limits) forbiddenGuest(act consent.Act, set Directory) string {
	for _, a := range act.Attendees {
		if !l.mayAttend(a.Email) {
			return fmt.Sprintf("%s may not attend; this server invites people of %s alone.", sanitize.Quote(a.Email, 100), strings.Join(l.GuestDomains, ", "))
		}
	}
	for _, h := range act.Hosts {
		isSet := false
		for _, one := range set {
			isSet = isSet || strings.EqualFold(one.ID, h.ID)
		}
		if strings.Contains(h.ID, "@") && !isSet && !l.mayAttend(h.ID) {
			return fmt.Sprintf("%s may not take part; this server invites people of %s alone.", sanitize.Quote(h.ID, 100), strings.Join(l.GuestDomains, ", "))
		}
	}
	return ""
}

func (l Limits) mayAttend(address string) bool {
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

// Price is an amount of money.
type Price struct {
	Cents    int64  // hundredths of the currency's unit
	Currency string // ISO 4217, in capitals
}

var pricePattern = lazyregexp.New(`^(?:([A-Z]{3}) ?)?(\d{1,9})(?:[.,](\d{1,2}))?(?: ?([A-Z]{3}))?$`)

// ParsePrice reads "100 EUR", "EUR 99.50" or "99,5 EUR".
func ParsePrice(s string) (Price, error) {
	found := pricePattern().FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if found == nil || (found[1] == "") == (found[4] == "") {
		return Price{}, fmt.Errorf("%q: want an amount and a currency, such as 100 EUR", s)
	}
	whole, _ := strconv.ParseInt(found[2], 10, 64)             // at most nine digits
	part, _ := strconv.ParseInt((found[3] + "00")[:2], 10, 64) // two digits
	return Price{whole*100 + part, found[1] + found[4]}, nil
}

// String is "100.00 EUR".
func (p Price) String() string {
	return fmt.Sprintf("%d.%02d %s", p.Cents/100, p.Cents%100, p.Currency)
}

// excessPrice says why the sum of the prices is too high; it is empty if it is not, or if the
// operator set no maximum. A price that cannot be read is refused: an operator who sets a maximum
// wants it enforced.
func (l Limits) excessPrice(prices []string) string {
	if l.MaxPrice == nil {
		return ""
	}
	var sum int64
	for _, price := range prices {
		p, err := ParsePrice(price)
		if err != nil || p.Currency != l.MaxPrice.Currency {
			return fmt.Sprintf("its price (%s) cannot be held against the most that a booking may cost here, %s.", sanitize.Line(price, 40), l.MaxPrice)
		}
		sum += p.Cents
	}
	if sum > l.MaxPrice.Cents {
		return fmt.Sprintf("it costs %s, and a booking may cost at most %s here.", Price{sum, l.MaxPrice.Currency}, l.MaxPrice)
	}
	return ""
}

// Rollout is the share of tenants, or of hosts where there is one tenant, for which this server
// writes. The zero value writes for all.
type Rollout struct {
	withheld int // hundredths of a per cent
}

const everybody = 100 * 100

// ParseRollout reads "5%", "0.5%" or "100%".
func ParseRollout(s string) (Rollout, error) {
	number, isShare := strings.CutSuffix(strings.TrimSpace(s), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !isShare || err != nil || !(share >= 0 && share <= 100) {
		return Rollout{}, errors.New("want a share from 0% to 100%, such as 5%")
	}
	return Rollout{everybody - int(share*100+0.5)}, nil
}

// String is the share for which the server writes: "5%".
func (r Rollout) String() string {
	return strconv.FormatFloat(float64(everybody-r.withheld)/100, 'f', -1, 64) + "%"
}

// Includes reports whether an act is written. The answer for a tenant or host is always the same,
// and does not change from true to false when the share grows.
func (r Rollout) Includes(a consent.Act) bool {
	id := a.Tenant
	if len(a.Hosts) > 0 {
		id = cmp.Or(id, strings.ToLower(a.Hosts[0].ID))
	}
	sum := sha256.Sum256([]byte("vennio-mcp canary v1\x00" + id))
	return binary.BigEndian.Uint64(sum[:])%everybody < uint64(everybody-r.withheld) //nolint:gosec // G115: from 0 to 10,000
}
