package schemas

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// coerceByName are the arguments whose values need more than the shape of the schema. Each function
// returns the value in the required form, or unchanged if its meaning is not clear.
var coerceByName = map[string]func(any) any{
	"attendees":        addresses,
	"attendees[]":      attendee,
	"busy":             busyTimes,
	"consent":          bareConsent,
	"days":             weekdayNames,
	"avoid_days":       weekdayNames,
	"duration_minutes": readText(minutes),
	"earliest":         readText(func(text string) any { return clock(text, "00:00") }),
	"hosts[]":          hostName,
	"latest":           readText(func(text string) any { return clock(text, "23:59") }),
	"repeat":           repetition,
}

// synonyms are other words for the values of enumerations, in lower case without punctuation.
var synonyms = map[string]map[string]string{
	"status": {"canceled": "cancelled", "pending": "pending_payment", "unpaid": "pending_payment", "all": "any"},
	"scope":  {"one": "single", "thisone": "single", "wholeseries": "series", "entireseries": "series"},
}

// longestText is the number of bytes that these functions read.
const longestText = 10_000

func readText(read func(string) any) func(any) any {
	return func(value any) any {
		if text, isText := single(value).(string); isText && text != "" && len(text) <= longestText {
			return read(text)
		}
		return value
	}
}

// bareConsent reads false as {granted: false}. true alone is not a consent.
func bareConsent(value any) any {
	if value == false || value == "false" || value == "False" {
		return map[string]any{"granted": false}
	}
	return value
}

// hostName returns the id or the name of a host that is sent as an object.
func hostName(value any) any {
	v, isObject := value.(map[string]any)
	if !isObject {
		return value
	}
	for _, member := range []string{"id", "host_id", "name"} {
		if text, isText := v[member].(string); isText && text != "" {
			return text
		}
	}
	return value
}

// repetition reads a repetition in words, or as the members of a recurrence rule (RFC 5545).
func repetition(value any) any {
	if value == false {
		return nil
	}
	const longestRule = 200
	if text, isText := value.(string); isText && strings.HasPrefix(text, "{") && len(text) <= longestRule {
		var inner map[string]any
		if json.Unmarshal([]byte(text), &inner) == nil {
			value = inner
		}
	}
	v, isObject := value.(map[string]any)
	if !isObject {
		return readText(func(text string) any { return times.CanonicalRepeat(text) })(value)
	}
	known := map[string]string{
		"frequency": "freq", "freq": "freq", "every": "freq", "interval": "interval", "count": "count", "times": "count", "occurrences": "count",
		"until": "until", "enddate": "until",
	}
	parts := map[string]string{}
	for name, member := range v {
		part, isKnown := known[fold(name)]
		_, isTwice := parts[part]
		if text := strings.TrimSpace(fmt.Sprint(member)); member != nil && text != "" {
			if !isKnown || isTwice {
				return value
			}
			parts[part] = text
		}
	}
	switch strings.ToLower(parts["freq"]) {
	case "week":
		parts["freq"] = "WEEKLY"
	case "month":
		parts["freq"] = "MONTHLY"
	}
	parts["until"] = strings.ReplaceAll(parts["until"], "-", "")
	var all []string
	for _, part := range []string{"freq", "interval", "count", "until"} {
		if parts[part] != "" {
			all = append(all, strings.ToUpper(part)+"="+parts[part])
		}
	}
	rule := strings.Join(all, ";")
	if said := times.CanonicalRepeat(rule); said != rule {
		return said
	}
	return value
}

// addresses reads attendees that are sent as text: "ada@example.com", "Ada Byron
// <ada@example.com>", several of them, or a list of these.
func addresses(value any) any {
	items, isList := value.([]any)
	if !isList {
		switch value.(type) {
		case string, map[string]any:
			items = []any{value}
		default:
			return value
		}
	}
	var all []any
	for _, item := range items {
		switch v := item.(type) {
		case string:
			all = append(all, addressesIn(v)...)
		case []any: // a list within the list
			inner, _ := addresses(v).([]any)
			all = append(all, inner...)
		case map[string]any:
			text, _ := v["email"].(string)
			if name, _ := v["name"].(string); strings.TrimSpace(name) == "" && len(v) <= 2 && strings.Count(text, "@") > 1 {
				all = append(all, addressesIn(text)...)
				continue
			}
			all = append(all, v)
		default:
			all = append(all, item)
		}
	}
	return all
}

var (
	// mailto matches the URI of an address; its header fields are removed (RFC 6068).
	mailto = lazyregexp.New(`(?i)\bmailto:([^\s?,;<>]+)(?:\?[^\s,;<>]*)?`)
	// betweenAddresses matches the separators between bare addresses.
	betweenAddresses = lazyregexp.New(`(?i)(?:[\s,;]|\band\b|&)+`)
	// addressLast matches a name before an address: "Ada Byron (ada@example.com)", "Ada: ada@example.com".
	addressLast = lazyregexp.New(`^([^@,;<>"\n]+?) ?[:(\[ –-]+([^\s@,;()<>"\[\]]+@[^\s@,;()<>"\[\]]+)[)\]]?$`)
)

// addressesIn reads the addresses in a text. It returns a text that it does not understand as an
// address, which validation then reports.
func addressesIn(text string) []any {
	text = unquoted(text)
	if len(text) <= longestText {
		text = mailto().ReplaceAllString(text, "$1")
	}
	switch {
	case text == "" || nullWords[strings.ToLower(text)]:
		return nil
	case len(text) > longestText || text[0] == '{':
		return []any{text}
	}
	list, err := netmail.ParseAddressList(strings.NewReplacer(";", ",", "\r\n", ",", "\n", ",").Replace(strings.TrimRight(text, ",; \r\n")))
	if err == nil {
		all := make([]any, len(list))
		for i, a := range list {
			all[i] = map[string]any{"email": a.Address, "name": a.Name}
		}
		return all
	}
	var all []any
	for _, word := range betweenAddresses().Split(text, -1) {
		if !plainAddress().MatchString(word) {
			if part := addressLast().FindStringSubmatch(text); part != nil && len(all) == 0 {
				return []any{map[string]any{"email": part[2], "name": part[1]}}
			}
			return []any{map[string]any{"email": text}}
		}
		all = append(all, map[string]any{"email": word})
	}
	return all
}

// unquoted removes quotation marks around a text.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	for _, marks := range [][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"}, {"`", "`"}} {
		inner, opens := strings.CutPrefix(text, marks[0])
		if inner, closes := strings.CutSuffix(inner, marks[1]); opens && closes && (marks[0] == "'" || !strings.Contains(inner, marks[0])) {
			return strings.TrimSpace(inner)
		}
	}
	return text
}

var named = lazyregexp.New(`^([^<>]*)<([^<>]+)>$`)

// attendee extracts the address from "Ada Byron <ada@example.com>" or "mailto:ada@example.com", and
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
	email = unquoted(email)
	if part := named().FindStringSubmatch(email); part != nil {
		email = strings.TrimSpace(part[2])
		if name, _ := v["name"].(string); strings.TrimSpace(name) == "" {
			v["name"] = strings.Trim(part[1], `" `)
		}
	}
	if len(email) > len("mailto:") && strings.EqualFold(email[:len("mailto:")], "mailto:") {
		email, _, _ = strings.Cut(email[len("mailto:"):], "?") // its header fields (RFC 6068)
	}
	v["email"] = asciiDomain(email)
	return v
}

// asciiDomain writes the domain of an address in the form that mail servers and Vennio accept (RFC
// 5891). It does not change a text that is not a domain.
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

// busyTimes reads busy times that are sent as text: a date, or two times separated by "/" (ISO 8601-1,
// 5.5).
func busyTimes(value any) any {
	if value == nil {
		return nil
	}
	all := slices.Clone(itemsOf(value))
	for i, item := range all {
		switch v := item.(type) {
		case string:
			all[i] = busyTime(v)
		case []any:
			if len(v) == 2 {
				all[i] = map[string]any{"start": v[0], "end": v[1]}
			}
		case map[string]any:
			for ours, theirs := range map[string]string{"start": "from", "end": "to"} {
				if end, sent := v[theirs]; sent && v[ours] == nil {
					v[ours] = end
					delete(v, theirs)
				}
			}
		}
	}
	return all
}

func busyTime(text string) any {
	text = strings.TrimSpace(text)
	start, end, isSpan := strings.Cut(text, "/")
	if !isSpan {
		start, end, isSpan = strings.Cut(strings.NewReplacer(" – ", " - ", " to ", " - ").Replace(text), " - ")
	}
	isEnd := func(end string) bool {
		_, err := time.Parse(time.DateOnly, end)
		return err == nil || len(end) > len(time.DateOnly) && strings.Contains(end, ":")
	}
	start, end = strings.TrimSpace(start), strings.TrimSpace(end)
	if len(start) > len("2006-01-02T15") && len(end) == len("15:04") && end[2] == ':' {
		end = start[:len("2006-01-02T")] + end // the end without the date (ISO 8601-1, 5.5.2.4)
	}
	switch _, err := time.Parse(time.DateOnly, text); {
	case err == nil:
		return map[string]any{"start": text, "end": text}
	case isSpan && isEnd(start) && isEnd(end):
		return map[string]any{"start": start, "end": end}
	}
	return text
}

var (
	betweenDays = lazyregexp.New(`[\s,;/&+|.]+`)
	dayRange    = lazyregexp.New(`(\pL)\.? ?(?:[-–—−‒~]|\.\.+|…| to | thru | through | until | till ) ?(\pL)`)
	week        = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// weekdayNames reads "Tuesday", "Tue and Thu", "mon-thu", "weekdays" and lists of these.
func weekdayNames(value any) any {
	if value == nil {
		return nil
	}
	var all []any
	for _, item := range itemsOf(value) {
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
	return all
}

func daysIn(text string) (days []string, understood bool) {
	if text == "" || len(text) > 200 {
		return nil, false
	}
	said := strings.NewReplacer("business days", "weekdays", "working days", "weekdays", "every day", "any", "all days", "any", "any day", "any").Replace(strings.ToLower(text))
	for _, word := range betweenDays().Split(dayRange().ReplaceAllString(said, "$1-$2"), -1) {
		from, to, isRange := strings.Cut(word, "-")
		first, last := weekday(from), weekday(to)
		switch {
		case word == "" || word == "and" || word == "or" || word == "on":
		case word == "any" || word == "all" || word == "daily":
			days = append(days, week...)
		case word == "weekdays" || word == "workdays":
			days = append(days, week[:5]...)
		case word == "weekend" || word == "weekends":
			days = append(days, week[5:]...)
		case !isRange && first >= 0:
			days = append(days, week[first])
		case isRange && first >= 0 && last >= 0 && first != last:
			for day := first; ; day = (day + 1) % len(week) { // Fri-Mon continues in the next week
				if days = append(days, week[day]); day == last {
					break
				}
			}
		default:
			return nil, false
		}
	}
	return days, len(days) > 0
}

// weekday returns the index of a day in the week, by its English name, its plural, an abbreviation or
// the two letters of RFC 5545; -1 for other words.
func weekday(word string) int {
	if i := slices.Index([]string{"mo", "tu", "we", "th", "fr", "sa", "su"}, word); i >= 0 {
		return i
	}
	for i, name := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		if short := strings.TrimSuffix(word, "s"); len(word) >= 3 && (strings.HasPrefix(name, word) || len(short) >= 3 && strings.HasPrefix(name, short)) {
			return i
		}
	}
	return -1
}

var (
	length    = lazyregexp.New(`^(?:(\d{1,3}(?:\.\d{1,2})?) ?h(?:(?:ou)?rs?)?)?(?: ?(?:and )?(\d{1,4}(?:\.0+)?) ?(?:m|min|mins|minutes?))?$|^(\d{1,2})h([0-5]\d)$`)
	isoLength = lazyregexp.New(`^pt(?:(\d{1,3})h)?(?:(\d{1,4})m)?$`)
	timeOfDay = lazyregexp.New(`^t?(\d{1,2})(?::?(\d{2})(?::00(?:\.0+)?)?)? ?(am|pm)?$`)
	hourFirst = lazyregexp.New(`^(\d{1,2}) ?h ?(\d{2})?$`)
	inFigures = strings.NewReplacer("one ", "1 ", "two ", "2 ", "three ", "3 ", "four ", "4 ", "five ", "5 ", "ten ", "10 ", "fifteen ", "15 ", "twenty ", "20 ",
		"thirty ", "30 ", "forty five ", "45 ", "forty ", "40 ", "sixty ", "60 ", "ninety ", "90 ")
)

// minutes reads "30 minutes", "1.5 hours", "1 h 30 min" and "PT45M".
func minutes(text string) any {
	said := strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(text, "-", " "))), " ")
	switch said {
	case "half an hour", "half hour", "a half hour":
		return json.Number("30")
	case "a quarter of an hour", "quarter of an hour", "a quarter hour", "quarter hour":
		return json.Number("15")
	case "an hour", "one hour":
		return json.Number("60")
	case "an hour and a half", "one hour and a half", "one and a half hours", "hour and a half":
		return json.Number("90")
	}
	said = strings.TrimSpace(inFigures.Replace(said + " "))
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

// clock reads "9:00", "09:00:00", "0900", "9h30", "9am" and "5:30 p.m." as HH:MM. midnight is returned
// for "midnight", which can be the start or the end of a day. A number alone is not a time of day.
func clock(text, midnight string) any {
	said := strings.NewReplacer("a.m.", "am", "p.m.", "pm", "a.m", "am", "p.m", "pm").Replace(strings.ToLower(strings.TrimSpace(text)))
	switch said {
	case "noon", "midday", "12 noon":
		return "12:00"
	case "midnight":
		return midnight
	case "24:00", "24:00:00":
		return "23:59"
	}
	if part := hourFirst().FindStringSubmatch(said); part != nil {
		said = part[1] + ":" + cmp.Or(part[2], "00")
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
