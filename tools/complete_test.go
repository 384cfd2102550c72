package tools_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Some clients give the model only the text of a result, others only its structured content. The
// functions below extract the facts of one and look for them in the other; every call of every test
// of this package is compared (see call).

// leaf is a value of the structured content and where it stands, such as slots.0.slot_id.
type leaf struct {
	path  string
	value any
}

func (l leaf) name() string { return l.path[strings.LastIndexByte(l.path, '.')+1:] }

func leavesOf(raw json.RawMessage) (all []leaf) {
	var doc any
	if json.Unmarshal(raw, &doc) != nil {
		return nil
	}
	var visit func(path string, v any)
	visit = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				visit(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for i, item := range v {
				visit(fmt.Sprintf("%s.%d", path, i), item)
			}
		default:
			all = append(all, leaf{path, v})
		}
	}
	visit("", doc)
	return all
}

// said is a text without case, punctuation and spaces, in which quotation differs.
func said(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

var (
	labels    = regexp.MustCompile(`([A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2} \d{4}), (\d\d:\d\d)[^()]*? ?– ?(?:([A-Z][^(),]*), )?(\d\d:\d\d)[^()]*? \(([^(),]+)[^()]*\)`)
	intervals = regexp.MustCompile(`(\d{4}-\d\d-\d\dT)([\d:]+Z)/(\d{4}-\d\d-\d\dT)?([\d:]+Z)`)
	inText    = regexp.MustCompile(`https?://\S+|[\w.+'-]+@[\w.-]+\w|[0-9a-f]{8}-[0-9a-f-]{27}|s[0-9a-z]{32}|\d[\w:.+-]*|[A-Z][A-Z]+|[A-Z]\w+/[A-Z]\w+`)
	digits    = regexp.MustCompile(`\d+`)
	notYetSet = regexp.MustCompile(`^NOT [A-Z]+ YET: `)
	mailLine  = regexp.MustCompile(`(?m)^.*e-mails? .*$`)
	ofPart    = regexp.MustCompile(`^(- |status |with |for |slot_id |booking_id |proposal_id |option_id |series )`)
	quotes    = regexp.MustCompile(`"[^"\n]+"`)
	qualified = regexp.MustCompile(`\b([Nn]ot|NOT|[Nn]obody|[Nn]ever|[Oo]nly|before|until|unless|yourself|needs?|may|must|again|[Aa]lready)\b`)
	sentences = regexp.MustCompile(`[.;] |\n| · |: `)
)

// instantsIn are the instants that a text names, by a label or by an interval of UTC.
func instantsIn(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range labels.FindAllStringSubmatch(text, -1) {
		loc, err := times.Zone(m[5])
		for _, local := range []string{m[1] + " " + m[2], cmp.Or(m[3], m[1]) + " " + m[4]} {
			if err == nil {
				at, _ := time.ParseInLocation("Mon 2 Jan 2006 15:04", local, loc) // zero if it is no label
				all[times.UTC(at)] = true
			}
		}
	}
	for _, m := range intervals.FindAllStringSubmatch(text, -1) {
		day := m[3]
		if day == "" {
			day = m[1]
		}
		all[m[1]+m[2]], all[day+m[4]] = true, true
	}
	return all
}

// missingInText lists the facts of the structured content that the text lacks.
func missingInText(text string, raw json.RawMessage) (missing []string) {
	folded, instants, leaves, numbers := said(text), instantsIn(text), leavesOf(raw), map[string]bool{}
	for _, number := range digits.FindAllString(text, -1) {
		numbers[number] = true
	}
	for _, l := range leaves {
		there := true
		switch v := l.value.(type) {
		case string:
			there = stringInText(l, v, text, folded, instants)
		case float64:
			there = numbers[fmt.Sprint(v)] || v == 0 && strings.HasPrefix(text, "No ")
		case bool:
			there = boolInText(l, v, text, leaves)
		}
		if !there {
			missing = append(missing, fmt.Sprintf("text lacks %s: %v", l.path, l.value))
		}
	}
	return missing
}

func stringInText(l leaf, v, text, folded string, instants map[string]bool) bool {
	switch {
	case l.name() == "start" || l.name() == "end":
		return instants[v]
	case l.path == "window.from" || l.path == "window.to" || strings.HasPrefix(l.path, "window.days"):
		return true // the description of the window, which is compared, says the same in words
	case l.path == "reason": // the message, which is compared, says the same in words
		return true
	case l.path == "status" && v == schemas.StatusAwaiting:
		return notYetSet.MatchString(text)
	case l.name() == "action":
		return strings.Contains(text, "What would be "+map[string]string{"book": "booked", "reschedule": "moved", "cancel": "cancelled", "propose": "proposed", "update": "changed", "respond": "answered", "close": "closed", "share": "shared"}[v])
	case l.name() == "method" || l.name() == "level":
		return strings.Contains(text, v)
	}
	return strings.Contains(folded, said(v))
}

// boolInText reports whether the text says what a boolean says, where it is true and where it is
// false.
func boolInText(l leaf, v bool, text string, leaves []leaf) bool {
	begins := func(all ...string) bool {
		return slices.ContainsFunc(all, func(start string) bool { return strings.HasPrefix(text, start) })
	}
	// line is the line of the text that contains a word.
	line := func(word string) string {
		before, after, found := strings.Cut(text, word)
		if !found {
			return ""
		}
		end, _, _ := strings.Cut(after, "\n")
		return before[strings.LastIndexByte(before, '\n')+1:] + word + end
	}
	switch l.name() {
	case "sandbox":
		return strings.Contains(text, "\nSANDBOX: ")
	case "retryable":
		return strings.Contains(text, "(retryable: the same call may succeed later") == v
	case "more":
		return (line("More are free")+line("The list was cut") != "") == v
	case "repeated":
		return begins("Already ", "No longer ") == v
	case "changed":
		return begins("Moved: ", "Cancelled: ", "Changed: ") == v
	case "chosen":
		return strings.HasSuffix(line(sibling(leaves, l, "option_id")), " · CHOSEN") == v
	case "in_calendar":
		return v || strings.Contains(line("Vennio does not notify "), sibling(leaves, l, "name"))
	case "mailed":
		before, _, _ := strings.Cut(mailLine.FindString(quotes.ReplaceAllString(text, "")), "not e-mailed") // a name may hold the same words
		return strings.Contains(before, sibling(leaves, l, "email")) == v || !v && strings.Contains(before, "This call e-mails nobody.")
	case "propose":
		return strings.Contains(line(sibling(leaves, l, "owner_id")), ", may propose") == v
	case "active":
		return strings.Contains(line(sibling(leaves, l, "owner_id")), ", NOT active") != v
	}
	return false // a new boolean: say here how the text says it
}

// sibling is another member of the object in which a leaf stands.
func sibling(leaves []leaf, l leaf, name string) string {
	for _, other := range leaves {
		if other.path == strings.TrimSuffix(l.path, l.name())+name {
			return fmt.Sprint(other.value)
		}
	}
	return "no such member"
}

// typed are the sentences of texts that a member of another type says in the structured content.
var typed = []struct {
	sentence *regexp.Regexp
	path     *regexp.Regexp
	value    any // nil: any
}{
	{regexp.MustCompile(`^NOT [A-Z]+ YET$`), regexp.MustCompile(`^status$`), schemas.StatusAwaiting},
	{regexp.MustCompile(`^(After payment: )?Vennio (may )?e-mails? nobody \(test keys`), regexp.MustCompile(`attendees\.\d+\.mailed$`), false},
	{regexp.MustCompile(`^Vennio may e-mail .*`), regexp.MustCompile(`attendees\.\d+\.mailed$`), true},
	{regexp.MustCompile(`^not e-mailed(, so inform them yourself)?$`), regexp.MustCompile(`attendees\.\d+\.mailed$`), false},
	{regexp.MustCompile(`^This call e-mails nobody$`), regexp.MustCompile(`attendees\.\d+\.mailed$`), false},
	{regexp.MustCompile(`^Vennio may e-mail$`), regexp.MustCompile(`^mailed\.0$`), nil},
	{regexp.MustCompile(`^Vennio sends no e-mail to$`), regexp.MustCompile(`^not_mailed\.0$`), nil},
	{regexp.MustCompile(`^NOT booked, because it was not free$`), regexp.MustCompile(`^skipped\.0$`), nil},
	{regexp.MustCompile(`^Already (booked|held, NOT confirmed|recorded|proposed|made)$`), regexp.MustCompile(`^repeated$`), true},
	{regexp.MustCompile(`^(Already (moved|cancelled|changed)|Nothing more was changed)$`), regexp.MustCompile(`^changed$`), false},
	{regexp.MustCompile(`^Nothing was changed, because it was like this before$`), regexp.MustCompile(`^changed$`), false},
	{regexp.MustCompile(`^(Already h|H)eld, NOT confirmed$`), regexp.MustCompile(`status$`), "pending_payment"},
	{regexp.MustCompile(`^Payment is due before it is confirmed$`), regexp.MustCompile(`^checkout_url$`), nil},
	{regexp.MustCompile(`^(details|free_busy|none)(, may propose)?(, NOT active)?(, until [\d:TZ-]+)?$`), regexp.MustCompile(`^access\.\d+\.active$`), nil},
	{regexp.MustCompile(`^(\d+|No) free times? for `), regexp.MustCompile(`^duration_minutes$`), nil},
	{regexp.MustCompile(`^(\d+|No)( of \d+)? bookings?, `), regexp.MustCompile(`^total$`), nil},
	{regexp.MustCompile(`^NOT confirmed until paid$`), regexp.MustCompile(`status$`), "pending_payment"},
	{regexp.MustCompile(`^(- )?untitled$`), regexp.MustCompile(`booking_id$`), nil},
	{regexp.MustCompile(`^call again with the same arguments and cursor \w+$`), regexp.MustCompile(`^next_cursor$`), nil},
	{regexp.MustCompile(`^\d+ votes?( \(|$)`), regexp.MustCompile(`^options\.\d+\.votes$`), nil},
	{regexp.MustCompile(`^CHOSEN$`), regexp.MustCompile(`^options\.\d+\.chosen$`), true},
	{regexp.MustCompile(`^the same call may succeed later`), regexp.MustCompile(`^error\.retryable$`), true},
}

// missingInStructured lists the facts of the text that the structured content lacks: identifiers,
// addresses, times, numbers, quotations, words in capitals, and each sentence that says no, only,
// may, must and the like.
func missingInStructured(text string, raw json.RawMessage) (missing []string) {
	leaves := leavesOf(raw)
	known, all := countsIn(raw), []string{}
	for _, l := range leaves {
		if flag, isBool := l.value.(bool); isBool {
			if flag || l.name() == "active" {
				all = append(all, said(l.name()))
			}
			continue
		}
		value := fmt.Sprint(l.value)
		all = append(all, said(value), said(quotes.ReplaceAllString(value, "")))
		for _, fact := range inText.FindAllString(value, -1) {
			known[said(fact)] = true
			if _, clock, isInstant := strings.Cut(fact, "T"); isInstant {
				known[said(clock)] = true
			}
		}
	}
	holds := func(part string) bool {
		return slices.ContainsFunc(all, func(value string) bool { return strings.Contains(value, part) })
	}
	for _, fact := range inText.FindAllString(strings.ReplaceAll(text, "Z/", "Z "), -1) {
		isWord := strings.ToUpper(fact) == fact && unicode.IsUpper(rune(fact[0]))
		if part := said(fact); !known[part] && (!isWord || !holds(part)) {
			missing = append(missing, "structured content lacks "+fact)
		}
	}
	for _, quotation := range quotes.FindAllString(text, -1) {
		if !holds(said(quotation)) {
			missing = append(missing, "structured content lacks "+quotation)
		}
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\n", "\n · "), " · ") {
		part = strings.TrimSpace(part)
		if first := strings.HasSuffix(part, ")") && labels.MatchString(part); first || strings.ContainsAny(part, ".:") {
			continue // of lines with several facts, which are compared by themselves
		}
		if part = ofPart.ReplaceAllString(part, ""); strings.Trim(quotes.ReplaceAllString(part, ""), ", ") == "" {
			continue // of quotations alone, which are compared by themselves
		}
		if words := said(part); !holds(words) && !isTyped(part, leaves) {
			missing = append(missing, "structured content lacks the words: "+part)
		}
	}
	for _, sentence := range sentences.Split(quotes.ReplaceAllString(text, ""), -1) {
		sentence = strings.Trim(sentence, " .-()")
		if qualified.MatchString(sentence) && !holds(said(sentence)) && !isTyped(sentence, leaves) {
			missing = append(missing, "structured content lacks the sentence: "+sentence)
		}
	}
	return missing
}

func isTyped(sentence string, leaves []leaf) bool {
	for _, form := range typed {
		if form.sentence.MatchString(sentence) && slices.ContainsFunc(leaves, func(l leaf) bool {
			return form.path.MatchString(l.path) && (form.value == nil || form.value == l.value)
		}) {
			return true
		}
	}
	return false
}

// countsIn are the numbers of items of the lists, which texts state.
func countsIn(raw json.RawMessage) map[string]bool {
	counts := map[string]bool{}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	for _, member := range members {
		var items []any
		if json.Unmarshal(member, &items) == nil {
			counts[fmt.Sprint(len(items))] = true
		}
	}
	return counts
}

// requireComplete compares both forms of a result.
func requireComplete(t *testing.T, text string, raw json.RawMessage) {
	t.Helper()
	require.Empty(t, append(missingInText(text, raw), missingInStructured(text, raw)...), "req: P10\n%s\n%s", text, raw)
}

// req: P10
// field: one form of a result without the other. Every line of a text carries a fact, and so does
// every member of the structured content but those in which words say the same: each that is taken
// away is missed.
func TestReq_P10_TheComparisonOfTextAndStructuredContentMissesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	haruka := []string{w.deps.Hosts[2].Name}
	found := w.find(args{"guest_timezone": "Asia/Tokyo", "prefer": args{"earliest": "10:00"}})
	priced := agreed(w.find(args{"hosts": haruka}).Data.Slots[0].SlotID).with("hosts", haruka)
	bookings := map[string]answer[schemas.BookSlotResult]{
		"preview": w.book(agreed(found.Data.Slots[0].SlotID).with("consent", notYet)), "pending": w.book(priced), "repeated": w.book(priced),
	}
	results := map[string][2]string{"slots": {found.Text, string(found.Raw)}}
	for name, got := range bookings {
		require.False(t, got.IsError, got.Text)
		results[name] = [2]string{got.Text, string(got.Raw)}
	}
	listed := call[schemas.ListBookingsResult](w, "list_bookings", args{})
	results["list"] = [2]string{listed.Text, string(listed.Raw)}
	carries := map[string]bool{}
	for _, name := range []string{
		"slot_id", "booking_id", "title", "description", "reason", "guest_local", "note", "next", "message", "warning", "checkout_url", "price", "statement", "email", "now",
	} {
		carries[name] = true
	}
	for name, forms := range results {
		raw := json.RawMessage(forms[1])
		lines := strings.Split(forms[0], "\n")
		for i, line := range lines {
			if _, isHeading := strings.CutSuffix(line, ":"); isHeading {
				continue
			}
			without := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n")
			assert.NotEmpty(t, missingInText(without, raw), "%s: the line %q taken away", name, line)
		}
		for _, l := range leavesOf(raw) {
			value, isText := l.value.(string)
			if !isText || !carries[l.name()] || l.path == "reason" { // of the whole, the message says the same in words
				continue
			}
			encoded, err := json.Marshal(value)
			require.NoError(t, err)
			assert.NotEmpty(t, missingInStructured(forms[0], json.RawMessage(strings.ReplaceAll(forms[1], string(encoded), `"-"`))), "%s: %s taken away", name, l.path)
		}
	}
}
