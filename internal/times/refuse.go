package times

import (
	"fmt"
	"strings"
)

// ZoneError refuses a name that is no IANA zone. Its text is one plain sentence without a full
// stop, under 400 bytes, that says what to send instead.
type ZoneError struct {
	// Name is what was sent, cleaned and cut for display.
	Name string
	// Suggestion is the name to use most likely, one of [Zones]; "" when nothing comes near.
	Suggestion string

	fault string // what is wrong with the name
	cure  string // what to send instead
}

// Error is the sentence for the model.
func (e *ZoneError) Error() string {
	return fmt.Sprintf("timezone %s %s: %s", quote(e.Name), e.fault, e.cure)
}

const (
	nameOne     = "name an area and city, such as Europe/London or America/New_York"
	notIANA     = "is not an IANA zone"
	ifMeant     = " if that is meant"
	utcOrLondon = "use UTC, which has no summer time, or Europe/London, which has"
)

// refuse explains a name that is not in the list. The order matters: "GMT+1" is an offset
// before it is a misspelt GMT, "EST" an abbreviation before it is near anything.
func refuse(name string) *ZoneError {
	switch fold(name) {
	case "":
		return &ZoneError{fault: "is missing", cure: nameOne}
	case "local":
		return refusal(name, "means the server's own clock", nil, nameOne)
	}
	if seconds, ok := bareOffset(name); ok {
		return refuseOffset(name, seconds)
	}
	if zones := lookUp(abbreviations(), name); zones != nil {
		return refusal(name, "is an abbreviation, not an IANA zone", zones, use(zones))
	}
	if zones := lookUp(windowsNames(), name); zones != nil {
		return refusal(name, "is a Windows name, not an IANA zone", zones, use(zones))
	}
	if zones := lookUp(places(), name); zones != nil {
		return refusal(name, notIANA, zones, use(zones))
	}
	if zones := nearest(name); zones != nil {
		return refusal(name, notIANA, zones, use(zones)+ifMeant)
	}
	return unknown(name)
}

func unknown(name string) *ZoneError { return refusal(name, notIANA, nil, nameOne) }

func refusal(name, fault string, zones []string, cure string) *ZoneError {
	e := &ZoneError{Name: clean(name), fault: fault, cure: cure}
	if len(zones) > 0 {
		e.Suggestion = zones[0]
	}
	return e
}

// use names the zones to choose from: one is plain, several are asked about, never guessed.
func use(zones []string) string {
	last := len(zones) - 1
	switch {
	case last == 0:
		return "use " + zones[0]
	case zones[0] == "UTC":
		return utcOrLondon
	default:
		return fmt.Sprintf("use %s or %s, whichever is meant", strings.Join(zones[:last], ", "), zones[last])
	}
}
