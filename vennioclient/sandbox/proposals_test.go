package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

type proposal struct {
	ID          string
	ThreadID    string `json:"thread_id"`
	Status      string
	RequesterID string `json:"requester_id"`
	BookingID   string `json:"booking_id"`
	NextID      string `json:"next_proposal_id"`
	Slots       []proposalSlot

	Participants []struct{ Email, Status string }
}

type proposalSlot struct {
	ID        string
	StartTime time.Time `json:"start_time"`
	Votes     int       `json:"vote_count"`
	Selected  bool      `json:"is_selected"`
}

type proposalAnswer struct {
	Proposal    proposal
	NewProposal proposal `json:"new_proposal"`
	MagicLink   string   `json:"magic_link_url"`
	Invitations []struct {
		Email string
		Link  string `json:"magic_link_url"`
	}
}

// pollTimes are the times of the polls: an earlier one after a later one, so that order does not decide ties.
var pollTimes = []time.Time{wednesday.AddDate(0, 0, 6), wednesday.AddDate(0, 0, 5), wednesday.AddDate(0, 0, 7)}

func times(starts ...time.Time) string {
	var all []string
	for _, start := range starts {
		all = append(all, fmt.Sprintf(`{"start":%q,"end":%q}`, iso(start), iso(start.Add(30*time.Minute))))
	}
	return `"slots":[` + strings.Join(all, ",") + `]`
}

func propose(members ...string) request {
	return request{method: http.MethodPost, target: "/v1/proposals", body: "{" + strings.Join(members, ",") + "}"}
}

func namedPoll(t *testing.T, s http.Handler, emails ...string) proposalAnswer {
	t.Helper()
	return want[proposalAnswer](t, s, http.StatusCreated, propose(`"mode":"poll"`, times(pollTimes...), `"participant_emails":["`+strings.Join(emails, `","`)+`"]`))
}

func openPoll(t *testing.T, s http.Handler) proposalAnswer {
	t.Helper()
	return want[proposalAnswer](t, s, http.StatusCreated, propose(`"mode":"poll"`, times(pollTimes...)))
}

// asked proposes two free times to Alice, and returns the link in her e-mail.
func asked(t *testing.T, s *sandbox.Server) (proposal, string) {
	t.Helper()
	offers := want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, wednesday.AddDate(0, 0, 1), wednesday.AddDate(0, 0, 3)))
	made := want[proposalAnswer](t, s, http.StatusCreated, propose(`"participant_ids":["`+alice.ID+`"]`, times(offers.Slots[0].Start, offers.Slots[len(offers.Slots)-1].Start)))
	assert.Empty(t, made.Invitations)
	assert.Empty(t, made.MagicLink)
	sent := s.Invitations()
	return made.Proposal, sent[len(sent)-1].Link
}

func token(link string) string { return link[strings.LastIndex(link, "/")+1:] }

// respond is a response by the holder of an invitation, without a key.
func respond(id, link string, members ...string) request {
	body := `{"token":"` + token(link) + `",` + strings.Join(members, ",") + "}"
	return request{method: http.MethodPost, target: "/v1/proposals/" + id + "/response", body: body, key: "-"}
}

func accept(p proposal, slot int, link string, members ...string) request {
	return respond(p.ID, link, append(members, `"action":"accept"`, `"selected_slot_id":"`+p.Slots[slot].ID+`"`)...)
}

func end(p proposal, operation string) request {
	return request{method: http.MethodPost, target: "/v1/proposals/" + p.ID + operation}
}

func read(t *testing.T, s http.Handler, id string) proposal {
	t.Helper()
	return want[proposalAnswer](t, s, http.StatusOK, get("/v1/proposals/"+id)).Proposal
}

func status(t *testing.T, s http.Handler, bookingID string) string {
	t.Helper()
	return want[bookingAnswer](t, s, http.StatusOK, get("/v1/bookings/"+bookingID)).Booking.Status
}

// A named poll is resolved by its last vote, with the slot that has most votes.
func TestNamedPoll(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	emails := []string{"a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"}
	made := namedPoll(t, s, emails...)
	p := made.Proposal
	assert.Equal(t, "proposed", p.Status)
	for i, slot := range []int{0, 2, 2, 0} {
		assert.Equal(t, emails[i], made.Invitations[i].Email)
		assert.Equal(t, "proposed", want[proposalAnswer](t, s, http.StatusOK, accept(p, slot, made.Invitations[i].Link)).Proposal.Status)
	}
	p = want[proposalAnswer](t, s, http.StatusOK, accept(p, 2, made.Invitations[4].Link)).Proposal
	assert.Equal(t, "accepted", p.Status)
	assert.Equal(t, []bool{false, false, true}, []bool{p.Slots[0].Selected, p.Slots[1].Selected, p.Slots[2].Selected})
	booked := s.Bookings()[0]
	assert.Equal(t, []any{p.BookingID, pollTimes[2], "confirmed", emails}, []any{booked.ID, booked.Start, booked.Status, booked.Participants})
	refused(t, s, http.StatusUnauthorized, "invalid_token", accept(p, 0, made.Invitations[4].Link))
}

// An open poll has one link for many, does not resolve by itself, and a tie goes to the earliest start.
func TestOpenPoll(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := openPoll(t, s)
	p := made.Proposal
	for _, vote := range []request{
		accept(p, 0, made.MagicLink), accept(p, 2, made.MagicLink, `"voter_email":"cleo@example.org"`), accept(p, 1, made.MagicLink, `"voter_name":"Dan"`),
		accept(p, 0, made.MagicLink, `"voter_email":"Cleo@example.org"`), accept(p, 1, made.MagicLink, `"voter_email":"eve@example.org"`),
	} {
		assert.Equal(t, "proposed", want[proposalAnswer](t, s, http.StatusOK, vote).Proposal.Status)
	}
	p = want[proposalAnswer](t, s, http.StatusOK, end(p, "/close")).Proposal
	assert.Equal(t, []int{2, 2, 0}, []int{p.Slots[0].Votes, p.Slots[1].Votes, p.Slots[2].Votes}, "a second vote with the same address replaces the first")
	assert.True(t, p.Slots[1].Selected)
	assert.Equal(t, pollTimes[1], s.Bookings()[0].Start)
	refused(t, s, http.StatusConflict, "conflict", accept(p, 0, made.MagicLink))
	refused(t, s, http.StatusConflict, "conflict", end(p, "/close"))
}

func TestPollWithoutVotesExpires(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	closed := want[proposalAnswer](t, s, http.StatusOK, end(namedPoll(t, s, "a@example.org").Proposal, "/close")).Proposal
	assert.Equal(t, "expired", closed.Status)
	assert.Empty(t, s.Bookings())
	refused(t, s, http.StatusConflict, "conflict", end(closed, "/close"))
	refused(t, s, http.StatusConflict, "conflict", end(closed, "/cancel"))
	standard, _ := asked(t, s)
	refused(t, s, http.StatusConflict, "conflict", end(standard, "/close"))
	refused(t, s, http.StatusConflict, "conflict", end(standard, "/cancel"))
}

// At its expiry, a poll with votes is resolved; other proposals expire. Tokens expire with them.
func TestProposalsExpire(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := newServer(sandbox.Options{Now: clock.Now})
	voted, silent := namedPoll(t, s, "a@example.org", "b@example.org"), openPoll(t, s)
	standard, link := asked(t, s)
	want[proposalAnswer](t, s, http.StatusOK, accept(voted.Proposal, 0, voted.Invitations[0].Link))
	clock.Advance(pollTimes[1].Sub(wednesday) - time.Second)
	assert.Equal(t, "proposed", read(t, s, silent.Proposal.ID).Status)
	clock.Advance(time.Second)
	assert.Equal(t, "accepted", read(t, s, voted.Proposal.ID).Status)
	assert.Equal(t, "expired", read(t, s, silent.Proposal.ID).Status)
	assert.Equal(t, "proposed", read(t, s, standard.ID).Status, "its times do not end it")
	clock.Advance(7 * 24 * time.Hour)
	assert.Equal(t, "expired", read(t, s, standard.ID).Status)
	for _, link := range []string{link, silent.MagicLink, voted.Invitations[1].Link} {
		refused(t, s, http.StatusGone, "token_expired", request{method: http.MethodGet, target: "/v1/proposals/by-token?token=" + token(link), key: "-"})
	}
	refused(t, s, http.StatusGone, "token_expired", accept(standard, 0, link))
	refused(t, s, http.StatusGone, "token_expired", ics(voted.Proposal, voted.Invitations[1].Link))
	short := want[proposalAnswer](t, s, http.StatusCreated, propose(`"mode":"poll"`, times(wednesday.AddDate(0, 0, 30)), `"expires_in_hours":2`)).Proposal
	clock.Advance(2 * time.Hour)
	assert.Equal(t, "expired", read(t, s, short.ID).Status)
}

// All participants must accept the same slot.
func TestAcceptedByEveryone(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	both := propose(`"participant_ids":["`+alice.ID+`","`+bob.ID+`"]`, times(mutualTimes(t, s)...))
	refused(t, s, http.StatusForbidden, "consent_required", both)
	require.NoError(t, s.Grant(bob.Email))
	p := want[proposalAnswer](t, s, http.StatusCreated, both).Proposal
	links := s.Invitations()
	assert.Equal(t, "proposed", want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, links[0].Link)).Proposal.Status)
	p = want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, links[1].Link)).Proposal
	assert.Equal(t, "accepted", p.Status)
	assert.Equal(t, "confirmed", status(t, s, p.BookingID))
	p = want[proposalAnswer](t, s, http.StatusOK, end(p, "/cancel")).Proposal
	assert.Equal(t, "cancelled", p.Status)
	assert.Equal(t, "cancelled", status(t, s, p.BookingID))
	refused(t, s, http.StatusConflict, "conflict", end(p, "/cancel"))
}

// mutualTimes are two half hours at which Alice and Bob are free.
func mutualTimes(t *testing.T, s http.Handler) []time.Time {
	t.Helper()
	free := want[slotsAnswer](t, s, http.StatusOK, get("/v1/availability/mutual", "principal_ids", alice.ID+","+bob.ID,
		"from", iso(wednesday.AddDate(0, 0, 1)), "to", iso(wednesday.AddDate(0, 0, 8)))).Slots
	return []time.Time{free[0].Start, free[len(free)-1].Start}
}

// A personal invitation is used up by a response, also by one that fails at the calendar.
func TestInvitationsAreUsedUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		obstruct func(*sandbox.Server, proposal)
		status   int
		slug     string
	}{
		"the time is taken": {func(s *sandbox.Server, p proposal) {
			_ = s.Take(alice.ID, p.Slots[0].StartTime, p.Slots[0].StartTime.Add(time.Hour))
		}, http.StatusConflict, "slot-unavailable"},
		"the calendar is offline": {func(s *sandbox.Server, _ proposal) { s.Disconnect(alice.ID) }, http.StatusBadGateway, "calendar_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(sandbox.Options{})
			p, link := asked(t, s)
			tc.obstruct(s, p)
			refused(t, s, tc.status, tc.slug, accept(p, 0, link))
			assert.Equal(t, "proposed", read(t, s, p.ID).Status)
			assert.Equal(t, "pending", read(t, s, p.ID).Participants[0].Status)
			assert.Empty(t, s.Bookings())
			refused(t, s, http.StatusUnauthorized, "invalid_token", accept(p, 1, link))
		})
	}
	s := newServer(sandbox.Options{})
	p, link := asked(t, s)
	refused(t, s, http.StatusBadRequest, "validation-error", respond(p.ID, link, `"action":"accept"`, `"selected_slot_id":"`+alice.ID+`"`))
	s.FailNext(1, http.StatusInternalServerError)
	assert.Equal(t, http.StatusInternalServerError, send(s, accept(p, 0, link)).Code)
	s.TimeOutNext(1) // executes the call
	lost := accept(p, 0, link)
	lost.idempotency = "respond-1"
	assert.Equal(t, http.StatusGatewayTimeout, send(s, lost).Code)
	assert.Equal(t, "accepted", want[proposalAnswer](t, s, http.StatusOK, lost).Proposal.Status, "the same key replays the answer")
	lost.idempotency = "respond-2"
	refused(t, s, http.StatusUnauthorized, "invalid_token", lost)
	assert.Len(t, s.Bookings(), 1)
}

func TestWhoMayRespond(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	p, link := asked(t, s)
	other := namedPoll(t, s, "a@example.org")
	withKey := accept(p, 0, link)
	withKey.key = ""
	refused(t, s, http.StatusForbidden, "organizer_cannot_respond", withKey) // the key wins, and the token stays valid
	refused(t, s, http.StatusUnauthorized, "token_proposal_mismatch", accept(p, 0, other.Invitations[0].Link))
	for _, bad := range []string{"", "x", "/", "p/" + token(link), token(link)[1:], token(link) + "0", "%00"} {
		r := accept(p, 0, link)
		r.body = strings.Replace(r.body, token(link), bad, 1)
		refused(t, s, http.StatusUnauthorized, map[bool]string{true: "authentication_required", false: "invalid_token"}[bad == ""], r)
	}
	refused(t, s, http.StatusNotFound, "not_found", accept(proposal{ID: alice.ID, Slots: p.Slots}, 0, link))
	refused(t, s, http.StatusBadRequest, "poll_mode_only_supports_accept", respond(other.Proposal.ID, other.Invitations[0].Link, `"action":"reject"`))
	for _, body := range []string{`"action":"maybe"`, `"action":"accept"`, `"action":"counter"`, `"action":"reject","selected_slot_id":"` + p.Slots[0].ID + `"`, `"action":"counter","counter_slots":[]`} {
		refused(t, s, http.StatusBadRequest, "validation-error", respond(p.ID, link, body))
	}
	want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, link))
	for _, r := range []request{end(p, "/cancel"), end(p, "/close"), get("/v1/proposals"), propose(times(pollTimes...))} {
		r.key = "-"
		refused(t, s, http.StatusUnauthorized, "authentication_required", r)
	}
}

// A counter opens a proposal of the participant, to which the former organizer responds with the key.
func TestCounter(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	p, link := asked(t, s)
	refused(t, s, http.StatusUnprocessableEntity, "time-in-past", respond(p.ID, link, `"action":"counter"`, strings.Replace(times(wednesday.Add(-time.Hour)), "slots", "counter_slots", 1)))
	got := want[proposalAnswer](t, s, http.StatusOK, respond(p.ID, link, `"action":"counter"`, strings.Replace(times(p.Slots[1].StartTime), "slots", "counter_slots", 1)))
	assert.Equal(t, []string{"countered", got.NewProposal.ID}, []string{got.Proposal.Status, got.Proposal.NextID})
	next := got.NewProposal
	assert.Equal(t, []string{p.ThreadID, "proposed", alice.ID, "you@example.com"}, []string{next.ThreadID, next.Status, next.RequesterID, next.Participants[0].Email})
	refused(t, s, http.StatusUnauthorized, "invalid_token", accept(p, 0, link))
	r := accept(next, 0, "")
	r.key = ""
	next = want[proposalAnswer](t, s, http.StatusOK, r).Proposal
	assert.Equal(t, "accepted", next.Status)
	assert.Equal(t, alice.ID, s.Bookings()[0].HostID)
	want[proposalAnswer](t, s, http.StatusOK, end(next, "/cancel"))

	p, link = asked(t, s)
	assert.Equal(t, "rejected", want[proposalAnswer](t, s, http.StatusOK, respond(p.ID, link, `"action":"reject"`)).Proposal.Status)
}

func TestInvalidProposals(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	eleven := slices.Repeat([]string{`"` + alice.ID + `"`}, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprintf(`"p%d@example.org"`, i)
	}
	valid := `"participant_ids":["` + alice.ID + `"]`
	for field, bodies := range map[string][][]string{
		"mode":                  {{`"mode":"vote"`, times(pollTimes...)}},
		"participant_ids":       {{times(pollTimes...)}, {`"participant_ids":[]`, times(pollTimes...)}, {`"participant_ids":["` + alice.ID + `","` + strings.ToUpper(alice.ID) + `"]`, times(pollTimes...)}, {`"participant_ids":[` + strings.Join(eleven, ",") + `]`, times(pollTimes...)}, {`"participant_ids":["39f919ab-5dc7-4cde-b54d-b358cdeedaef"]`, times(pollTimes...)}, {`"mode":"poll"`, valid, times(pollTimes...)}, {`"mode":"poll","participant_ids":[]`, times(pollTimes...)}},
		"participant_emails":    {{valid, `"participant_emails":["a@example.org"]`, times(pollTimes...)}, {`"mode":"poll"`, `"participant_emails":["a@example.org","A@example.org"]`, times(pollTimes...)}, {`"mode":"poll"`, `"participant_emails":[` + strings.Join(eleven, ",") + `]`, times(pollTimes...)}},
		"participant_emails[0]": {{`"mode":"poll"`, `"participant_emails":["nobody"]`, times(pollTimes...)}},
		"slots":                 {{valid}, {valid, `"slots":[]`}, {valid, times(slices.Repeat(pollTimes, 4)...)}},
		"slots[1].start":        {{valid, times(pollTimes[0], pollTimes[0])}, {valid, `"slots":[` + strings.TrimSuffix(strings.TrimPrefix(times(pollTimes[0]), `"slots":[`), `]`) + `,{}]`}},
		"slots[0].end":          {{valid, `"slots":[{"start":"2026-05-20T10:00:00Z","end":"2026-05-20T09:00:00Z"}]`}, {valid, `"slots":[{"start":"2026-05-20T10:00:00Z","end":"2026-05-20T10:00:00Z"}]`}},
		"expires_in_hours":      {{valid, times(pollTimes...), `"expires_in_hours":0`}, {valid, times(pollTimes...), `"expires_in_hours":721`}},
		"message":               {{valid, times(pollTimes...), `"message":"` + strings.Repeat("x", 2049) + `"`}},
		"title":                 {{valid, times(pollTimes...), `"title":"x"`}},
	} {
		for _, members := range bodies {
			p := refused(t, s, http.StatusBadRequest, "validation-error", propose(members...))
			assert.Contains(t, p.Errors, field, "%v", members)
		}
	}
	refused(t, s, http.StatusBadRequest, "earliest_slot_too_soon", propose(`"mode":"poll"`, times(pollTimes[0], wednesday.Add(25*time.Hour-time.Second))))
	refused(t, s, http.StatusBadRequest, "earliest_slot_too_soon", propose(`"mode":"poll"`, times(wednesday.Add(-time.Hour))))
	refused(t, s, http.StatusUnprocessableEntity, "time-in-past", propose(valid, times(wednesday.Add(-time.Hour))))
	overlapping := times(wednesday.Add(25*time.Hour), wednesday.Add(25*time.Hour+15*time.Minute))
	want[proposalAnswer](t, s, http.StatusCreated, propose(`"mode":"poll"`, strings.NewReplacer("start", "start_time", "end", "end_time").Replace(overlapping), `"metadata":{"duration_minutes":30}`))
	s.Disconnect(alice.ID)
	refused(t, s, http.StatusConflict, "calendar_disconnected_originator", propose(`"mode":"poll"`, times(pollTimes...)))
}

func ics(p proposal, link string) request {
	return request{method: http.MethodGet, target: "/v1/proposals/" + p.ID + "/ics?token=" + token(link), key: "-"}
}

func TestCalendarFileOfAPoll(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := want[proposalAnswer](t, s, http.StatusCreated, propose(`"mode":"poll"`, times(pollTimes...), `"message":"Lunch; bring, please\\`+strings.Repeat(" é", 60)+`"`))
	p, link := made.Proposal, made.MagicLink
	refused(t, s, http.StatusConflict, "poll_not_resolved", ics(p, link))
	want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, link, `"voter_email":"cleo@example.org"`))
	want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, link))
	want[proposalAnswer](t, s, http.StatusOK, end(p, "/close"))
	w := send(s, ics(p, link))
	require.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "text/calendar; charset=utf-8", w.Header().Get("Content-Type"))
	for line := range strings.SplitSeq(strings.TrimSuffix(w.Body.String(), "\r\n"), "\r\n") {
		assert.LessOrEqual(t, len(line), 75)
	}
	file := strings.ReplaceAll(w.Body.String(), "\r\n ", "")
	assert.Contains(t, file, "UID:proposal-"+p.ID+"-slot-"+p.Slots[0].ID+"@vennio.app\r\n")
	assert.Contains(t, file, `SUMMARY:Lunch\; bring\, please\\ é é`)
	assert.Equal(t, 1, strings.Count(file, "ATTENDEE"), "anonymous voters are left out")
	refused(t, s, http.StatusUnauthorized, "invalid_token", ics(p, "x"))
	refused(t, s, http.StatusUnauthorized, "token_proposal_mismatch", ics(p, openPoll(t, s).MagicLink))
	refused(t, s, http.StatusNotFound, "proposal_not_found", ics(proposal{ID: alice.ID}, link))
	refused(t, s, http.StatusBadRequest, "validation-error", ics(p, ""))
}

// Each change of a proposal causes its events.
func TestEventsOfProposals(t *testing.T) {
	t.Parallel()
	clock := newClock()
	r := receive(t, nil)
	s := subscribed(t, sandbox.Options{Now: clock.Now}, r)
	l := &eventRecorder{t: t, s: s, r: r}
	var p proposal
	var link string
	l.expect("proposal.created", func() { p, link = asked(t, s) })
	l.expect("proposal.accepted booking.created", func() { want[proposalAnswer](t, s, http.StatusOK, accept(p, 0, link)) })
	l.expect("proposal.cancelled booking.cancelled", func() { want[proposalAnswer](t, s, http.StatusOK, end(p, "/cancel")) })
	l.expect("proposal.created proposal.rejected", func() {
		p, link = asked(t, s)
		want[proposalAnswer](t, s, http.StatusOK, respond(p.ID, link, `"action":"reject"`))
	})
	l.expect("proposal.created proposal.countered proposal.created", func() {
		p, link = asked(t, s)
		want[proposalAnswer](t, s, http.StatusOK, respond(p.ID, link, `"action":"counter"`, strings.Replace(times(p.Slots[1].StartTime), "slots", "counter_slots", 1)))
	})
	var made proposalAnswer
	l.expect("proposal.created", func() { made = openPoll(t, s) })
	l.expect("", func() { want[proposalAnswer](t, s, http.StatusOK, accept(made.Proposal, 0, made.MagicLink)) })
	l.expect("proposal.resolved booking.created", func() { want[proposalAnswer](t, s, http.StatusOK, end(made.Proposal, "/close")) })
	l.expect("proposal.created proposal.expired proposal.expired", func() {
		openPoll(t, s)
		clock.Advance(pollTimes[1].Sub(wednesday))
		clock.Advance(7 * 24 * time.Hour)
		want[map[string]any](t, s, http.StatusOK, get("/v1/proposals"))
	})
}

// A cursor continues a list, and is refused unless a list returned it.
func TestCursorsOfProposalsAndLinks(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for range 3 {
		openPoll(t, s)
		newLink(t, s)
	}
	want[seriesAnswer](t, s, http.StatusCreated, repeat(freeSlot(t, s, alice), `"frequency":"weekly","count":1`))
	for path, n := range map[string]int{"/v1/proposals": 3, "/v1/venn-links": 3, "/v1/booking-series": 1} {
		seen, cursor := 0, ""
		for more := true; more; {
			type page struct {
				Proposals  []proposal
				Links      []struct{ ID string } `json:"venn_links"`
				Series     []struct{ ID string } `json:"booking_series"`
				Pagination struct {
					Next string `json:"next_cursor"`
				}
			}
			got := want[page](t, s, http.StatusOK, get(path, "limit", "2", "cursor", cursor))
			seen += len(got.Proposals) + len(got.Links) + len(got.Series)
			cursor = got.Pagination.Next
			more = cursor != ""
		}
		assert.Equal(t, n, seen, path)
		for _, bad := range []string{"x", "%", "bm90aGluZw"} {
			refused(t, s, http.StatusBadRequest, "validation-error", get(path, "cursor", bad))
		}
		for _, bad := range []string{"0", "101", "many"} {
			refused(t, s, http.StatusBadRequest, "validation-error", get(path, "limit", bad))
		}
	}
}

func TestTeamAvailability(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	path := "/v1/teams/" + sandbox.Teams()[0].ID + "/availability"
	window := []string{"from", iso(wednesday.AddDate(0, 0, 1)), "to", iso(wednesday.AddDate(0, 0, 8))}
	free := want[slotsAnswer](t, s, http.StatusOK, get(path, window...))
	both := want[slotsAnswer](t, s, http.StatusOK, get("/v1/availability/mutual", append([]string{"principal_ids", alice.ID + "," + bob.ID, "limit", "10"}, window...)...))
	assert.Equal(t, both.Slots, free.Slots)
	assert.Len(t, free.Slots, 10, "the default limit")
	for field, pairs := range map[string][]string{
		"from": {"to", window[3]}, "to": window[:2], "limit": append([]string{"limit", "51"}, window...),
		"duration_minutes": append([]string{"duration_minutes", "x"}, window...), "timezone": append([]string{"timezone", "Mars"}, window...),
		"consent_id": append([]string{"consent_id", "x"}, window...),
	} {
		assert.Contains(t, refused(t, s, http.StatusBadRequest, "validation-error", get(path, pairs...)).Errors, field)
	}
	refused(t, s, http.StatusNotFound, "not-found", get("/v1/teams/nobody/availability", window...))
	s.Disconnect(bob.ID)
	refused(t, s, http.StatusNotFound, "calendar-not-connected", get(path, window...))
}
