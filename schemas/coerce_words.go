package schemas

import (
	"encoding/json"
	"fmt"
	"math"
	netmail "net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/idna"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// byName are the arguments whose values need more than the shape of the schema: each function
// returns the value that is plainly meant, or the value as it is.
var byName = map[string]func(any) any{
	"attendees":        addresses,
	"attendees[]":      attendee,
	"busy":             busyTimes,
	"consent":          bareConsent,
	"days":             weekdayNames,
	"avoid_days":       weekdayNames,
	"duration_minutes": inWords(minutes),
	"earliest":         inWords(clock),
	"latest":           inWords(clock),
	"repeat":           inWords(func(text string) any { return times.CanonicalRepeat(text) }),
}

func itemOf(list string) string { return list + "[]" }

// synonyms are further words for the values of enumerations, without case and punctuation.
var synonyms = map[string]map[string]string{
	"status": {"canceled": "cancelled", "pending": "pending_payment", "unpaid": "pending_payment", "all": "any"},
	"scope":  {"one": "single", "thisone": "single", "wholeseries": "series", "entireseries": "series"},
}

// longestText is how much text these functions read.
const longestText = 10_000

func inWords(read func(string) any) func(any) any {
	return func(value any) any {
		if text, isText := single(value).(string); isText && text != "" && len(text) <= longestText {
			return read(text)
		}
		return value
	}
}

// bareConsent reads false as {granted: false}. A bare true is no consent.
func bareConsent(value any) any {
	if value == false || value == "false" || value == "False" {
		return map[string]any{"granted": false}
	}
	return value
}

// addresses reads attendees that are given as text: "ada@example.com", "Ada Byron
// <ada@example.com>", several with commas between, or a list of these.
func addresses(value any) any {
	items, isList := value.([]any)
	if !isList {
		if _, isText := value.(string); !isText {
			return value
		}
		items = []any{value}
	}
	var all []any
	for _, item := range items {
		text, isText := item.(string)
		if text = strings.TrimSpace(text); !isText || text == "" || text[0] == '{' || len(text) > longestText {
			all = append(all, item)
			continue
		}
		list, err := netmail.ParseAddressList(strings.ReplaceAll(text, ";", ","))
		if err != nil {
			all = append(all, map[string]any{"email": text})
			continue
		}
		for _, a := range list {
			all = append(all, map[string]any{"email": a.Address, "name": a.Name})
		}
	}
	return all
}

var named = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([^<>]*)<([^<>]+)>$`) })

// attendee takes an address out of "Ada Byron <ada@example.com>" or "mailto:ada@example.com", and
// writes its domain in ASCII.
func attendee(value any) any {
	v, isObject := value.(map[string]any)
	if !isObject {
		return value
	}
	email, isText := v["email"].(string)
	if !isText || len(email) > longestText {
		return value
	}
	email = strings.TrimSpace(email)
	if part := named().FindStringSubmatch(email); part != nil {
		email = strings.TrimSpace(part[2])
		if name, _ := v["name"].(string); strings.TrimSpace(name) == "" {
			v["name"] = strings.Trim(part[1], `" `)
		}
	}
	if len(email) > len("mailto:") && strings.EqualFold(email[:len("mailto:")], "mailto:") {
		email = email[len("mailto:"):]
	}
	v["email"] = asciiDomain(email)
	return v
}

// asciiDomain writes the domain of an address in the form that mail servers and Vennio take (RFC
// 5891). It leaves what is no domain as it is.
func asciiDomain(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at < 0 || isASCII(email[at:]) {
		return email
	}
	domain, err := idna.Lookup.ToASCII(email[at+1:])
	if err != nil {
		return email
	}
	return email[:at+1] + domain
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '\x7e' })
}

// busyTimes reads busy times that are given as text: a date, or two times with "/" between (ISO
// 8601-1, 5.5).
func busyTimes(value any) any {
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	all := slices.Clone(items)
	for i, item := range all {
		text, isText := item.(string)
		if text = strings.TrimSpace(text); !isText {
			continue
		}
		start, end, isSpan := strings.Cut(text, "/")
		switch _, err := time.Parse(time.DateOnly, text); {
		case err == nil:
			all[i] = map[string]any{"start": text, "end": text}
		case isSpan && strings.Contains(start, ":") && strings.Contains(end, ":"):
			all[i] = map[string]any{"start": start, "end": end}
		}
	}
	if value == nil {
		return nil
	}
	return all
}

var (
	notInWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^\pL-]+`) })
	week      = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// weekdayNames reads "Tuesday", "Tue and Thu", "mon-thu", "weekdays" and lists of these.
func weekdayNames(value any) any {
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	var all []any
	for _, item := range items {
		text, isText := item.(string)
		days, understood := daysIn(text)
		if !isText || !understood {
			all = append(all, item)
			continue
		}
		for _, day := range days {
			if !slices.Contains(all, any(day)) {
				all = append(all, day)
			}
		}
	}
	if value == nil {
		return nil
	}
	return all
}

func daysIn(text string) (days []string, understood bool) {
	if text == "" || len(text) > 200 {
		return nil, false
	}
	for _, word := range notInWord().Split(strings.ToLower(text), -1) {
		from, to, isRange := strings.Cut(word, "-")
		first, last := weekday(from), weekday(to)
		switch {
		case word == "" || word == "and" || word == "or" || word == "on":
		case word == "weekdays" || word == "workdays":
			days = append(days, week[:5]...)
		case word == "weekend" || word == "weekends":
			days = append(days, week[5:]...)
		case !isRange && first >= 0:
			days = append(days, week[first])
		case isRange && first >= 0 && last > first:
			days = append(days, week[first:last+1]...)
		default:
			return nil, false
		}
	}
	return days, len(days) > 0
}

// weekday is the place of a day in the week, by its English name, its plural or an abbreviation; -1
// for other words.
func weekday(word string) int {
	for i, name := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		if short := strings.TrimSuffix(word, "s"); len(word) >= 3 && (strings.HasPrefix(name, word) || len(short) >= 3 && strings.HasPrefix(name, short)) {
			return i
		}
	}
	return -1
}

var (
	length = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:(\d{1,3}(?:\.\d{1,2})?) ?h(?:(?:ou)?rs?)?)?(?: ?(?:and )?(\d{1,4}(?:\.0+)?) ?(?:m|min|mins|minutes?))?$|^(\d{1,2})h([0-5]\d)$`)
	})
	isoLength = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^pt(?:(\d{1,3})h)?(?:(\d{1,4})m)?$`) })
	timeOfDay = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{1,2})(?::(\d{2})(?::00)?)? ?(am|pm)?$`) })
)

// minutes reads "30 minutes", "1.5 hours", "1 h 30 min" and "PT45M".
func minutes(text string) any {
	said := strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(text, "-", " "))), " ")
	switch said {
	case "half an hour", "half hour", "a half hour":
		return json.Number("30")
	case "an hour", "one hour":
		return json.Number("60")
	}
	part := length().FindStringSubmatch(strings.TrimSuffix(said, "."))
	if part == nil {
		part = isoLength().FindStringSubmatch(said)
	}
	if part == nil || strings.Join(part[1:], "") == "" {
		return text
	}
	if len(part) > 3 && part[3] != "" { // 1h30
		part = part[2:]
	}
	hours, _ := strconv.ParseFloat("0"+part[1], 64)
	rest, _ := strconv.ParseFloat("0"+part[2], 64)
	if all := hours*60 + rest; all == math.Trunc(all) {
		return json.Number(strconv.Itoa(int(all)))
	}
	return text
}

// clock reads "9:00", "09:00:00", "9am" and "5:30 p.m." as HH:MM. A bare number is no time of day.
func clock(text string) any {
	said := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), ".", "")
	switch said {
	case "noon", "midday":
		return "12:00"
	case "24:00":
		return "23:59"
	}
	part := timeOfDay().FindStringSubmatch(said)
	if part == nil || part[2] == "" && part[3] == "" {
		return text
	}
	hour, _ := strconv.Atoi(part[1])
	switch {
	case part[3] != "" && (hour < 1 || hour > 12):
		return text
	case part[3] == "am":
		hour %= 12
	case part[3] == "pm":
		hour = hour%12 + 12
	}
	minute, _ := strconv.Atoi("0" + part[2])
	return fmt.Sprintf("%02d:%02d", hour, minute)
}
