package consent_test

import (
	"errors"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// model is the simplest possible ledger: no database, no concurrency, no history.
type model struct {
	now       time.Time
	proposals []*asked
	refused   []*asked // in the order in which they were declined
	grants    []*given
}

type asked struct {
	id, slot, title string
	expires         time.Time
	state           consent.State
	unanswered      string
	declined        time.Time
}

type given struct {
	id, slot, title string
	by              *asked // nil: attested
	method          consent.Method
	expires         time.Time
	over            error // why it can no longer be sent
	sends           []consent.Outcome
}

func (m *model) state(p *asked) consent.State {
	if p.state == consent.StateOpen && !p.expires.After(m.now) {
		return consent.StateExpired
	}
	return p.state
}

func (g *given) outcome() consent.Outcome {
	for _, o := range []consent.Outcome{consent.Done, consent.Sent, consent.Unknown} {
		if slices.Contains(g.sends, o) {
			return o
		}
	}
	if len(g.sends) > 0 || g.over != nil {
		return consent.NotDone
	}
	return consent.Unsent
}

// live returns the grant of an act that can be sent or was sent.
func (m *model) live(slot, title string) *given {
	for _, g := range m.grants {
		o := g.outcome()
		if g.slot == slot && g.title == title && o != consent.NotDone && (o != consent.Unsent || g.expires.After(m.now)) {
			return g
		}
	}
	return nil
}

func (m *model) otherAct(slot, title string) bool {
	return slices.ContainsFunc(m.grants, func(g *given) bool {
		o := g.outcome()
		return g.slot == slot && g.title != title && o != consent.Unsent && o != consent.NotDone
	})
}

func (m *model) latest(slot, title string) *asked {
	for _, p := range slices.Backward(m.proposals) {
		if p.slot == slot && p.title == title {
			return p
		}
	}
	return nil
}

func (m *model) propose(slot, title string) (*asked, error) {
	if m.otherAct(slot, title) {
		return nil, consent.ErrOtherAct
	}
	switch g := m.live(slot, title); {
	case g != nil && g.by != nil:
		return g.by, nil
	case g != nil && len(g.sends) > 0:
		return nil, consent.ErrSettled
	}
	if p := m.latest(slot, title); p != nil && m.state(p) == consent.StateOpen {
		return p, nil
	}
	if until, round := m.closed(slot); until.After(m.now) {
		if len(round) > 1 || round[0].title == title {
			return nil, consent.ErrDeclined
		}
		for _, p := range m.proposals { // one other title may be asked for
			if p.slot == slot && p.title != title && p.title != round[0].title && !p.expires.Add(-consent.Lifetime).Before(round[0].declined) {
				return nil, consent.ErrDeclined
			}
		}
	}
	p := &asked{slot: slot, title: title, expires: m.now.Add(consent.Lifetime), state: consent.StateOpen}
	m.proposals = append(m.proposals, p)
	return p, nil
}

// closed returns until when refusals close a slot, and the last of them that followed one another.
func (m *model) closed(slot string) (until time.Time, round []*asked) {
	period := 10 * time.Minute
	for _, p := range m.refused {
		if p.slot != slot {
			continue
		}
		if asked := p.expires.Add(-consent.Lifetime); !asked.Before(until) {
			round = nil
		}
		round = append(round, p)
		if end := p.declined.Add(period); end.After(until) {
			until = end
		}
		period = min(2*period, 24*time.Hour)
	}
	return until, round
}

func (m *model) answerable(p *asked) error {
	switch m.state(p) {
	case consent.StateOpen:
		return nil
	case consent.StateExpired:
		return consent.ErrExpired
	default:
		return consent.ErrAnswered
	}
}

func (m *model) answer(p *asked, agreed bool, method consent.Method) error {
	if err := m.answerable(p); err != nil {
		return err
	}
	g := m.live(p.slot, p.title)
	switch {
	case agreed && m.otherAct(p.slot, p.title):
		return consent.ErrOtherAct
	case !agreed:
		p.state, p.declined = consent.StateDeclined, m.now
		m.refused = append(m.refused, p)
		if g != nil && len(g.sends) == 0 {
			g.over = consent.ErrDeclined
		}
		return nil
	case g != nil && len(g.sends) > 0:
		p.state = consent.StateUsed
		return nil
	case g == nil:
		g = m.grant(p.slot, p.title)
	}
	p.state = consent.StateApproved
	g.by, g.method, g.expires = p, method, m.now.Add(consent.Lifetime)
	return nil
}

// grant makes a new grant in place of an expired one.
func (m *model) grant(slot, title string) *given {
	for _, g := range m.grants {
		if g.slot == slot && g.title == title && g.outcome() == consent.Unsent {
			g.over = consent.ErrExpired
		}
	}
	g := &given{slot: slot, title: title, method: consent.Attested, expires: m.now.Add(consent.Lifetime)}
	m.grants = append(m.grants, g)
	return g
}

func (m *model) attest(slot, title string) (*given, error) {
	if m.otherAct(slot, title) {
		return nil, consent.ErrOtherAct
	}
	if g := m.live(slot, title); g != nil {
		return g, nil
	}
	until, _ := m.closed(slot)
	if p := m.latest(slot, title); until.After(m.now) || p != nil && p.state == consent.StateDeclined {
		return nil, consent.ErrDeclined
	}
	return m.grant(slot, title), nil
}

func (m *model) send(g *given) error {
	switch o := g.outcome(); {
	case g.over != nil:
		return g.over
	case o == consent.Done || o == consent.NotDone:
		return consent.ErrSettled
	case o == consent.Unsent && !g.expires.After(m.now):
		g.over = consent.ErrExpired
		return g.over
	case o == consent.Unsent && m.otherAct(g.slot, g.title):
		return consent.ErrOtherAct
	case o == consent.Unsent && g.method == consent.Attested:
		if until, _ := m.closed(g.slot); until.After(m.now) {
			return consent.ErrDeclined
		}
	}
	g.sends = append(g.sends, consent.Sent)
	if g.by != nil {
		g.by.state = consent.StateUsed
	}
	return nil
}

func (m *model) settle(g *given, attempt int, o consent.Outcome) error {
	if attempt < 1 || attempt > len(g.sends) {
		return consent.ErrNotSent
	}
	before := g.sends[attempt-1]
	if before != o && (before == consent.Done || before == consent.NotDone) {
		return consent.ErrSettled
	}
	g.sends[attempt-1] = o
	switch now := g.outcome(); {
	case now != o && now == consent.Done:
		return consent.ErrSettled
	case now != o && o == consent.NotDone:
		return consent.ErrInDoubt
	}
	return nil
}

var errEmpty = errors.New("nothing to choose from yet")

// pick chooses one of all, by any number.
func pick[T any](all []T, n int) (T, error) {
	if len(all) == 0 {
		return *new(T), errEmpty
	}
	return all[n%len(all)], nil
}
