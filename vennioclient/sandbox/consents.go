package sandbox

import (
	"net/http"
	"slices"
	"time"
)

const (
	roleGrantor = "grantor"
	roleGrantee = "grantee"
)

// listConsents answers GET /v1/consents.
func (s *Server) listConsents(c *call) (answer, error) {
	f := newForm(c.query, "role", "active_only", "limit", "cursor")
	role := f.oneOf("role", "", roleGrantor, roleGrantee)
	activeOnly := f.boolean("active_only", true)
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	found, more, err := paginate(s.consents, page, func(k *consent) string { return k.id }, func(k *consent) bool {
		return (role == "" || role == k.role()) && (!activeOnly || k.active(c.now))
	})
	if err != nil {
		return answer{}, err
	}
	out := consentPage{Consents: make([]consentJSON, 0, len(found)), Pagination: more}
	for _, k := range found {
		out.Consents = append(out.Consents, k.json(c.now))
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// consentBody asks the account's owner to grant access to someone.
type consentBody struct {
	GranteeEmail string   `json:"grantee_email"`
	GranteeName  string   `json:"grantee_name"`
	Scopes       []string `json:"scopes"`
	ExpiresAt    string   `json:"expires_at"`
}

// createConsent lets someone see the calendar of the account's owner.
func (s *Server) createConsent(c *call) (answer, error) {
	var in consentBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	wrong := misfits{}
	wrong.email("grantee_email", in.GranteeEmail)
	expires := c.now.AddDate(1, 0, 0)
	if in.ExpiresAt != "" {
		expires = wrong.instant("expires_at", in.ExpiresAt)
	}
	unknown := func(scope string) bool {
		return !slices.Contains([]string{accessFreeBusy, accessDetails, accessPropose}, scope)
	}
	if len(in.Scopes) == 0 || slices.ContainsFunc(in.Scopes, unknown) {
		wrong["scopes"] = "must name one or more of " + accessFreeBusy + ", " + accessDetails + ", " + accessPropose
	}
	if err := wrong.err(); err != nil {
		return answer{}, err
	}
	grantee := partyJSON{ID: s.uuid(), Name: in.GranteeName, Email: in.GranteeEmail}
	if h := findHost(in.GranteeEmail); h != nil {
		grantee = h.party()
	}
	k := &consent{s.uuid(), account, grantee, in.Scopes, c.now, expires, time.Time{}}
	s.consents = append(s.consents, k)
	s.tellConsent(consentGranted, k)
	return answer{http.StatusCreated, consentEnvelope{k.json(c.now)}, true}, nil
}

func (s *Server) readConsent(c *call) (answer, error) {
	k := s.findConsent(c.id())
	if k == nil {
		return answer{}, refuse(notFound, "There is no consent "+c.id()+".")
	}
	return answer{status: http.StatusOK, body: consentEnvelope{k.json(c.now)}}, nil
}

// revokeConsent ends calendar access; either side may.
func (s *Server) revokeConsent(c *call) (answer, error) {
	k := s.findConsent(c.id())
	if k == nil {
		return answer{}, refuse(notFound, "There is no consent "+c.id()+".")
	}
	changed := k.revokedAt.IsZero()
	s.markRevoked(k)
	return answer{http.StatusOK, consentEnvelope{k.json(c.now)}, changed}, nil
}

// markRevoked needs s.mu.
func (s *Server) markRevoked(k *consent) {
	if k.revokedAt.IsZero() {
		k.revokedAt = s.now()
		s.tellConsent(consentRevoked, k)
	}
}

// role is the side of the account's owner.
func (k *consent) role() string {
	if k.grantor.ID == account.ID {
		return roleGrantor
	}
	return roleGrantee
}

func (k *consent) json(now time.Time) consentJSON {
	out := consentJSON{
		ID: k.id, Grantor: k.grantor, Grantee: k.grantee, Scopes: k.scopes,
		Status: k.status(now), Active: k.active(now),
		GrantedAt: stamp(k.granted, time.UTC), ExpiresAt: stamp(k.expires, time.UTC),
	}
	if !k.revokedAt.IsZero() {
		out.RevokedAt = stamp(k.revokedAt, time.UTC)
	}
	return out
}
