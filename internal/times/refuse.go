package times

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ZoneError refuses a name that is not an IANA zone. Its text is one plain sentence without a full
// stop, under 400 bytes, that says what to send instead.
type ZoneError struct {
	// Name is what was sent, cleaned and cut for display.
	Name string
	// Candidates are the zones that may be meant, likeliest first, all of [Zones]. Only where
	// there is one, and the text does not say "if that is meant", is it certain.
	Candidates []string

	fault string // what is wrong with the name
	cure  string // what to send instead
}

// Error is the sentence for the model.
func (e *ZoneError) Error() string {
	return fmt.Sprintf("timezone %s %s: %s", quote(e.Name), e.fault, e.cure)
}

const (
	nameOne       = "name an area and city, such as Europe/London or America/New_York"
	notIANA       = "is not an IANA zone"
	ifMeant       = " if that is meant"
	utcOrLondon   = "use UTC, which has no summer time, or Europe/London, which has"
	maxCandidates = 4
)

// refuse explains a name that is not in the list. The order matters: "GMT+1" is an offset before
// it is a misspelt GMT. The zero time means any time of the year.
func refuse(name string, now time.Time) *ZoneError {
	switch fold(name) {
	case "":
		return &ZoneError{fault: "is missing", cure: nameOne}
	case "local":
		return refusal(name, "means the server's own clock", nil, nameOne)
	}
	if seconds, ok := bareOffset(name); ok {
		return refuseOffset(name, seconds, now)
	}
	r, ok := resolve(name)
	if !ok {
		r = zoneName{fault: notIANA, zones: nearest(name), unsure: true}
	}
	if len(r.zones) == 0 {
		return unknown(name)
	}
	zones := r.zones[:min(len(r.zones), maxCandidates)]
	return refusal(name, r.fault, zones, use(zones, r.unsure))
}

func unknown(name string) *ZoneError { return refusal(name, notIANA, nil, nameOne) }

func refusal(name, fault string, zones []string, cure string) *ZoneError {
	return &ZoneError{Name: clean(name), Candidates: slices.Clone(zones), fault: fault, cure: cure}
}

// use names the zones to choose from. Several are never decided between.
func use(zones []string, unsure bool) string {
	last := len(zones) - 1
	switch {
	case last == 0 && unsure:
		return "use " + zones[0] + ifMeant
	case last == 0:
		return "use " + zones[0]
	case zones[0] == "UTC":
		return utcOrLondon
	default:
		return fmt.Sprintf("use %s or %s, whichever is meant", strings.Join(zones[:last], ", "), zones[last])
	}
}
