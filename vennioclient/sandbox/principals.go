package sandbox

import (
	"slices"
	"strings"
	"time"
)

// hostsOf finds whom an availability call is about.
func (s *Server) hostsOf(f *form) ([]*host, error) {
	if ref, _ := f.first("business_id", "principal_id"); ref != "" {
		h := findHost(ref)
		if h == nil {
			return nil, unknownPrincipal(ref)
		}
		return []*host{h}, nil
	}
	participants := f.list("participants")
	if len(participants) == 0 && f.values.Has("duration_minutes") {
		return nil, invalid(map[string]string{"business_id": "is required"})
	}
	who, _, err := sortOut(participants)
	if len(who) == 0 {
		who = hosts[:1]
	}
	return who, err
}

// sortOut tells the hosts among the guide's participants from the guests. Who is
// not a host must be an e-mail address.
func sortOut(participants []string) (who []*host, guests []string, err error) {
	for _, p := range participants {
		switch h := findHost(p); {
		case h != nil && !slices.Contains(who, h):
			who = append(who, h)
		case h != nil: // named twice
		case strings.Contains(p, "@"):
			guests = append(guests, bare(p))
		default:
			return nil, nil, unknownPrincipal(p)
		}
	}
	return who, guests, nil
}

// principals resolves the hosts of a mutual availability.
func principals(refs []string) ([]*host, error) {
	out := make([]*host, 0, len(refs))
	for _, ref := range refs {
		h := findHost(ref)
		if h == nil {
			return nil, unknownPrincipal(ref)
		}
		if slices.Contains(out, h) {
			return nil, invalid(map[string]string{"principal_ids": "must name each principal once"})
		}
		out = append(out, h)
	}
	return out, nil
}

func unknownPrincipal(ref string) error {
	return refuse(notFound, "There is no principal "+bare(ref)+".")
}

// connected refuses where a host's calendar is not connected.
func (s *Server) connected(who []*host) error {
	for _, h := range who {
		if s.disconnected[h.ID] {
			return refuse(notConnected, "The calendar of "+h.Name+" is not connected.")
		}
	}
	return nil
}

// zoneFor is the zone of an answer: the one asked for, the only host's, or UTC.
func zoneFor(asked *time.Location, who []*host) *time.Location {
	switch {
	case asked != nil:
		return asked
	case len(who) == 1:
		return who[0].location()
	default:
		return time.UTC
	}
}
