package vennioclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Price is an amount in the minor unit of its currency, such as cents; 0 is free.
type Price struct {
	Amount   int64
	Currency string // ISO 4217, such as "EUR"
}

// Question is asked of the person who books through a Venn Link.
type Question struct {
	ID       string // the key of the answer; "" lets Vennio choose it
	Label    string
	Required bool
}

// VennLinkRequest makes a link through which anybody who has it can book. Of the fields, Vennio
// documents Title, EventTypeID and Price; Duration and ExpiresIn come from its SDK, the others are
// inferred (vennio-api.md, Venn Links). Zero fields are not sent.
type VennLinkRequest struct {
	Title       string
	HostID      string // the principal to book; "" is the owner of the API key
	EventTypeID string
	Duration    time.Duration // whole minutes
	Price       *Price        // nil inherits the price of the event type
	Questions   []Question
	ExpiresIn   time.Duration // whole hours
}

// VennLink is a booking link. Fields that Vennio leaves out are zero.
type VennLink struct {
	ID          string
	Code        string // the short code, for BookVennLink
	URL         string // for people
	Title       string
	HostID      string
	EventTypeID string
	Duration    time.Duration
	Price       *Price // nil if it is inherited or unknown
	Questions   []Question
	// CreatedAt and ExpiresAt are in UTC; ExpiresAt is zero for a link that does not expire.
	CreatedAt, ExpiresAt time.Time
}

// CreateVennLink makes a booking link. The rules of CreateBooking about keys and outcomes apply.
func (c *Client) CreateVennLink(ctx context.Context, key IdempotencyKey, r VennLinkRequest) (*VennLink, error) {
	if refused := r.argumentErrors().refused(); refused != nil {
		return nil, refused
	}
	type question struct {
		ID       string `json:"id,omitempty"`
		Label    string `json:"label"`
		Required bool   `json:"required"`
	}
	out := struct {
		Title         string     `json:"title"`
		PrincipalID   string     `json:"principal_id,omitempty"`
		EventTypeID   string     `json:"event_type_id,omitempty"`
		Minutes       int        `json:"duration_minutes,omitempty"`
		PriceAmount   *int64     `json:"price_amount,omitempty"`
		PriceCurrency string     `json:"price_currency,omitempty"`
		Questions     []question `json:"questions,omitempty"`
		ExpiresIn     string     `json:"expires_in,omitempty"`
	}{Title: r.Title, PrincipalID: r.HostID, EventTypeID: r.EventTypeID, Minutes: int(r.Duration / time.Minute)}
	if r.Price != nil {
		out.PriceAmount, out.PriceCurrency = &r.Price.Amount, strings.ToLower(r.Price.Currency)
	}
	for _, q := range r.Questions {
		out.Questions = append(out.Questions, question(q))
	}
	switch hours := int(r.ExpiresIn / time.Hour); {
	case hours == 0:
	case hours%24 == 0:
		out.ExpiresIn = fmt.Sprintf("%dd", hours/24)
	default:
		out.ExpiresIn = fmt.Sprintf("%dh", hours)
	}
	body, refused := encode(out)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: pathVennLinks, key: key, body: body}, func(raw json.RawMessage) (*VennLink, error) {
		l, err := vennLinkFrom(raw)
		return &l, err
	})
}

func (r VennLinkRequest) argumentErrors() argumentErrors {
	wrong := argumentErrors{}
	if strings.TrimSpace(r.Title) == "" {
		wrong["title"] = "must be given"
	}
	if r.Duration < 0 || r.Duration%time.Minute != 0 {
		wrong["duration"] = "must be whole minutes"
	}
	if r.ExpiresIn < 0 || r.ExpiresIn%time.Hour != 0 {
		wrong["expires_in"] = "must be whole hours"
	}
	if p := r.Price; p != nil {
		letters := strings.Trim(strings.ToUpper(p.Currency), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && len(p.Currency) == 3
		if p.Amount < 0 || !letters && (p.Amount > 0 || p.Currency != "") {
			wrong["price"] = "must be 0 or more, in a currency of three letters"
		}
	}
	ids := map[string]bool{}
	for _, q := range r.Questions {
		if strings.TrimSpace(q.Label) == "" || q.ID != "" && ids[q.ID] {
			wrong["questions"] = "must each have a label, and ids that differ"
		}
		ids[q.ID] = true
	}
	return wrong
}

// VennLinksQuery pages ListVennLinks. Zero fields are not sent.
type VennLinksQuery struct {
	Limit  int    // the most entries of a page; 0 is Vennio's default
	Cursor string // VennLinkPage.NextCursor of the page before
}

// VennLinkPage is one page of booking links.
type VennLinkPage struct {
	Links      []VennLink
	NextCursor string // "" on the last page
}

// ListVennLinks returns a page of the account's booking links.
func (c *Client) ListVennLinks(ctx context.Context, q VennLinksQuery) (*VennLinkPage, error) {
	return readPage(ctx, c, pathVennLinks, "venn_links", pageQuery(q.Limit, q.Cursor), vennLinkFrom, func(all []VennLink, next string) *VennLinkPage { return &VennLinkPage{all, next} })
}

// LinkBookingRequest books a time through a Venn Link.
type LinkBookingRequest struct {
	Customer   Person // makes the booking and receives Vennio's e-mails; the Email is required
	Start, End time.Time
	Notes      string
	Answers    map[string]string // by Question.ID
	// SuccessURL and CancelURL replace the pages to which Stripe returns the customer. Only for a
	// link with a price.
	SuccessURL, CancelURL string
}

// BookVennLink books a time through the link with a short code. If the link has a price, the
// booking is StatusPendingPayment with a CheckoutURL, and Vennio confirms it after the payment.
// The operation needs no API key, but the client sends it, so that a test key remains a test.
// The rules of CreateBooking about keys and outcomes apply.
func (c *Client) BookVennLink(ctx context.Context, key IdempotencyKey, code string, r LinkBookingRequest) (*Booking, error) {
	path, refused := itemPath(pathVennLinks, code)
	if refused != nil {
		return nil, refused
	}
	wrong := argumentErrors{}
	wrong.span(r.Start, r.End)
	if r.Customer.Email == "" {
		wrong["customer"] = "must have an e-mail address"
	}
	if refused := wrong.refused(); refused != nil {
		return nil, refused
	}
	body, refused := encode(struct {
		CustomerEmail string            `json:"customer_email"`
		CustomerName  string            `json:"customer_name"`
		StartTime     string            `json:"start_time"`
		EndTime       string            `json:"end_time"`
		Notes         string            `json:"notes,omitempty"`
		Answers       map[string]string `json:"answers,omitempty"`
		SuccessURL    string            `json:"success_url,omitempty"`
		CancelURL     string            `json:"cancel_url,omitempty"`
	}{r.Customer.Email, r.Customer.name(), stamp(r.Start), stamp(r.End), r.Notes, r.Answers, r.SuccessURL, r.CancelURL})
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: path + "/book", key: key, body: body}, bookingFrom)
}

// vennLinkFrom decodes a link, flat or in an envelope.
func vennLinkFrom(raw json.RawMessage) (VennLink, error) {
	o, err := payload(raw)
	if err != nil {
		return VennLink{}, err
	}
	for _, name := range []string{"venn_link", "vennLink", "link"} {
		if inner, err := objectFrom(o[name]); err == nil {
			o = inner
		}
	}
	l := VennLink{
		ID: o.text("id", "venn_link_id"), Code: o.text("short_code", "code", "identifier", "slug"), URL: o.text("url", "link_url", "public_url"),
		Title: o.text("title"), HostID: o.text("principal_id", "business_id"), EventTypeID: o.text("event_type_id"),
		Duration: time.Duration(o.count("duration_minutes", o.count("duration", 0))) * time.Minute,
	}
	if l.URL != "" && l.Code == "" { // the code is the end of the link
		l.Code = l.URL[strings.LastIndex(l.URL, "/")+1:]
	}
	if cmp.Or(l.ID, l.Code) == "" {
		return VennLink{}, errors.New("the answer holds no Venn Link with an id")
	}
	if amount, err := strconv.ParseInt(o.text("price_amount"), 10, 64); err == nil {
		l.Price = &Price{amount, strings.ToUpper(o.text("price_currency"))}
	}
	var errs [3]error
	l.CreatedAt, errs[0] = o.time("created_at")
	l.ExpiresAt, errs[1] = o.time("expires_at")
	l.Questions, errs[2] = listIn(o, "questions", func(raw json.RawMessage) (Question, error) {
		q, err := objectFrom(raw)
		return Question{q.text("id", "question_id"), q.text("label", "question", "text"), q.text("required", "is_required") == "true"}, err
	})
	return l, errors.Join(errs[:]...)
}
