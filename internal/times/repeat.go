package times

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Repeat is the recurrence of a meeting. Either Count or Until is set.
type Repeat struct {
	Every string // weekly, biweekly (every other week) or monthly
	Count int    // occurrences, the first included
	Until string // the last date that may have one, YYYY-MM-DD, on the meeting's clocks
}

// MaxOccurrences is how many meetings one series may have.
const MaxOccurrences = 26

// RepeatError reports an invalid recurrence.
type RepeatError struct {
	why  string
	year int // of the meeting, for the example
}

func (e *RepeatError) Error() string {
	return fmt.Sprintf("repeat %s; want for example weekly x6, biweekly x4 or monthly until %d-12-31", e.why, e.year)
}

var repeatForm = lazyregexp.New(`^(weekly|biweekly|monthly)(?: (?:x(\d{1,3})|until (\d{4}-\d{2}-\d{2})))?$`)

// ParseRepeat parses "weekly x6" or "monthly until 2026-12-31", and every spelling that CanonicalRepeat
// accepts, for a meeting at the given local time. The error is a *RepeatError.
func ParseRepeat(s string, meeting time.Time) (Repeat, error) {
	text, day := cutWeekday(s)
	part := repeatForm().FindStringSubmatch(CanonicalRepeat(text))
	switch {
	case part != nil && day != "" && !strings.HasPrefix(strings.ToLower(meeting.Weekday().String()), day):
		return Repeat{}, &RepeatError{fmt.Sprintf("names another weekday than that of the slot, which is a %s", meeting.Weekday()), meeting.Year()}
	case part == nil:
		return Repeat{}, &RepeatError{"is not understood", meeting.Year()}
	case part[2] == "" && part[3] == "":
		return Repeat{}, &RepeatError{part[1] + " has no end: ask the person how often, or until when", meeting.Year()}
	}
	r := Repeat{Every: part[1], Until: part[3]}
	if part[2] != "" {
		r.Count, _ = strconv.Atoi(part[2])
		if r.Count < 2 || r.Count > MaxOccurrences {
			return Repeat{}, &RepeatError{fmt.Sprintf("must be from 2 to %d times", MaxOccurrences), meeting.Year()}
		}
	} else if _, err := time.Parse(time.DateOnly, r.Until); err != nil {
		return Repeat{}, &RepeatError{"names a date that does not exist", meeting.Year()}
	}
	return r, nil
}

// cutWeekday removes the weekday from "every Tuesday x6", "weekly on Tuesdays x6" and rules with one BYDAY.
// It returns the first two letters of the day, which must be that of the meeting.
func cutWeekday(s string) (text, day string) {
	if part := ruleDay().FindStringSubmatch(s); part != nil && strings.Contains(strings.ToUpper(s), "FREQ=WEEKLY") {
		return strings.Replace(s, part[0], "", 1), strings.ToLower(part[1])
	}
	part := onDay().FindStringSubmatch(strings.TrimSpace(s))
	if part == nil {
		return s, ""
	}
	every := "weekly"
	if other := strings.ToLower(part[1] + part[2]); strings.Contains(other, "other") || strings.Contains(other, "second") || strings.HasPrefix(other, "bi") || strings.HasPrefix(other, "fort") {
		every = "biweekly"
	}
	return every + " " + part[4], strings.ToLower(part[3][:2])
}

var (
	ruleDay = lazyregexp.New(`(?i);BYDAY=(MO|TU|WE|TH|FR|SA|SU)\b`)
	onDay   = lazyregexp.New(`(?i)^(?:(?:every|each) (other |second )?|(weekly|every week|biweekly|bi-weekly|fortnightly) on )` +
		`(mon|tue|wed|thu|fri|sat|sun)(?:day|s?day|nesday|rsday|urday)?s?\b[\s,]*(.*)$`)
)

var (
	everyForm = lazyregexp.New(`^(?:repeats? )?(?:(weekly|every week|each week|per week|once a week|every 7 days|every 1 weeks?)|` +
		`(biweekly|bi weekly|fortnightly|every fortnight|every (?:2|two) weeks|every (?:other|second) week|every 14 days|once every (?:2|two) weeks)|` +
		`(monthly|every month|each month|once a month|every 1 months?))(?: (.+))?$`)
	countFirst       = lazyregexp.New(`^(\d{1,3}) ?(?:x|times) (.+)$`)
	countForm        = lazyregexp.New(`^(?:(?:x|count) ?(\d{1,3})|(?:for )?(\d{1,3}) ?(?:x|times|meetings|occurrences|sessions)|for (\d{1,3}) (weeks|months))$`)
	untilForm        = lazyregexp.New(`^(?:until|till|through|to|ending|ends|ending on|up to) (?:the )?(.+)$`)
	countWords       = lazyregexp.New(`\b(?:three|four|five|six|seven|eight|nine|ten|twelve)\b`)
	counts           = []string{"", "", "", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "", "twelve"}
	repeatSeparators = lazyregexp.New(`[\s,;:=()_-]+`)
	ofMonth          = lazyregexp.New(`\b(\d{1,2})(?:st|nd|rd|th)\b`)
	isoDate          = lazyregexp.New(`\b(\d{4})-(\d{2})-(\d{2})\b`)
)

// CanonicalRepeat converts a recurrence to the form of ParseRepeat: "every week" to weekly, "every two weeks,
// 4 times" to biweekly x4, and likewise an RRULE of RFC 5545. It returns other text unchanged.
func CanonicalRepeat(s string) string {
	const most = 200
	if len(s) > most {
		return s
	}
	text := strings.ToLower(strings.TrimSpace(s))
	if rule, ok := strings.CutPrefix(text, "rrule:"); ok || strings.HasPrefix(text, "freq=") {
		if ok {
			text = rule
		}
		return cmp.Or(fromRule(text), s)
	}
	text = strings.ReplaceAll(text, "×", " x")
	text = countWords().ReplaceAllStringFunc(text, func(word string) string { return strconv.Itoa(slices.Index(counts, word)) })
	text = isoDate().ReplaceAllString(text, "$1/$2/$3") // protects the hyphens of dates
	text = strings.TrimSpace(repeatSeparators().ReplaceAllString(strings.TrimSuffix(text, "."), " "))
	if part := countFirst().FindStringSubmatch(text); part != nil {
		text = part[2] + " x" + part[1]
	}
	part := everyForm().FindStringSubmatch(text)
	if part == nil {
		return s
	}
	every, weeks := "weekly", 1
	switch {
	case part[2] != "":
		every, weeks = "biweekly", 2
	case part[3] != "":
		every, weeks = "monthly", 0
	}
	if part[4] == "" {
		return every
	}
	if end := repeatEnd(part[4], weeks); end != "" {
		return every + " " + end
	}
	return s
}

// repeatEnd parses the count or the last date. weeks is the interval of the meetings, 0 for a month.
func repeatEnd(text string, weeks int) string {
	if part := countForm().FindStringSubmatch(text); part != nil {
		n, _ := strconv.Atoi(part[1] + part[2] + part[3])
		switch {
		case part[3] == "" || weeks == 0 && part[4] == "months":
		case weeks > 0 && part[4] == "weeks" && n%weeks == 0:
			n /= weeks
		default:
			return ""
		}
		return fmt.Sprintf("x%d", n)
	}
	if part := untilForm().FindStringSubmatch(text); part != nil {
		for _, layout := range []string{"2006/01/02", "2 January 2006", "2 Jan 2006", "January 2 2006", "Jan 2 2006"} {
			if t, err := time.Parse(layout, ofMonth().ReplaceAllString(part[1], "$1")); err == nil {
				return "until " + t.Format(time.DateOnly)
			}
		}
		if isoDate().MatchString(strings.ReplaceAll(part[1], "/", "-")) { // ParseRepeat reports what is wrong with it
			return "until " + strings.ReplaceAll(part[1], "/", "-")
		}
	}
	return ""
}

// fromRule converts a recurrence rule that only has FREQ, INTERVAL, COUNT and UNTIL, else returns "".
func fromRule(rule string) string {
	parts := map[string]string{"interval": "1"}
	for part := range strings.SplitSeq(strings.Trim(rule, "; "), ";") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	every := map[string]string{"weekly1": "weekly", "weekly2": "biweekly", "monthly1": "monthly"}[parts["freq"]+parts["interval"]]
	count, until := parts["count"], parts["until"]
	delete(parts, "count")
	delete(parts, "until")
	switch {
	case every == "" || len(parts) != 2 || count != "" && until != "":
		return ""
	case count != "":
		return every + " x" + count
	case until == "":
		return every
	}
	if t, err := time.Parse("20060102", until[:min(8, len(until))]); err == nil {
		return every + " until " + t.Format(time.DateOnly)
	}
	return ""
}

// Starts returns the starts of all occurrences in order, each at the same local time in loc, also across clock
// changes. The error is a *RepeatError if there are fewer than 2 or more than MaxOccurrences, if a monthly
// meeting is on a day that some months lack (Vennio does not document what happens then; vennio-api.md,
// Bookings), or if the clocks skip an occurrence or show it twice.
func (r Repeat) Starts(first time.Time, loc *time.Location) ([]time.Time, error) {
	local := first.In(loc)
	year, month, day := local.Date()
	hour, minute, second := local.Clock()
	const everyMonthHas = 28
	if r.Every == "monthly" && day > everyMonthHas {
		return nil, &RepeatError{fmt.Sprintf("monthly cannot begin on the %s, which some months lack: choose a day up to the 28th", ordinalText(day)), year}
	}
	var all []time.Time
	for i := 0; len(all) <= MaxOccurrences; i++ {
		days, months := 7*i, 0
		switch r.Every {
		case "biweekly":
			days = 14 * i
		case "monthly":
			days, months = 0, i
		}
		wall := time.Date(year, month+time.Month(months), day+days, hour, minute, second, 0, time.UTC)
		if r.Count > 0 && i == r.Count || r.Count == 0 && wall.Format(time.DateOnly) > r.Until {
			break
		}
		shown := instantsOf(wall, loc).at
		if len(shown) != 1 && i > 0 {
			return nil, &RepeatError{fmt.Sprintf("cannot be: on %s the clocks of %s do not show %s exactly once; choose another time of day", wall.Format(dayLayout), loc, wall.Format("15:04")), year}
		}
		if i == 0 {
			shown = []time.Time{local}
		}
		all = append(all, shown[0])
	}
	if len(all) < 2 || len(all) > MaxOccurrences {
		return nil, &RepeatError{fmt.Sprintf("must make from 2 to %d meetings", MaxOccurrences), year}
	}
	return all, nil
}

// Text formats the recurrence: "weekly, 6 times", "monthly, until 2026-12-31".
func (r Repeat) Text() string {
	if r.Count > 0 {
		return fmt.Sprintf("%s, %d times", r.Every, r.Count)
	}
	return r.Every + ", until " + r.Until
}
