package consent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Erase deletes everything about every act that concerns a person, and returns the
// number of these acts, and of the passkeys from which it erased the name. person is an e-mail address or a whole name, in upper
// or lower case: of a host, a guest or the person who agreed, or mentioned as
// separate words in a title, notes, a statement or a detail. The data of other people
// in the same act is erased with it.
//
// What remains contains no personal data: that there were entries, and, so that
// nothing is booked twice, which slot ids were used and what became of each grant.
// The entry of each act's erasure contains that, and the ledger still verifies. Passkeys
// of the person are removed; their public keys remain, so that what they signed can be
// verified. Acts are erased one after another. Repeat Erase if it fails: it erases the
// others, and removes deleted data from the database's files even if nothing is left to
// delete.
func (l *Ledger) Erase(ctx context.Context, person string) (acts, passkeys int, err error) {
	person = fold(person)
	if person == "" {
		return 0, 0, errors.New("say whose data is to be erased")
	}
	if acts, err = l.eraseActs(ctx, person); err != nil {
		return 0, 0, err
	}
	if passkeys, err = l.erasePasskeys(ctx, person); err != nil {
		return 0, 0, err
	}
	if passkeys > 0 { // one of them may have signed something about another act meanwhile
		more, err := l.eraseActs(ctx, person)
		if err != nil {
			return 0, 0, err
		}
		acts += more
	}
	return acts, passkeys, l.db.Scrub(ctx)
}

func (l *Ledger) eraseActs(ctx context.Context, person string) (n int, err error) {
	var concerned []string
	err = l.read(ctx, func(tx *transaction) (err error) {
		concerned, err = tx.actsConcerning(person)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = each(concerned, func(act string) error {
		erased := false
		err := l.update(ctx, func(tx *transaction) (err error) {
			erased, err = tx.eraseAct(act)
			return err
		})
		if erased {
			n++
		}
		return err
	})
	return n, err
}

func (l *Ledger) erasePasskeys(ctx context.Context, person string) (n int, err error) {
	var tenants []string
	err = l.read(ctx, func(tx *transaction) (err error) {
		tenants, err = tx.tenantsOfPasskeys(person)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = each(tenants, func(tenant string) error {
		erased := 0
		err := l.update(ctx, func(tx *transaction) (err error) {
			erased, err = tx.erasePasskeys(tenant, person)
			return err
		})
		n += erased
		return err
	})
	return n, err
}

// eraseAct erases an act and everything about it, and reports whether there was anything to erase. What remains is
// that there was an act, under which slot id, and what became of it, so that it is not executed a second
// time. An open proposal of it can no longer be answered, and an unsent grant can no longer be sent.
func (tx *transaction) eraseAct(id string) (bool, error) {
	stored, err := sqldb.One(tx.Tx, (*storedAct).columns, `SELECT `+actColumns+` FROM acts a WHERE a.id = ?`, id)
	if err != nil || stored == nil {
		return false, err
	}
	seqs, err := sqldb.All(tx.Tx, sqldb.Column[int64], `SELECT seq FROM details WHERE act = ? ORDER BY seq`, id)
	if err != nil || len(seqs) == 0 {
		return false, err
	}
	left, err := tx.remaining(id)
	if err != nil {
		return false, err
	}
	_, err = tx.record(kindErased, left.tenant(*stored), storedAct{id: id, end: stored.end}, details{Entries: seqs, Left: []remains{left}})
	if err != nil {
		return false, err
	}
	return true, each([]string{
		`DELETE FROM details WHERE act = ?`,
		`UPDATE acts SET digest = NULL, salt = NULL, json = NULL WHERE id = ?`,
		`UPDATE proposals SET unanswered = '', starts = '', subject = '', state = CASE state WHEN 'open' THEN 'expired' ELSE state END WHERE act = ?`,
		`UPDATE grants SET given_by = '', words = '', booking = '', request = '', detail = '', subject = '',
			outcome = CASE outcome WHEN '' THEN 'not_done' ELSE outcome END WHERE act = ?`,
	}, func(statement string) error { return tx.Exec(statement, id) })
}

// tenantsOfPasskeys returns the tenants that have passkeys of a person, or links to add them.
func (tx *transaction) tenantsOfPasskeys(person string) ([]string, error) {
	found, err := sqldb.All(tx.Tx, func(o *struct{ tenant, name string }) []any { return []any{&o.tenant, &o.name} },
		`SELECT tenant, name FROM passkeys WHERE name <> '' UNION SELECT tenant, name FROM passkey_links WHERE name <> '' ORDER BY 1`)
	var tenants []string
	for _, o := range found {
		if mentions(o.name, person) {
			tenants = append(tenants, o.tenant)
		}
	}
	return slices.Compact(tenants), err
}

// erasePasskeys deletes the stored data about the passkeys of a person in a tenant and the links to add
// them, and removes the passkeys. It returns their number.
func (tx *transaction) erasePasskeys(tenant, person string) (int, error) {
	all, err := sqldb.All(tx.Tx, (*Passkey).columns, selectEnrolled+`p.tenant = ? AND p.name <> '' ORDER BY p.added`, tenant)
	if err != nil {
		return 0, err
	}
	links, err := sqldb.All(tx.Tx, (*PasskeyLink).columns, selectLinks+`tenant = ? AND name <> ''`, tenant)
	if err != nil {
		return 0, err
	}
	subject, err := tx.passkeySubject(tenant)
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(p Passkey) bool { return !mentions(p.Name, person) })
	links = slices.DeleteFunc(links, func(k PasskeyLink) bool { return !mentions(k.Name, person) })
	var guards []guard
	for _, k := range links {
		guards = append(guards, k.unused())
	}
	var erased details
	for _, p := range all {
		guards = append(guards, guard{key: passkeyKey(p.ID)})
		erased.LeftPasskeys = append(erased.LeftPasskeys, remainingPasskey{p.ID, p.Tenant, p.PublicKey, p.RP, p.How, p.added, p.removed})
		for _, seq := range []int64{p.added, p.removed} {
			if seq > 0 {
				erased.Entries = append(erased.Entries, seq)
			}
		}
	}
	slices.Sort(erased.Entries)
	if err := tx.enforce(guards...); err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, each(links, tx.deleteLink)
	}
	at, err := tx.record(kindErased, tenant, subject, erased)
	if err != nil {
		return 0, err
	}
	return len(all), errors.Join(
		each(erased.Entries, func(seq int64) error { return tx.Exec(`DELETE FROM details WHERE seq = ?`, seq) }),
		each(all, func(p Passkey) error {
			return tx.Exec(`UPDATE passkeys SET name = '', removed = CASE removed WHEN 0 THEN `+seqAt+` ELSE removed END WHERE id = ?`, at.chain, at.n, p.ID)
		}),
		each(links, tx.deleteLink),
	)
}

// Booking is a booking for which Vennio stores the name and the words of the person who agreed to it.
type Booking struct{ Tenant, BookingID string }

// BookingsOf returns the bookings that the acts concerning a person made or changed, as far as they are
// known, sorted by tenant and id. Erase deletes this information: call BookingsOf before.
func (l *Ledger) BookingsOf(ctx context.Context, person string) (all []Booking, err error) {
	if person = fold(person); person == "" {
		return nil, nil
	}
	err = l.read(ctx, func(tx *transaction) error {
		acts, err := tx.actsConcerning(person)
		if err != nil {
			return err
		}
		for _, act := range acts {
			grants, err := tx.grantsAbout(only(act))
			if err != nil {
				return err
			}
			for _, g := range grants {
				if g.BookingID != "" {
					all = append(all, Booking{g.tenant, g.BookingID})
				}
			}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Booking) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.BookingID, b.BookingID))
	})
	return slices.Compact(all), err
}

// Mentions returns a function that reports whether a text mentions a person, by the rules of Erase.
func Mentions(person string) func(text string) bool {
	person = fold(person)
	return func(text string) bool { return person != "" && mentions(text, person) }
}

func (tx *transaction) actsConcerning(person string) ([]string, error) {
	var acts []string
	seen := map[string]bool{}
	err := tx.eachEntry(func(e Entry) error {
		if e.Act != "" && !seen[e.Act] && concerns(e.Details, person) {
			acts, seen[e.Act] = append(acts, e.Act), true
		}
		return nil
	})
	return acts, err
}

// concerns reports whether the details of an entry concern a person. Details that
// cannot be read do, because they cannot be shown not to.
func concerns(text, person string) bool {
	var d details
	if json.Unmarshal([]byte(text), &d) != nil {
		return true
	}
	var act Act
	if d.Act != "" {
		var err error
		if act, err = parseAct(d.Act); err != nil {
			return true
		}
	}
	names := []string{d.By, d.Claimed}
	for _, h := range slices.Concat(act.Hosts, act.Invited) {
		names = append(names, h.Name, strings.TrimSuffix(h.Name, qualifier(h.ID)))
	}
	for _, a := range act.Attendees {
		names = append(names, a.Name, a.Email)
	}
	texts := []string{d.By, d.Claimed, d.Words, d.Why, d.Detail, act.Title, act.Notes, act.Replaces}
	texts = append(texts, act.Questions...)
	for _, l := range act.Labels {
		texts = append(texts, l.Name, l.Value, l.Replaces)
	}
	return slices.ContainsFunc(names, func(name string) bool { return fold(name) == person }) ||
		slices.ContainsFunc(texts, func(text string) bool { return mentions(text, person) })
}

// mentions reports whether text contains person as separate words.
func mentions(text, person string) bool {
	text = fold(text)
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for at, end := 0, 0; ; at = end {
		next := strings.Index(text[at:], person)
		if next < 0 {
			return false
		}
		end = at + next + len(person)
		before, _ := utf8.DecodeLastRuneInString(text[:at+next])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inWord(before) && !inWord(after) {
			return true
		}
	}
}

// fold makes spellings of one name equal: case, white space, and the ways in which
// Unicode can represent a letter.
func fold(s string) string {
	return norm.NFKC.String(strings.Join(strings.Fields(strings.ToLower(s)), " "))
}
