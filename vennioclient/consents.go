package vennioclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ConsentsQuery filters and pages ListConsents. Zero fields are not sent.
type ConsentsQuery struct {
	Role       string // of the caller: "grantor" or "grantee"
	ActiveOnly *bool  // nil is Vennio's default, true
	Limit      int    // Vennio's default is 50, its most 100
	Cursor     string // ConsentPage.NextCursor of the page before
}

// Consent is one person's permission for another to see their calendar. It is not the
// consent to a booking.
type Consent struct {
	ID      string
	Grantor Party // owner of the calendar
	Grantee Party // may see the calendar
	// Scopes are availability:read:freebusy, availability:read:details,
	// booking:propose (vennio-api.md, Consents); other values are passed through.
	Scopes []string
	Status string // as Vennio writes it
	// Active is the field of that name. If it is absent, it is derived from the status
	// ("active" or "granted"); if that is absent too, from the absence of revoked_at.
	Active bool
	// GrantedAt and ExpiresAt are in UTC; zero where Vennio leaves them out.
	GrantedAt, ExpiresAt time.Time
}

// Party is one side of a Consent. Fields that Vennio leaves out are "".
type Party struct{ ID, Name, Email string }

// ConsentPage is one page of consents.
type ConsentPage struct {
	Consents   []Consent
	NextCursor string // "" on the last page
}

// ListConsents returns a page of the consents that the caller granted or received.
func (c *Client) ListConsents(ctx context.Context, q ConsentsQuery) (*ConsentPage, error) {
	query := pageQuery(q.Limit, q.Cursor)
	query.text("role", q.Role)
	if q.ActiveOnly != nil {
		query.text("active_only", strconv.FormatBool(*q.ActiveOnly))
	}
	return readPage(ctx, c, pathConsents, "consents", query, consentFrom, func(all []Consent, next string) *ConsentPage { return &ConsentPage{all, next} })
}

func consentFrom(raw json.RawMessage) (Consent, error) {
	o, err := objectFrom(raw)
	if err != nil {
		return Consent{}, err
	}
	return consentOf(o)
}

func consentOf(o object) (Consent, error) {
	c := Consent{
		ID:      o.text("id", "consent_id"),
		Grantor: partyFrom(o, "grantor"),
		Grantee: partyFrom(o, "grantee"),
		Scopes:  o.texts("scopes"),
		Status:  o.text("status"),
		Active:  active(o),
	}
	if c.ID == "" {
		return Consent{}, errors.New("a consent without an id")
	}
	if len(c.Scopes) == 1 { // one string may list several scopes
		c.Scopes = strings.FieldsFunc(c.Scopes[0], func(r rune) bool { return r == ' ' || r == ',' })
	}
	var err1, err2 error
	c.GrantedAt, err1 = o.time("granted_at", "created_at")
	c.ExpiresAt, err2 = o.time("expires_at")
	return c, errors.Join(err1, err2)
}

func active(o object) bool {
	if value := o.text("active"); value != "" {
		return value == "true"
	}
	switch o.text("status") {
	case "active", "granted":
		return true
	case "":
		return o.field("revoked_at") == nil
	default:
		return false
	}
}

// partyFrom decodes a party from an object, an id, or fields with its role as prefix.
func partyFrom(o object, role string) Party {
	p, err := objectFrom(o[role])
	if err != nil {
		p = object{}
	}
	return Party{
		ID:    cmp.Or(p.text("id", "principal_id"), o.text(role+"_id", role+"_principal_id", role)),
		Name:  cmp.Or(p.text("name"), o.text(role+"_name")),
		Email: cmp.Or(p.text("email"), o.text(role+"_email")),
	}
}

// DecodeConsent decodes a consent, flat or under `consent` or `data`. The error names the
// invalid field, not its content.
func DecodeConsent(raw json.RawMessage) (Consent, error) {
	o, err := payload(raw)
	if err != nil {
		return Consent{}, err
	}
	if inner, err := objectFrom(o["consent"]); err == nil {
		o = inner
	}
	return consentOf(o)
}
