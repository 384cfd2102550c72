package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// vennLink is a stored booking link.
type vennLink struct {
	ID, Code, URL, Title, HostID, EventTypeID string
	Minutes                                   int
	PriceAmount                               *int64 // in minor units; nil inherits the price of the host
	PriceCurrency                             string // ISO 4217, lower case
	Questions                                 []questionJSON
	CreatedAt, ExpiresAt                      time.Time // ExpiresAt is zero if the link does not expire
}

func (l *vennLink) json() vennLinkJSON {
	out := vennLinkJSON{
		ID: l.ID, ShortCode: l.Code, URL: l.URL, Title: l.Title, PrincipalID: l.HostID, EventTypeID: l.EventTypeID, DurationMinutes: l.Minutes,
		PriceAmount: l.PriceAmount, PriceCurrency: l.PriceCurrency, Questions: l.Questions, CreatedAt: stamp(l.CreatedAt, time.UTC),
	}
	if out.Questions == nil {
		out.Questions = []questionJSON{}
	}
	if !l.ExpiresAt.IsZero() {
		out.ExpiresAt = stamp(l.ExpiresAt, time.UTC)
	}
	return out
}

// price returns the price of a booking as in Host.Price, "" if it is free.
func (l *vennLink) price() string {
	switch {
	case l.PriceAmount == nil:
		return findHost(l.HostID).Price
	case *l.PriceAmount == 0:
		return ""
	}
	digits := 2
	if strings.Contains(currenciesWithout, l.PriceCurrency) {
		digits = 0
	} else if strings.Contains(currenciesWithThree, l.PriceCurrency) {
		digits = 3
	}
	amount := fmt.Sprintf("%0*d", digits+1, *l.PriceAmount)
	if digits > 0 {
		amount = amount[:len(amount)-digits] + "." + amount[len(amount)-digits:]
	}
	return amount + " " + strings.ToUpper(l.PriceCurrency)
}

type vennLinkBody struct {
	Title           string         `json:"title"`
	BusinessID      string         `json:"business_id"`
	PrincipalID     string         `json:"principal_id"`
	EventTypeID     string         `json:"event_type_id"`
	DurationMinutes *int           `json:"duration_minutes"`
	PriceAmount     *int64         `json:"price_amount"`
	PriceCurrency   string         `json:"price_currency"`
	Questions       []questionJSON `json:"questions"`
	ExpiresIn       string         `json:"expires_in"`
	ExpiresInCamel  string         `json:"expiresIn"`
}

func (s *Server) createVennLink(c *call) (answer, error) {
	var in vennLinkBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	h := hosts[0]
	if ref := cmp.Or(in.BusinessID, in.PrincipalID); ref != "" {
		if h = findHost(ref); h == nil {
			return answer{}, unknownPrincipal(ref)
		}
	}
	l, err := in.read(c.now)
	if err != nil {
		return answer{}, err
	}
	id := s.uuid()
	l.ID, l.Code, l.HostID = id, id[:8], h.ID
	l.URL = s.pageURL(c.request, "/book/"+l.Code)
	s.data.VennLinks = append(s.data.VennLinks, l)
	return answer{http.StatusCreated, vennLinkEnvelope{l.json()}, true}, nil
}

// read checks the body and returns the link without its ids.
func (in *vennLinkBody) read(now time.Time) (*vennLink, error) {
	wrong := fieldErrors{}
	l := &vennLink{
		Title: in.Title, EventTypeID: in.EventTypeID, Minutes: defaultDuration, PriceAmount: in.PriceAmount,
		PriceCurrency: strings.ToLower(in.PriceCurrency), Questions: in.Questions, CreatedAt: now.Truncate(time.Second),
	}
	if strings.TrimSpace(in.Title) == "" || len(in.Title) > maxText {
		wrong["title"] = fmt.Sprintf("must have 1 to %d bytes", maxText)
	}
	if in.DurationMinutes != nil {
		if l.Minutes = *in.DurationMinutes; l.Minutes < minDuration || l.Minutes > maxDuration {
			wrong["duration_minutes"] = fmt.Sprintf("must be from %d to %d", minDuration, maxDuration)
		}
	}
	if in.PriceAmount != nil && (*in.PriceAmount < 0 || *in.PriceAmount > maxPrice) {
		wrong["price_amount"] = fmt.Sprintf("must be from 0 to %d", maxPrice)
	}
	known := slices.Contains(strings.Fields(currencies), l.PriceCurrency)
	if !known && (l.PriceCurrency != "" || in.PriceAmount != nil && *in.PriceAmount > 0) {
		wrong["price_currency"] = "must be a currency of ISO 4217, such as eur"
	}
	if in.PriceAmount == nil && l.PriceCurrency != "" {
		wrong["price_amount"] = "is required with price_currency"
	}
	l.Questions = wrong.questions(in.Questions)
	if text := cmp.Or(in.ExpiresIn, in.ExpiresInCamel); text != "" {
		l.ExpiresAt = l.CreatedAt.Add(wrong.lifetime("expires_in", text))
	}
	return l, wrong.err()
}

// questions checks questions and names those without an id.
func (m fieldErrors) questions(all []questionJSON) []questionJSON {
	seen := map[string]bool{}
	for i := range all {
		q := &all[i]
		q.ID = cmp.Or(q.ID, fmt.Sprintf("q%d", i+1))
		if strings.TrimSpace(q.Label) == "" || len(q.Label) > maxText || len(q.ID) > maxText || seen[q.ID] {
			m[fmt.Sprintf("questions[%d]", i)] = "must have a label, and an id that no other question has"
		}
		seen[q.ID] = true
	}
	if len(all) > maxQuestions {
		m["questions"] = fmt.Sprintf("must be at most %d", maxQuestions)
	}
	return all
}

// lifetime parses a number of days or hours, such as 7d, at most a year.
func (m fieldErrors) lifetime(field, text string) time.Duration {
	unit := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour}[text[len(text)-1:]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || unit == 0 || n < 1 || n > 365*24 || time.Duration(n)*unit > 366*24*time.Hour {
		m[field] = "must be a number of days or hours, such as 7d, and at most a year"
	}
	return time.Duration(n) * unit
}

func (s *Server) listVennLinks(c *call) (answer, error) {
	f := newForm(c.query, "limit", "cursor")
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	return paginate(s.data.VennLinks, page, func(l *vennLink) string { return l.ID }, nil, (*vennLink).json, func(all []vennLinkJSON, end pagination) any { return vennLinkPage{all, end} })
}

type linkBookingBody struct {
	CustomerEmail string            `json:"customer_email"`
	CustomerName  string            `json:"customer_name"`
	StartTime     string            `json:"start_time"`
	EndTime       string            `json:"end_time"`
	Notes         string            `json:"notes"`
	SuccessURL    string            `json:"success_url"`
	CancelURL     string            `json:"cancel_url"`
	Answers       map[string]string `json:"answers"`
	Recurrence    *recurrenceBody   `json:"recurrence"`
}

// bookVennLink answers POST /v1/venn-links/{id}/book, without a key.
func (s *Server) bookVennLink(c *call) (answer, error) {
	var in linkBookingBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	l := find(s.data.VennLinks, func(l *vennLink) bool { return l.Code == c.id() })
	if l == nil {
		return answer{}, refuse(notFound, "There is no Venn Link "+c.id()+".")
	}
	if !l.ExpiresAt.IsZero() && !c.now.Before(l.ExpiresAt) {
		return answer{}, refuse(notFound, "This Venn Link has expired.")
	}
	h := findHost(l.HostID)
	when, repeat, err := in.read(l, h)
	if err != nil {
		return answer{}, err
	}
	return s.order(c, bookingBody{
		CustomerEmail: in.CustomerEmail, CustomerName: in.CustomerName, Title: l.Title, Notes: in.Notes, Recurrence: in.Recurrence,
		price: l.price(), answers: in.Answers,
	}, h, when, repeat)
}

func (in *linkBookingBody) read(l *vennLink, h *host) (span, *recurrence, error) {
	wrong := fieldErrors{}
	wrong.email("customer_email", in.CustomerEmail)
	if strings.TrimSpace(in.CustomerName) == "" {
		wrong["customer_name"] = "is required"
	}
	when := wrong.span("start_time", in.StartTime, "end_time", in.EndTime)
	if length := time.Duration(l.Minutes) * time.Minute; len(wrong) == 0 && when.end.Sub(when.start) != length {
		wrong["end_time"] = fmt.Sprintf("must be %d minutes after start_time", l.Minutes)
	}
	if l.price() == "" && in.SuccessURL+in.CancelURL != "" {
		wrong["success_url"] = "is only for a link with a price, as cancel_url"
	}
	asked := map[string]bool{}
	for _, q := range l.Questions {
		asked[q.ID] = true
		if q.Required && strings.TrimSpace(in.Answers[q.ID]) == "" {
			wrong["answers."+q.ID] = "is required"
		}
	}
	for id, text := range in.Answers {
		if !asked[id] || len(text) > maxText {
			wrong["answers."+id] = fmt.Sprintf("must answer a question of the link with at most %d bytes", maxText)
		}
	}
	var repeat *recurrence
	if in.Recurrence != nil {
		repeat = in.Recurrence.read(wrong, h, when)
	}
	return when, repeat, wrong.err()
}
