package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	defaultLimit  = 3 // slots that are offered
	defaultDays   = 7
	maxDays       = 60
	maxWhenDays   = 92                   // a quarter of a year
	maxAhead      = 600 * 24 * time.Hour // with the window, less than the 728 days that a slot id can carry
	longest       = 480 * time.Minute    // the maximum of duration_minutes
	mostBadBusy   = 4                    // busy times that one error names
	windowInWords = "Make the call that the message names. Where it names several, ask the person which is meant."
)

// findSlots defines the tool that finds free times and offers a few of them.
func findSlots(d *Deps) Tool {
	return define(d, spec{
		name: toolFind, title: "Find free times", effect: reads, card: cards.SlotsURI,
		description: "Find free times of hosts. Call before each booking and when asked if a host is free; only reads. " +
			"Returns slots in words for the person, who chooses; each slot_id serves book_slot for 2 hours.",
	}, d.findSlots)
}

func (d *Deps) findSlots(ctx context.Context, in schemas.FindSlotsInput) (*schemas.FindSlotsResult, error) {
	q, err := d.search(ctx, in)
	if err != nil {
		return nil, err
	}
	free, err := d.Free(ctx, q)
	if err != nil {
		return nil, err
	}
	q.Hosts = free.Hosts
	picked := slots.Pick(free.Slots, cmp.Or(in.Limit, defaultLimit), q.Wishes)
	out := &schemas.FindSlotsResult{
		Now:             localTime(d.Now(), q.Window.Loc),
		Window:          window(q.Window),
		DurationMinutes: int(q.Duration / time.Minute),
		Hosts:           scheduling.ShownNames(q.Hosts),
		Preferences:     preferences(in, q),
		Slots:           d.offer(q, picked.Choices...),
		More:            picked.More,
	}
	if d.Card.shown() {
		out.Meta = map[string]any{metaDays: dayStrips(free.Slots, picked.Choices, q, free.Until)}
	}
	found := searchNote{
		in: in, q: q, out: out, until: free.Until, withheld: free.Withheld, excluded: len(free.Withheld) > 0, preferred: d.PreferencesOf(q.Hosts[0]),
		unsuitable: len(free.Slots) > 0 && len(picked.Choices) == 0, missed: picked.Missed,
	}
	if len(out.Slots) == 0 {
		found.later = d.SearchLater(ctx, q, free.Until)
		if found.later.Opening != nil {
			for _, opening := range d.offer(q, *found.later.Opening) { // none if an id cannot carry it
				opening.Number = 0 // it is in no list
				out.NextOpening = &opening
			}
		}
		if out.NextOpening == nil {
			found.withheld = slices.Compact(slices.Sorted(slices.Values(append(found.withheld, found.later.Withheld...))))
		}
		if found.noCommonTime() && q.Moving == nil {
			found.without = d.FirstWithout(ctx, q, found.later.Until)
		}
		if len(d.Limits.Hours) > 0 {
			found.hours = fmt.Sprintf("This server books only %s (%s).", d.Limits.Hours, d.Zone)
		}
	}
	out.Note = found.text()
	return out, nil
}

// EarliestOpening returns the start of the first free time of a search; zero if there is none.
func (d *Deps) EarliestOpening(ctx context.Context, in schemas.FindSlotsInput) (first time.Time, err error) {
	q, err := d.search(ctx, in)
	if err != nil {
		return first, err
	}
	free, err := d.Free(ctx, q)
	for _, s := range free.Slots {
		if first.IsZero() || s.Start.Before(first) {
			first = s.Start
		}
	}
	return first, err
}

// search reads the arguments. The error names every argument that was not understood. The hosts may still lack
// their names, which Free adds.
func (d *Deps) search(ctx context.Context, in schemas.FindSlotsInput) (q scheduling.Search, err error) {
	loc, badZone := d.zone("timezone", in.Timezone, d.Zone)
	guest, badGuest := d.zone("guest_timezone", in.GuestTimezone, nil)
	var badHosts error
	if in.RescheduleOf == "" { // otherwise the hosts are read with the booking
		q.Hosts, badHosts = d.FindHosts(ctx, in.Hosts)
	}
	searchIn := cmp.Or(loc, d.Zone)
	q.Duration = d.length(in, q.Hosts)
	w, badWindow := d.searchWindow(in, searchIn, q.Duration)
	busy, badBusy := d.busyTimes(in, searchIn)
	if err := allOf(badZone, badGuest, badHosts, badWindow, badBusy); err != nil {
		return q, err
	}
	q.Guest, q.Window, q.Team = guest, w, strings.TrimSpace(in.Team)
	q.Wishes = slots.Wishes{Zone: loc, Busy: busy}
	if p := in.Prefer; p != nil { // its times fit their schema
		q.Wishes.Hours.Earliest, _ = times.ParseClock(p.Earliest)
		q.Wishes.Hours.Latest, _ = times.ParseClock(p.Latest)
		q.Wishes.Days, q.Wishes.Avoid = weekdays(p.Days), weekdays(p.AvoidDays)
	}
	if in.RescheduleOf != "" {
		if q, err = d.searchToMove(ctx, q, in); err != nil {
			return q, err
		}
	}
	q.Wishes.People = d.People(q.Hosts, loc, guest, in.Timezone == "")
	q.Preferences = d.Excluding(q.Hosts)
	if in.IgnorePreferences {
		q.Preferences, q.Wishes.Waived = nil, q.Preferences
	}
	return q, nil
}

// length returns the length of the meeting: the one that the call names, or the first host's preferred one.
func (d *Deps) length(in schemas.FindSlotsInput, hosts []scheduling.Host) time.Duration {
	if in.DurationMinutes == 0 && len(hosts) > 0 {
		if preferred := d.PreferencesOf(hosts[0]).Lengths; len(preferred) > 0 {
			return preferred[0]
		}
	}
	return in.Duration()
}

// searchToMove searches for another time of a booking, with its hosts and, unless a length is given,
// with its length.
func (d *Deps) searchToMove(ctx context.Context, q scheduling.Search, in schemas.FindSlotsInput) (scheduling.Search, error) {
	old, err := d.ReadBooking(ctx, in.RescheduleOf)
	if err != nil {
		return q, err
	}
	if err := d.RefuseUnchangeable(old); err != nil {
		return q, err
	}
	if len(old.Hosts) == 0 {
		return q, &scheduling.Refusal{
			Code: schemas.CodeBookingClosed, Message: "Vennio did not say whose booking this is, so no other time can be searched for it.", Next: "Have the person move it in Vennio.",
		}
	}
	q.Moving, q.Hosts = &old, old.Hosts
	q.Wishes.Leaving = &slots.Span{Start: old.Start, End: old.End}
	if length := old.End.Sub(old.Start); in.DurationMinutes == 0 && length > 0 && length <= longest && length != q.Duration {
		q.Duration = length
		q.Window, err = d.searchWindow(in, q.Window.Loc, length)
	}
	return q, err
}

func (d *Deps) searchWindow(in schemas.FindSlotsInput, loc *time.Location, meeting time.Duration) (times.Window, error) {
	w, err := times.ParseWindow(times.WindowInput{
		When: in.When, From: in.From, To: in.To, WeekStart: d.WeekStart, Loc: loc, Now: d.Now(),
		DefaultDays: defaultDays, MaxDays: maxDays, MaxWhenDays: maxWhenDays, MaxAhead: maxAhead, Meeting: meeting, Prefers: true,
	})
	return w, windowRefused(err, in.When, in.From+in.To)
}

// windowRefused adds the next step to the error of a window that is given in words, possibly together
// with from or to.
func windowRefused(err error, when, ends string) error {
	if err == nil || when == "" {
		return err
	}
	next := windowInWords
	if ends != "" {
		next = "Send when alone, or from and to without it."
	}
	return &scheduling.Refusal{Code: schemas.CodeInvalidWindow, Message: err.Error(), Next: next, Cause: err}
}

// busyTimes reads the times at which the guest is busy; dates and local times are those of loc. The
// error names the first ones that were not understood.
func (d *Deps) busyTimes(in schemas.FindSlotsInput, loc *time.Location) (all []slots.Span, err error) {
	wrong := &times.WindowError{}
	for i, b := range in.Busy {
		start, end, err := times.ParseSpan(fmt.Sprintf("busy[%d].", i), b.Start, b.End, loc, d.Now())
		if bad, ok := errors.AsType[*times.WindowError](err); ok && len(wrong.Problems) < mostBadBusy {
			wrong.Problems = append(wrong.Problems, bad.Problems...)
		}
		all = append(all, slots.Span{Start: start, End: end})
	}
	if len(wrong.Problems) > 0 {
		return nil, &scheduling.Refusal{Code: schemas.CodeInvalidArguments, Message: wrong.Error() + ".", Cause: wrong}
	}
	return all, nil
}

// weekdays returns the days with these names, in the order of a week, each once.
func weekdays(names []string) (all []time.Weekday) {
	for _, name := range names {
		if day, ok := times.Weekday(name); ok {
			all = append(all, day)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// preferences describes the preferences and busy times that were applied; empty if there are none.
func preferences(in schemas.FindSlotsInput, q scheduling.Search) string {
	var parts []string
	for _, p := range q.Preferences {
		parts = append(parts, "hosts prefer "+p.String())
	}
	if len(q.Wishes.Waived) > 0 {
		parts = append(parts, "the hosts' preferences do not count")
	}
	if q.Team != "" {
		parts = append(parts, "free for team "+sanitize.Line(q.Team, 100))
	}
	if p := in.Prefer; p != nil {
		switch {
		case p.Earliest != "" && p.Latest != "":
			parts = append(parts, "between "+p.Earliest+" and "+p.Latest)
		case p.Earliest != "":
			parts = append(parts, "from "+p.Earliest+" on")
		case p.Latest != "":
			parts = append(parts, "until "+p.Latest)
		}
		parts = append(parts, dayNames("on ", p.Days)...)
		parts = append(parts, dayNames("never on ", p.AvoidDays)...)
	}
	switch n := len(in.Busy); {
	case n == 1:
		parts = append(parts, "clear of 1 appointment")
	case n > 1:
		parts = append(parts, fmt.Sprintf("clear of %d appointments", n))
	}
	return strings.Join(parts, ", ")
}

func dayNames(lead string, names []string) []string {
	var short []string
	for _, day := range weekdays(names) {
		short = append(short, day.String()[:3])
	}
	if len(short) == 0 {
		return nil
	}
	return []string{lead + strings.Join(short, "/")}
}

// searchNote is the result of a search from which its note is written.
type searchNote struct {
	in         schemas.FindSlotsInput
	q          scheduling.Search
	out        *schemas.FindSlotsResult
	until      time.Time         // the end of the part that was searched; usually the end of the window
	unsuitable bool              // the hosts have free times in the window, and none is suitable
	missed     bool              // no free time fits all preferences
	withheld   []string          // names of the hosts' preferences that excluded free times
	excluded   bool              // they excluded some in the window
	preferred  slots.Preferences // of the first host

	// Only if no slot was found:
	later   scheduling.Later
	without []scheduling.WithoutHost
	hours   string // the hours in which the operator allows bookings
}

// text says what the person or the model would not know otherwise.
func (n searchNote) text() string {
	var parts []string
	add := func(condition bool, text string) {
		if condition {
			parts = append(parts, text)
		}
	}
	add(n.in.Timezone == "", defaultZoneNote(n.q.Window.Loc))
	add(n.in.Note(n.in.Limit) != "", n.in.Note(n.in.Limit))
	add(n.q.Window.Cut, "The window began in the past and was cut to the future.")
	add(n.q.Window.Hint != "", n.q.Window.Hint+".")
	add(n.until.Before(n.q.Window.To), fmt.Sprintf("Searched only up to %s; for later times send from there.", n.moment(n.until)))
	add(len(n.preferred.Lengths) > 0 && !slices.Contains(n.preferred.Lengths, n.q.Duration) && n.q.Moving == nil, "Preferred lengths here: "+n.preferred.LengthsText()+".")
	found := n.found()
	add(found != "", found)
	add(len(n.withheld) > 0, fmt.Sprintf("Free times were left out because of the hosts' preferences (%s). If the user asks for those times, send ignore_preferences true.", strings.Join(n.withheld, ", ")))
	add(n.hours != "", n.hours)
	for _, h := range n.q.Hosts {
		add(h.Price != "" && len(n.out.Slots) > 0, fmt.Sprintf("A booking with %s costs %s.", h.Shown(), sanitize.Line(h.Price, 40)))
	}
	add(len(n.out.Slots) > 0 || n.out.NextOpening != nil, "Free times may be up to 15 minutes old; booking checks them again.")
	add(n.out.More, "More are free: narrow from and to, or raise limit (at most 10).")
	return strings.Join(parts, " ")
}

// found says what the search found, where the slots alone do not.
func (n searchNote) found() string {
	nothing := "Nothing is free in this window"
	if n.excluded {
		nothing = "What is free in this window is excluded by the hosts' preferences"
	}
	if n.unsuitable {
		nothing = "What is free in this window falls on days to avoid or in the guest's own appointments"
	}
	switch {
	case len(n.out.Slots) > 0 && n.missed:
		return "Nothing fits all that was preferred; these come nearest and say what they miss."
	case len(n.out.Slots) > 0:
		return ""
	case n.later.Err != nil:
		return nothing + ", and looking further failed: search a later window."
	case n.out.NextOpening != nil:
		return nothing + ". Offer the next opening or search another window."
	case n.noCommonTime():
		return n.noCommonTimeText()
	case n.later.Partial:
		return nothing + fmt.Sprintf(". Nothing was found after it up to %s; search a later window or with fewer wishes.", n.moment(n.later.Until))
	}
	return fmt.Sprintf("Nothing was found in this window or in the %d days after it; try other hosts, a shorter meeting or fewer wishes.", scheduling.DaysAhead)
}

// noCommonTime reports whether several hosts have no common free time, neither in the window nor in the
// days after it.
func (n searchNote) noCommonTime() bool {
	return len(n.q.Hosts) > 1 && len(n.out.Slots) == 0 && n.out.NextOpening == nil && !n.unsuitable && n.later.Err == nil && !n.later.Partial && !n.later.Free
}

// noCommonTimeText names the hosts, and those without whom there is a common time.
func (n searchNote) noCommonTimeText() string {
	atHours := ""
	if w := n.q.Window; w.Earliest > 0 || w.Latest > 0 {
		atHours = " at these hours"
	}
	names := scheduling.ShownNames(n.q.Hosts)
	last := len(names) - 1
	text := fmt.Sprintf("%s and %s have no common free time%s in this window or in the %d days after it.", strings.Join(names[:last], ", "), names[last], atHours, scheduling.DaysAhead)
	if n.q.Moving != nil {
		return text + " To meet without one of them, cancel this booking and make another."
	}
	if len(n.without) == 0 {
		return text + " Leaving out one of them does not help: offer separate meetings or a shorter one."
	}
	for _, w := range n.without {
		text += fmt.Sprintf(" Without %s the first time is %s.", w.Host.Shown(), n.moment(w.First))
	}
	return text + " Ask who can be left out, then search with the others in hosts."
}

func (n searchNote) moment(t time.Time) string {
	return times.Moment(t, n.q.Window.Loc)
}

// dayStrip is a day on the card of find_slots: what is free and busy around the offered times. All times
// are minutes since midnight on the clock of the window's zone.
type dayStrip struct {
	Day   string   `json:"day"` // as in schemas.Slot.StartLocal
	From  int      `json:"from"`
	To    int      `json:"to"`
	Free  [][2]int `json:"free"` // of all hosts together
	Busy  [][2]int `json:"busy"` // of the guest, as the call named them
	Slots [][2]int `json:"slots"`
}

// dayStrips returns the days with offered times. They show nothing outside the window that was searched.
func dayStrips(free []vennioclient.Slot, offered []slots.Choice, q scheduling.Search, until time.Time) (all []dayStrip) {
	const morning, evening = 8 * 60, 18 * 60 // at least, so that days can be compared
	loc, spans := q.Window.Loc, spansOf(free)
	for _, c := range offered {
		day := times.Day(c.Start, loc)
		if slices.ContainsFunc(all, func(s dayStrip) bool { return s.Day == day }) {
			continue
		}
		y, m, n := c.Start.In(loc).Date()
		on := func(spans []slots.Span) [][2]int {
			return minutesOn(slots.Span{Start: time.Date(y, m, n, 0, 0, 0, 0, loc), End: time.Date(y, m, n+1, 0, 0, 0, 0, loc)}, loc, spans)
		}
		searched := on([]slots.Span{{Start: q.Window.From, End: until}})
		s := dayStrip{Day: day, Free: on(spans), Busy: on(q.Wishes.Busy)}
		for _, other := range offered {
			s.Slots = append(s.Slots, on([]slots.Span{{Start: other.Start, End: other.End}})...)
		}
		if len(searched) == 0 || len(s.Free) == 0 {
			continue
		}
		first, last := s.Free[0][0], s.Free[len(s.Free)-1][1]
		s.From = min(max(min(first/60*60, morning), searched[0][0], q.Window.Earliest), first)
		s.To = max(min(max((last+59)/60*60, evening), searched[0][1], cmp.Or(q.Window.Latest, 24*60)), last)
		all = append(all, s)
	}
	return all
}

func spansOf(free []vennioclient.Slot) []slots.Span {
	all := make([]slots.Span, len(free))
	for i, f := range free {
		all[i] = slots.Span{Start: f.Start, End: f.End}
	}
	return all
}

// minutesOn returns the parts of spans that lie on a day, joined where they touch, in their order.
func minutesOn(day slots.Span, loc *time.Location, spans []slots.Span) [][2]int {
	found := [][2]int{}
	for _, s := range spans {
		if !s.Start.Before(day.End) || !s.End.After(day.Start) {
			continue
		}
		part := [2]int{0, 24 * 60}
		if s.Start.After(day.Start) {
			part[0] = s.Start.In(loc).Hour()*60 + s.Start.In(loc).Minute()
		}
		if s.End.Before(day.End) {
			part[1] = s.End.In(loc).Hour()*60 + s.End.In(loc).Minute()
		}
		if part[0] < part[1] { // not so in the hour that the clock repeats
			found = append(found, part)
		}
	}
	slices.SortFunc(found, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	joined := found[:0]
	for _, part := range found {
		if last := len(joined) - 1; last >= 0 && part[0] <= joined[last][1] {
			joined[last][1] = max(joined[last][1], part[1])
			continue
		}
		joined = append(joined, part)
	}
	return joined
}
