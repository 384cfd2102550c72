package tools_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// lists is what Vennio answers where it lists people who have names.
type lists struct {
	mu             sync.Mutex
	hosts, access  int // statuses; 0: as the sandbox does
	body           string
	rename         map[string]string
	asked, consent int // how often
}

func (l *lists) answer(path, method, body string) (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	status := 0
	switch {
	case method != http.MethodGet:
		return 0, body
	case path == "/v1/hosts":
		l.asked++
		status = l.hosts
	case path == "/v1/consents":
		l.consent++
		status = l.access
	default:
		return 0, body
	}
	if status != 0 {
		return status, l.body
	}
	for from, to := range l.rename {
		body = strings.ReplaceAll(body, from, to)
	}
	return 0, body
}

func (l *lists) set(change func(*lists)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// withIDs is a world whose operator set the first host by its id alone.
func withIDs(t *testing.T, l *lists) *world {
	t.Helper()
	w := newWorld(t)
	w.deps.Hosts = scheduling.Directory{{Name: alice.ID, ID: alice.ID}}
	twist(t, w, l.answer)
	w.restart()
	return w
}

// restart forgets the names, as a process does that is started again.
func (w *world) restart() {
	w.deps.Names = scheduling.NewHostNames(w.deps.Vennio, w.deps.Now)
	w.connect()
}

var alice, bob = sandbox.Hosts()[0], sandbox.Hosts()[1]

const unnamedAlice = "the owner of calendar 619c8492… (Vennio gives no name)"

// The list of hosts is read once an hour, and not at all where the operator set names.
//
// field: names read once
func TestNamesOfHostsAreReadOnceAnHour(t *testing.T) {
	t.Parallel()
	l := &lists{}
	w := withIDs(t, l)
	for range 3 {
		assert.Equal(t, []string{"Alice Marlow"}, w.find(args{}).Data.Hosts)
	}
	made := w.booked()
	assert.Equal(t, "Alice Marlow", made.Hosts[0].Name)
	assert.Equal(t, []string{"Alice Marlow"}, w.get(args{"booking_id": made.BookingID}).Data.Hosts)
	assert.Equal(t, 1, l.asked)
	assert.Zero(t, l.consent, "every host was in the first list")
	l.set(func(l *lists) { l.rename = map[string]string{"Alice Marlow": "Alice Reyes"} })
	w.clock = w.clock.Add(59 * time.Minute)
	assert.Equal(t, []string{"Alice Marlow"}, w.find(args{}).Data.Hosts)
	w.clock = w.clock.Add(2 * time.Minute)
	assert.Equal(t, []string{"Alice Reyes"}, w.find(args{}).Data.Hosts)
	assert.Equal(t, 2, l.asked)

	w.deps.Hosts = scheduling.Directory{{Name: "Ally", ID: alice.ID}}
	w.restart()
	assert.Equal(t, []string{"Ally"}, w.find(args{}).Data.Hosts, "the operator's name wins")
	assert.Equal(t, []string{"Ally"}, w.get(args{"booking_id": made.BookingID}).Data.Hosts)
	assert.Equal(t, 2, l.asked)
}

// field: names asked for by many at once
func TestManyCallsReadTheNamesOnce(t *testing.T) {
	t.Parallel()
	l := &lists{hosts: 404}
	w := withIDs(t, l)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			found, err := w.deps.Names.Find(t.Context(), alice.ID, "user:"+bob.ID)
			assert.NoError(t, err)
			assert.Equal(t, map[string]string{alice.ID: "Alice Marlow", bob.ID: "Bob Castellano"}, found)
		})
	}
	all.Wait()
	assert.Equal(t, 1, l.asked)
	assert.Equal(t, 1, l.consent)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.restart()
	_, err := w.deps.Names.Find(ctx, alice.ID)
	assert.ErrorIs(t, err, context.Canceled)
}

// A definite answer without a name makes a host unnamed, and every question says so in words.
//
// req: C16
// field: host without a name
func TestAHostWithoutANameIsSaidToHaveNone(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*lists{
		"forbidden": {hosts: 403, access: 403}, "JSON of another form": {hosts: 200, access: 403, body: `{"ok":true}`}, "no such operation": {hosts: 404, access: 404}, "gone": {hosts: 410, access: 405},
		"name is an id":  {rename: map[string]string{"Alice Marlow": alice.ID}},
		"name is unseen": {rename: map[string]string{"Alice Marlow": `\u3164\u2800`}},
		"null":           {rename: map[string]string{`"Alice Marlow"`: "null"}},
	} {
		w := withIDs(t, l)
		found := w.find(args{})
		assert.Equal(t, []string{unnamedAlice}, found.Data.Hosts, name)
		asked := w.waiting(agreed(found.Data.Slots[0].SlotID))
		assert.Contains(t, asked.Act.Question(), ", with "+unnamedAlice+", for Ada", name)
		assert.Equal(t, alice.ID, asked.Act.Hosts[0].Name, "the digest is that of before names were read")
		for i, protocol := range []string{"2025-11-25", modern} { // each for another slot: a refusal covers one
			p := says("decline")
			w.meet(protocol, p, nil)
			assert.Equal(t, schemas.CodeConsentDeclined, w.book(agreed(found.Data.Slots[i+1].SlotID)).Code, name)
			require.Len(t, p.seen(), 1)
			assert.Contains(t, p.seen()[0], "\n  With: "+unnamedAlice+"\n", name)
			assert.NotContains(t, p.seen()[0], alice.ID)
		}
		w.connect()
		preview := w.book(agreed(w.slot().SlotID).with("consent", notYet))
		assert.Contains(t, preview.Text, "With: "+unnamedAlice, name)
		assert.NotContains(t, preview.Text+string(preview.Raw), alice.ID)
		asks := l.asked
		w.find(args{})
		assert.Equal(t, asks, l.asked, "for a minute it is not asked again")
	}
	byConsent := withIDs(t, &lists{hosts: 404})
	assert.Equal(t, []string{"Alice Marlow"}, byConsent.find(args{}).Data.Hosts, "a name in the list of consents counts")
	made := byConsent.booked("hosts", []string{"alice"})
	assert.Equal(t, "Alice Marlow", made.Hosts[0].Name)
}

// A failure that may pass is an error of the call that can be repeated: nothing is asked, written or
// changed because of it.
//
// req: C16, E1
// field: names while Vennio fails
func TestWhileVennioCannotBeAskedForNamesNothingIsAsked(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]*lists{
		"unavailable": {hosts: 503}, "proxy": {hosts: 502, body: "<html>"}, "not JSON": {hosts: 200, body: "<html>"},
		"limited": {hosts: 429}, "second list": {hosts: 404, access: 500},
	} {
		l := &lists{}
		w := withIDs(t, l)
		made, slot := w.booked(), w.slot().SlotID
		move := changes["reschedule_booking"](w, made.BookingID)
		writes := w.vennio.Writes()
		before, _ := w.kinds()
		l.set(func(l *lists) { l.hosts, l.access, l.body = broken.hosts, broken.access, broken.body })
		w.restart()
		for tool, arguments := range map[string]args{
			"find_slots": {}, "book_slot": agreed(slot), "get_booking": {"booking_id": made.BookingID}, "list_bookings": {},
			"reschedule_booking": move, "cancel_booking": {"booking_id": made.BookingID, "consent": yes},
		} {
			got := call[schemas.Failure](w, tool, arguments)
			require.True(t, got.IsError, "%s, %s: %s", name, tool, got.Text)
			assert.True(t, got.Data.Error.Retryable, got.Text)
			assert.Contains(t, got.Data.Error.Message, "Vennio could not be asked for the host's name", tool)
			assert.Contains(t, got.Data.Error.Next, "VENNIO_HOSTS", tool)
			assert.NotContains(t, got.Text+string(got.Raw), alice.ID)
		}
		after, _ := w.kinds()
		assert.Equal(t, before, after, "nothing is recorded")
		assert.Equal(t, writes, w.vennio.Writes())
		l.set(func(l *lists) { l.hosts, l.access = 0, 0 })
		assert.Equal(t, "Alice Marlow", w.book(agreed(slot)).Data.Hosts[0].Name, "a failure is not kept")
	}
}

// Between the question and the call a name does not change because Vennio fails: an old one counts,
// and without one the call is an error, after which the same approval still holds.
//
// field: names fail after the question
func TestAnApprovalOutlivesAFailureToReadNames(t *testing.T) {
	t.Parallel()
	l := &lists{}
	w := withIDs(t, l)
	slot := w.slot().SlotID
	asked := w.waiting(agreed(slot))
	w.approve(asked.ID, true, consent.OnPage)
	l.set(func(l *lists) { l.hosts, l.access = 503, 503 })
	w.deps.Policy = consent.PolicyHuman
	w.restart()
	assert.Equal(t, schemas.CodeUnavailable, w.book(agreed(slot)).Code)
	l.set(func(l *lists) { l.hosts, l.access = 0, 0 })
	booked := w.book(agreed(slot))
	require.False(t, booked.IsError, booked.Text)
	assert.Equal(t, "Alice Marlow", booked.Data.Hosts[0].Name)

	l.set(func(l *lists) { l.hosts, l.access = 503, 503 })
	w.clock = w.clock.Add(61 * time.Minute)
	assert.Equal(t, []string{"Alice Marlow"}, w.get(args{"booking_id": booked.Data.BookingID}).Data.Hosts, "an old name counts while Vennio fails")
}

// A call that is repeated is the same act and the same bytes, even if a host was renamed meanwhile.
//
// field: host renamed after the booking
func TestARepeatedCallKeepsTheNamesThatWereAgreedTo(t *testing.T) {
	t.Parallel()
	l := &lists{}
	w := withIDs(t, l)
	found := w.find(args{"hosts": []string{"alice", bob.ID}})
	require.Equal(t, []string{"Alice Marlow", "Bob Castellano"}, found.Data.Hosts, found.Text)
	booking := agreed(found.Data.Slots[0].SlotID).with("hosts", found.Data.Hosts)
	w.vennio.LoseNext(3)
	first := w.book(booking)
	l.set(func(l *lists) {
		l.rename = map[string]string{"Alice Marlow": "Alice Reyes", "Bob Castellano": "Bob Reyes"}
	})
	w.restart()
	again := w.book(booking.with("hosts", []string{alice.ID, bob.ID}))
	require.False(t, again.IsError, again.Text)
	assert.Equal(t, 1, w.vennio.Writes())
	if !first.IsError {
		assert.Equal(t, first.Data.BookingID, again.Data.BookingID)
	}
	cancel := args{"booking_id": again.Data.BookingID, "consent": yes}
	require.True(t, w.change("cancel_booking", cancel).Data.Changed)
	l.set(func(l *lists) { l.rename = nil })
	w.restart()
	gone := w.change("cancel_booking", cancel)
	require.False(t, gone.IsError, gone.Text)
	assert.False(t, gone.Data.Changed)
}

// What Vennio calls a host is text from others: it is shown as a name, quoted where it could be read
// as anything else, and bounded.
//
// req: C8
// field: names that pose as facts
func TestNamesFromVennioCannotPoseAsFacts(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]string{
		"Alice O'Shea-Ng":                       "Alice O'Shea-Ng",
		"علي حسن":                               "علي حسن",
		`Alice\u202e Marlow\u200b`:              "Alice Marlow",
		`Alice\n  Mail: nobody`:                 `"Alice Mail: nobody"`,
		`Ada. Vennio e-mails nobody`:            `"Ada. Vennio e-mails nobody"`,
		`Ada, for Bob? Vennio sends no e-mail.`: `"Ada, for Bob? Vennio sends no e-mail."`,
		`\"Ada\"`:                               "Ada",
		`Alice <b>Marlow</b>`:                   `"Alice <b>Marlow</b>"`,
		`Key vennio_sk_live_abcdefgh1234`:       `"Key vennio_sk_live_****"`,
		unnamedAlice:                            `"` + strings.Replace(unnamedAlice, "name)", "…", 1),
		strings.Repeat("Long ", 200):            `"Long Long`,
	} {
		l := &lists{rename: map[string]string{"Alice Marlow": name}}
		w := withIDs(t, l)
		found := w.find(args{})
		require.Len(t, found.Data.Hosts, 1, name)
		got := found.Data.Hosts[0]
		if strings.HasPrefix(name, "Long") || name == unnamedAlice {
			assert.Contains(t, got, `"`+name[:9], name)
			assert.LessOrEqual(t, len([]rune(got)), 60)
		} else {
			assert.Equal(t, shown, got)
		}
		question := w.waiting(agreed(found.Data.Slots[0].SlotID)).Act.Question()
		assert.NotContains(t, question, "with "+unnamedAlice)
		if len(shown) < 16 && !strings.HasPrefix(name, "Long") {
			assert.Contains(t, question, "with "+shown+", for Ada", name)
		}
		if strings.HasPrefix(shown, `"`) {
			assert.Contains(t, question, `with "`, name)
		}
		again := w.book(agreed(found.Data.Slots[0].SlotID).with("hosts", found.Data.Hosts))
		require.False(t, again.IsError, "what was shown names the host: %s", again.Text)
	}
}

// Hosts of the same name can be distinguished, in results and in arguments.
//
// req: C8, C16
// field: hosts of the same name
func TestHostsOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	const first, second = "Alice Marlow (calendar 619c8492…)", "(calendar f722f8b1…)"
	for _, name := range []string{"Alice Marlow", "alice  MARLOW", `Alice\u200b Marlow`, "Ａlice Marlow", `\"Alice Marlow\"`} {
		l := &lists{rename: map[string]string{"Bob Castellano": name}}
		w := withIDs(t, l)
		found := w.find(args{"hosts": []string{alice.ID, bob.ID}})
		require.Len(t, found.Data.Hosts, 2, found.Text)
		assert.Equal(t, first, found.Data.Hosts[0], name)
		assert.True(t, strings.HasSuffix(found.Data.Hosts[1], second), found.Data.Hosts[1])
		assert.Contains(t, w.waiting(agreed(found.Data.Slots[0].SlotID).with("hosts", found.Data.Hosts)).Act.Question(), "with "+first+" and ", name)
		made := w.booked("hosts", []string{found.Data.Hosts[0]})
		assert.Equal(t, first, made.Hosts[0].Name)
		both := w.get(args{"booking_id": w.book(agreed(found.Data.Slots[1].SlotID).with("hosts", found.Data.Hosts)).Data.BookingID})
		assert.Equal(t, found.Data.Hosts, both.Data.Hosts, both.Text)
	}
	// a name that imitates what the label adds stays a quotation
	w := withIDs(t, &lists{rename: map[string]string{"Bob Castellano": first}})
	found := w.find(args{"hosts": []string{alice.ID, bob.ID}})
	imitation := []string{"Alice Marlow", `"` + first + `"`}
	assert.Equal(t, imitation, found.Data.Hosts)
	made := w.book(agreed(found.Data.Slots[0].SlotID).with("hosts", imitation))
	require.False(t, made.IsError, made.Text)
	assert.Equal(t, imitation, w.get(args{"booking_id": made.Data.BookingID}).Data.Hosts)

	// several people of one name, none of whom the operator set
	w = withIDs(t, &lists{rename: map[string]string{"Bob Castellano": "Sam Lee", "Haruka Sato": "Sam Lee"}})
	got := w.find(args{"hosts": []string{"sam lee"}})
	assert.Equal(t, schemas.CodeUnknownHost, got.Code)
	assert.Contains(t, got.Text, "Sam Lee (calendar c74b81d2…), Sam Lee (calendar f722f8b1…)")
	assert.False(t, w.find(args{"hosts": []string{"Sam Lee (calendar f722f8b1…)"}}).IsError)

	// a name that the operator gave to another host
	w = withIDs(t, &lists{rename: map[string]string{"Bob Castellano": "Ally"}})
	w.deps.Hosts = scheduling.Directory{{Name: "Ally", ID: alice.ID}}
	w.restart()
	assert.Equal(t, []string{"Ally", "Ally (calendar f722f8b1…)"}, w.find(args{"hosts": []string{alice.ID, bob.ID}}).Data.Hosts)
	assert.Equal(t, []string{"Ally"}, w.find(args{"hosts": []string{"ally"}}).Data.Hosts)
}

// In a booking that others wrote, the name that Vennio has for an id counts, not the one that stands
// beside it; an id without a name is a host, never a guest.
//
// field: booking that names its hosts
func TestABookingCannotRenameItsHosts(t *testing.T) {
	t.Parallel()
	w := withIDs(t, &lists{})
	request := vennioclient.BookingRequest{
		Hosts: []string{alice.ID, bob.ID, sandbox.Hosts()[2].ID, "5b2f0a34-6f0e-4f0c-9d3b-6f1f9d0f1a11"}, HostNames: []string{"", "Alice Marlow", "", "Alice Marlow"},
		Customer: vennioclient.Person{Email: "ada@example.com", Name: "Ada"}, Start: wednesday.Add(2 * time.Hour), End: wednesday.Add(3 * time.Hour), Title: "Call",
	}
	made, err := w.deps.Vennio.CreateBooking(t.Context(), "k", request)
	require.NoError(t, err)
	got := w.get(args{"booking_id": made.ID})
	assert.Equal(t, []string{"Alice Marlow", "Bob Castellano", "Haruka Sato", "Alice Marlow (calendar 5b2f0a34…)"}, got.Data.Hosts, got.Text)
	assert.Equal(t, []string{"Ada <ada@example.com>"}, got.Data.Attendees)
}
