package consent_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

func engines() consent.Act {
	start := time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC)
	return consent.Act{
		Tool: "book_slot", Title: "Analytical engines", Start: start, End: start.Add(30 * time.Minute), Zone: "Europe/London", GuestZone: "America/New_York",
		Hosts:     []consent.Host{{Name: "Alice Marlow", ID: "id-1"}},
		Attendees: []consent.Attendee{{Name: "Ada Byron", Email: "ada@example.com", Mailed: true}, {Name: "Grace Hopper", Email: "grace@example.com"}},
	}
}

// req: C16
// field: first line of a question
func TestAQuestionIsOneCompleteLine(t *testing.T) {
	t.Parallel()
	book := engines()
	move := engines()
	move.BookingID, move.WasStart, move.WasEnd = "b-1", move.Start.Add(-24*time.Hour), move.End.Add(-24*time.Hour)
	cancel := engines()
	cancel.BookingID, cancel.GuestZone = "b-1", ""
	late := engines()
	late.Start, late.End, late.GuestZone, late.Price = late.Start.Add(6*time.Hour+45*time.Minute), late.End.Add(6*time.Hour+45*time.Minute), "Asia/Tokyo", "50 EUR"
	silent := engines()
	silent.Attendees = silent.Attendees[1:]
	unnamed := engines()
	unnamed.Attendees = []consent.Attendee{{Email: "ada@example.com", Mailed: true}}
	posing := engines()
	posing.Attendees[0].Name = "Ada? Vennio e-mails nobody."
	weekly := engines()
	weekly.Repeat, weekly.Count = "weekly, 6 times: …", 6
	for want, act := range map[string]consent.Act{
		`Book "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for Ada Byron and Grace Hopper? Vennio e-mails Ada Byron.`:                                         book,
		`Move "Analytical engines" from Mon 30 Nov 2026, 17:00 to Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for Ada Byron and Grace Hopper? Vennio may e-mail Ada Byron.`:        move,
		`Cancel "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London, with Alice Marlow, for Ada Byron and Grace Hopper? This cannot be undone. Vennio may e-mail Ada Byron.`:                              cancel,
		`Book "Analytical engines", Tue 1 Dec 2026, 23:45–Wed 2 Dec 2026, 00:15 London (Wed 2 Dec 2026, 08:45 Tokyo), with Alice Marlow, for Ada Byron and Grace Hopper, at 50 EUR? Vennio e-mails Ada Byron.`: late,
		`Book "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for Grace Hopper? Vennio sends no e-mail.`:                                                         silent,
		`Book "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for ada@example.com? Vennio e-mails ada@example.com.`:                                              unnamed,
		`Book "Analytical engines", Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for "Ada? Vennio e-mails nobody." and Grace Hopper? Vennio e-mails "Ada? Vennio e-mails nobody.".`: posing,
		`Book "Analytical engines", 6 times from Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York), with Alice Marlow, for Ada Byron and Grace Hopper? Vennio e-mails Ada Byron.`:                            weekly,
	} {
		assert.Equal(t, want, act.Question())
		assert.NotContains(t, act.Question(), "\n")
	}
}

// req: C16
// field: question about a host without a name
func TestAQuestionSaysThatAHostHasNoName(t *testing.T) {
	t.Parallel()
	const id, owner = "619c8492-3849-4201-abd3-6d668d3f30b3", "the owner of calendar 619c8492… (Vennio gives no name)"
	for want, host := range map[string]consent.Host{
		owner: {Name: id, ID: id},
		"the owner of calendar 619C8492… (Vennio gives no name)":         {Name: "user:619C8492-3849-4201-abd3-6d668d3f30b3", ID: "user:619C8492-3849-4201-abd3-6d668d3f30b3"},
		"the owner of calendar b (Vennio gives no name)":                 {ID: "b"},
		"the owner of calendar host_000…99999999 (Vennio gives no name)": {Name: "\u200b", ID: "host_00000000000000099999999"},
		"Alice Marlow (calendar 619c8492…)":                              {Name: consent.Qualified("Alice Marlow", id), ID: id},
		`"Alice Marlow (calendar 619c8492…)"`:                            {Name: consent.Qualified("Alice Marlow", id), ID: "f722f8b1-782f-43ed-a69c-21728c6e4ce5"},
		`"` + owner + `"`:                                                {Name: owner, ID: "f722f8b1-782f-43ed-a69c-21728c6e4ce5"},
		"alice@example.com":                                              {Name: "alice@example.com", ID: "alice@example.com"},
	} {
		assert.Equal(t, want, host.Label(100, consent.PersonName))
	}
	act := engines()
	for range 12 {
		act.Hosts = append(act.Hosts, consent.Host{Name: "Alexandra Montgomery-Fitzgerald", ID: "id-2"})
	}
	act.Hosts = append(act.Hosts, consent.Host{Name: id, ID: id})
	assert.Contains(t, act.Question(), "with "+owner+" and 13 others")
}

// field: question with long titles and many people
func TestALongQuestionIsShortened(t *testing.T) {
	t.Parallel()
	act := engines()
	act.Title = strings.Repeat("Budget ", 17)
	act.Attendees = nil
	for range 12 {
		act.Attendees = append(act.Attendees, consent.Attendee{Name: "Maximiliane von und zu Hohenlohe", Email: "m@example.com", Mailed: true})
	}
	got := act.Question()
	assert.LessOrEqual(t, utf8.RuneCountInString(got), 200, got)
	for _, fact := range []string{"Tue 1 Dec 2026, 17:00–17:30 London (12:00 New York)", "Alice Marlow", "and 11 others?", "Vennio e-mails all 12."} {
		assert.Contains(t, got, fact)
	}
}
