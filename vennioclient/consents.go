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

// Consent is Vennio's permission between people: who may see whose calendar, and
// how far. It is no consent to a booking.
type Consent struct {
	ID      string
	Grantor Party // whose calendar it is
	Grantee Party // who may look
	// Scopes are availability:read:freebusy, availability:read:details,
	// booking:propose (vennio-api.md, Consents); others pass through.
	Scopes []string
	Status string // as Vennio writes it
	// Active is what Vennio says; where it only gives a status, whether that is
	// "active" or "granted"; where it gives neither, whether no revocation is noted.
	Active bool
	// GrantedAt and ExpiresAt are in UTC; zero where Vennio leaves them out.
	GrantedAt, ExpiresAt time.Time
}

// Party is one side of a Consent. What Vennio left out is "".
type Party struct{ ID, Name, Email string }

// ConsentPage is one page of consents.
type ConsentPage struct {
	Consents   []Consent
	NextCursor string // "" on the last page
}

// ListConsents returns a page of the consents that the caller gave or was given.
func (c *Client) ListConsents(ctx context.Context, q ConsentsQuery) (*ConsentPage, error) {
	query := newQuery()
	query.text("role", q.Role)
	if q.ActiveOnly != nil {
		query.text("active_only", strconv.FormatBool(*q.ActiveOnly))
	}
	query.number("limit", q.Limit)
	query.text("cursor", q.Cursor)
	return call(ctx, c, get(pathConsents, query.values), consentPageFrom)
}

func consentPageFrom(raw json.RawMessage) (*ConsentPage, error) {
	all, next, err := listOf(raw, "consents", consentFrom)
	return &ConsentPage{Consents: all, NextCursor: next}, err
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
	if len(c.Scopes) == 1 { // one text may hold them all
		c.Scopes = strings.FieldsFunc(c.Scopes[0], func(r rune) bool { return r == ' ' || r == ',' })
	}
	var err1, err2 error
	c.GrantedAt, err1 = o.time("granted_at", "created_at")
	c.ExpiresAt, err2 = o.time("expires_at")
	return c, errors.Join(err1, err2)
}

func active(o object) bool {
	if said := o.text("active"); said != "" {
		return said == "true"
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

// partyFrom reads a party: an object, an id, or fields that begin with its role.
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
