package sandbox

import (
	"slices"
	"time"
)

// The scopes of calendar access: what a grantor lets a grantee do.
const (
	accessFreeBusy = "availability:read:freebusy"
	accessDetails  = "availability:read:details" // includes accessFreeBusy
	accessPropose  = "booking:propose"
)

// consent is calendar access between two people. The account's owner is always one of them.
type consent struct {
	id                          string
	grantor, grantee            partyJSON
	scopes                      []string
	granted, expires, revokedAt time.Time // revokedAt is zero unless revoked
}

func (k *consent) status(now time.Time) string {
	switch {
	case !k.revokedAt.IsZero():
		return "revoked"
	case !now.Before(k.expires):
		return "expired"
	default:
		return "active"
	}
}

func (k *consent) active(now time.Time) bool { return k.status(now) == "active" }

func (k *consent) shows() bool {
	return slices.Contains(k.scopes, accessFreeBusy) || slices.Contains(k.scopes, accessDetails)
}

func (k *consent) access(now time.Time) accessJSON {
	return accessJSON{ID: k.id, PrincipalID: k.grantor.ID, Status: k.status(now), Scopes: k.scopes}
}

// firstConsents is the calendar access that the account holds to begin with:
// active from the three connected hosts, revoked from the fourth.
func firstConsents(now time.Time) []*consent {
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

// accessOf checks a consent_id given for h, where one is given, and tells
// whether it shows details.
func (s *Server) accessOf(c *call, id string, h *host) (*accessJSON, bool, error) {
	if id == "" {
		return nil, false, nil
	}
	if err := c.caller.signed(); err != nil {
		return nil, false, err
	}
	k := s.findConsent(id)
	switch {
	case k == nil, k.grantee.ID != account.ID, k.grantor.ID != h.ID:
		return nil, false, refuse(forbidden, "This consent was not given to you by "+h.Name+".")
	case !k.active(c.now):
		return nil, false, refuse(forbidden, "This consent is "+k.status(c.now)+".")
	case !k.shows():
		return nil, false, refuse(forbidden, "This consent does not give "+accessFreeBusy+".")
	}
	a := k.access(c.now)
	return &a, slices.Contains(k.scopes, accessDetails), nil
}

// accessTo finds the access by which the caller may see all of these calendars,
// and refuses where one is missing, naming whose.
func (s *Server) accessTo(c *call, who []*host) (*[]accessJSON, error) {
	if err := c.caller.signed(); err != nil {
		return nil, err
	}
	out := make([]accessJSON, 0, len(who))
	for _, h := range who {
		i := slices.IndexFunc(s.consents, func(k *consent) bool {
			return k.grantor.ID == h.ID && k.grantee.ID == account.ID && k.active(c.now) && k.shows()
		})
		if i < 0 {
			return nil, refuse(forbidden, "There is no active consent from "+h.Name+" ("+h.ID+") that gives you "+accessFreeBusy+".")
		}
		out = append(out, s.consents[i].access(c.now))
	}
	return &out, nil
}

func (s *Server) findConsent(id string) *consent {
	i := slices.IndexFunc(s.consents, func(k *consent) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return s.consents[i]
}
