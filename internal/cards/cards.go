// Package cards has the cards that a client shows in the chat (MCP Apps, SEP-1865): HTML documents
// without a build step, which load nothing and send nothing but messages to the client.
//
// A chat that is opened again loads the address that it stored. Therefore a change that old data
// cannot be shown with needs a new address, and the old one stays.
package cards

import (
	_ "embed" // for the documents
	"regexp"
	"strings"
	"sync"
)

// MIMEType is the media type of a card.
const MIMEType = "text/html;profile=mcp-app"

// The addresses of the cards.
const (
	SlotsURI   = "ui://vennio/slots/v1.html"
	BookingURI = "ui://vennio/booking/v1.html"
)

// indentOrComment matches what clients need not load.
const indentOrComment = `(?m)^ *(?://.*\n)?`

// Card is a card as resources/list and resources/read present it.
type Card struct {
	Name, Title, Description string
	HTML                     func() string // the document, which is made at the first call
}

var (
	//go:embed slots.html
	slots string
	//go:embed booking.html
	booking string
	//go:embed bridge.js
	bridge string
	//go:embed card.css
	style string
)

// All returns the cards by address. The script and the style that they share are part of each.
func All() map[string]Card {
	whole := func(document string) func() string {
		return sync.OnceValue(func() string {
			document := strings.NewReplacer("/* card.css */", style, "/* bridge.js */", bridge).Replace(document)
			return regexp.MustCompile(indentOrComment).ReplaceAllString(document, "")
		})
	}
	return map[string]Card{
		SlotsURI:   {"card_slots", "Free times", "Card that shows the free times of find_slots", whole(slots)},
		BookingURI: {"card_booking", "Booking", "Card that shows a booking, and asks a person to approve one", whole(booking)},
	}
}
