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

func (s *Server) listConsents(c *call) (answer, error) {
	f := newForm(c.query, "role", "active_only", "limit", "cursor")
	role := f.oneOf("role", "", roleGrantor, roleGrantee)
	activeOnly := f.boolean("active_only", true)
	page := f.page()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	return paginate(s.data.Consents, page, func(k *consent) string { return k.ID }, func(k *consent) bool {
		return (role == "" || role == k.role()) && (!activeOnly || k.active(c.now))
	}, func(k *consent) consentJSON { return k.json(c.now) }, func(all []consentJSON, end pagination) any { return consentPage{all, end} })
}

type consentBody struct {
	GranteeEmail string   `json:"grantee_email"`
	GranteeName  string   `json:"grantee_name"`
	Scopes       []string `json:"scopes"`
	ExpiresAt    string   `json:"expires_at"`
}

// createConsent grants access to the calendar of the account's owner.
func (s *Server) createConsent(c *call) (answer, error) {
	var in consentBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	wrong := fieldErrors{}
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
	s.data.Consents = append(s.data.Consents, k)
	s.publishConsent(consentGranted, k)
	return answer{http.StatusCreated, consentEnvelope{k.json(c.now)}, true}, nil
}

func (s *Server) readConsent(c *call) (answer, error) {
	k := s.findConsent(c.id())
	if k == nil {
		return answer{}, refuse(notFound, "There is no consent "+c.id()+".")
	}
	return answer{status: http.StatusOK, body: consentEnvelope{k.json(c.now)}}, nil
}

// revokeConsent revokes calendar access. Both sides may do that.
func (s *Server) revokeConsent(c *call) (answer, error) {
	k := s.findConsent(c.id())
	if k == nil {
		return answer{}, refuse(notFound, "There is no consent "+c.id()+".")
	}
	changed := k.RevokedAt.IsZero()
	s.markRevoked(k)
	return answer{http.StatusOK, consentEnvelope{k.json(c.now)}, changed}, nil
}

// markRevoked revokes calendar access. The caller must hold s.mu.
func (s *Server) markRevoked(k *consent) {
	if k.RevokedAt.IsZero() {
		k.RevokedAt = s.now()
		s.publishConsent(consentRevoked, k)
	}
}

// role returns the role of the account's owner.
func (k *consent) role() string {
	if k.Grantor.ID == account.ID {
		return roleGrantor
	}
	return roleGrantee
}

func (k *consent) json(now time.Time) consentJSON {
	out := consentJSON{
		ID: k.ID, Grantor: k.Grantor, Grantee: k.Grantee, Scopes: k.Scopes,
		Status: k.status(now), Active: k.active(now),
		GrantedAt: stamp(k.Granted, time.UTC), ExpiresAt: stamp(k.Expires, time.UTC),
	}
	if !k.RevokedAt.IsZero() {
		out.RevokedAt = stamp(k.RevokedAt, time.UTC)
	}
	return out
}

// The scopes of calendar access.
const (
	accessFreeBusy = "availability:read:freebusy"
	accessDetails  = "availability:read:details" // includes accessFreeBusy
	accessPropose  = "booking:propose"
)

// consent is calendar access between two people, one of whom is the account's owner.
type consent struct {
	ID                          string
	Grantor, Grantee            partyJSON
	Scopes                      []string
	Granted, Expires, RevokedAt time.Time // RevokedAt is zero unless revoked
}

func (k *consent) status(now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(k.Expires):
		return "expired"
	default:
		return "active"
	}
}

func (k *consent) active(now time.Time) bool { return k.status(now) == "active" }

func (k *consent) allowsFreeBusy() bool {
	return slices.Contains(k.Scopes, accessFreeBusy) || slices.Contains(k.Scopes, accessDetails)
}

func (k *consent) access(now time.Time) accessJSON {
	return accessJSON{ID: k.ID, PrincipalID: k.Grantor.ID, Status: k.status(now), Scopes: k.Scopes}
}

// initialConsents returns the calendar access of a new account: active from the three
// connected hosts, revoked from the fourth.
func initialConsents(now time.Time) []*consent {
	granted := now.UTC().Truncate(time.Hour).AddDate(0, 0, -30)
	give := func(id string, from *host, revoked time.Time, scopes ...string) *consent {
		return &consent{id, from.party(), account, scopes, granted, granted.AddDate(1, 0, 0), revoked}
	}
	return []*consent{
		give("ceb0d7be-f5d5-4b2d-b9f9-b7b0eb7d55e5", hosts[0], time.Time{}, accessFreeBusy, accessDetails, accessPropose),
		give("6b2aaf61-fc8c-4931-abcd-d5afe9614f24", hosts[1], time.Time{}, accessFreeBusy),
		give("f9d40b26-dce3-41ea-86a4-541391b39e69", hosts[2], time.Time{}, accessFreeBusy),
		give("fce65954-236d-4e46-921e-991b11973f8f", hosts[3], granted.AddDate(0, 0, 20), accessFreeBusy),
	}
}

// accessOf checks the consent_id of a request about h, if there is one, and returns whether
// it includes details.
func (s *Server) accessOf(c *call, id string, h *host) (*accessJSON, bool, error) {
	if id == "" {
		return nil, false, nil
	}
	if err := c.caller.requireKey(); err != nil {
		return nil, false, err
	}
	k := s.findConsent(id)
	switch {
	case k == nil, k.Grantee.ID != account.ID, k.Grantor.ID != h.ID:
		return nil, false, refuse(forbidden, "This consent was not given to you by "+h.Name+".")
	case !k.active(c.now):
		return nil, false, refuse(forbidden, "This consent is "+k.status(c.now)+".")
	case !k.allowsFreeBusy():
		return nil, false, refuse(forbidden, "This consent does not give "+accessFreeBusy+".")
	}
	a := k.access(c.now)
	return &a, slices.Contains(k.Scopes, accessDetails), nil
}

// accessTo returns the calendar access of the caller to all of these hosts. The error names
// a host without it.
func (s *Server) accessTo(c *call, who []*host) (*[]accessJSON, error) {
	if err := c.caller.requireKey(); err != nil {
		return nil, err
	}
	out := make([]accessJSON, 0, len(who))
	for _, h := range who {
		k := find(s.data.Consents, func(k *consent) bool {
			return k.Grantor.ID == h.ID && k.Grantee.ID == account.ID && k.active(c.now) && k.allowsFreeBusy()
		})
		if k == nil {
			return nil, refuse(forbidden, "There is no active consent from "+h.Name+" ("+h.ID+") that gives you "+accessFreeBusy+".")
		}
		out = append(out, k.access(c.now))
	}
	return &out, nil
}

func (s *Server) findConsent(id string) *consent {
	return find(s.data.Consents, func(k *consent) bool { return k.ID == id })
}
