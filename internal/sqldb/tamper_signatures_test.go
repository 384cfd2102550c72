package sqldb_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

var testSite = passkey.Site{ID: "localhost", Origin: "http://localhost:4311"}

// signer is a device with a passkey.
type signer struct {
	t       *testing.T
	key     virtualwebauthn.Credential
	passkey passkey.Credential
}

// newKey returns a key of the virtual authenticator, which drops leading zero bytes of coordinates
// (docs/library-notes.md): such keys are not used.
func newKey() virtualwebauthn.Credential {
	const length = 77 // of a COSE key with two coordinates of 32 bytes
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == length {
			return key
		}
	}
}

func newSigner(t *testing.T, name string) *signer {
	t.Helper()
	s := &signer{t: t, key: newKey()}
	challenge := passkey.Statement{Verb: "create", Subject: name}.Challenge()
	o, err := virtualwebauthn.ParseAttestationOptions(passkey.CreationOptions(testSite, name, challenge, nil))
	require.NoError(t, err)
	made := virtualwebauthn.CreateAttestationResponse(virtualwebauthn.RelyingParty{ID: testSite.ID, Origin: testSite.Origin}, virtualwebauthn.NewAuthenticator(), s.key, *o)
	s.passkey, err = passkey.Enrol(made, testSite, name, challenge)
	require.NoError(t, err)
	return s
}

func (s *signer) sign(statement passkey.Statement) *passkey.Assertion {
	s.t.Helper()
	s.key.Counter++
	statement.Nonce = passkey.NewNonce(func(string) []byte { return make([]byte, 8) })
	o, err := virtualwebauthn.ParseAssertionOptions(passkey.RequestOptions(testSite, statement.Challenge(), []passkey.Credential{s.passkey}))
	require.NoError(s.t, err)
	signed := virtualwebauthn.CreateAssertionResponse(virtualwebauthn.RelyingParty{ID: testSite.ID, Origin: testSite.Origin}, virtualwebauthn.NewAuthenticator(), s.key, *o)
	a, err := passkey.ParseAssertion(signed, statement.Nonce)
	require.NoError(s.t, err)
	return &a
}

// add adds the signer's passkey; other confirms it, unless it is the first one.
func (s *signer) add(l *consent.Ledger, other *signer) {
	s.t.Helper()
	token, err := l.NewPasskeyLink(s.t.Context(), consent.PasskeyLink{Name: s.passkey.Name})
	require.NoError(s.t, err)
	var confirmed *passkey.Assertion
	if other != nil {
		link, err := l.PasskeyLink(s.t.Context(), token)
		require.NoError(s.t, err)
		confirmed = other.sign(link.Statement(s.passkey))
	}
	require.NoError(s.t, l.AddPasskey(s.t.Context(), token, s.passkey, confirmed, testSite))
}

func (s *signer) answer(l *consent.Ledger, slot string, agreed bool) {
	s.t.Helper()
	act := consent.Act{Tool: "book_slot", SlotID: slot, Start: monday.Add(time.Duration(len(slot)) * time.Hour), Title: "Meeting " + slot, Attendees: []consent.Attendee{{Name: "Bob"}}}
	p, err := l.Ask(s.t.Context(), act, consent.Asker{Policy: consent.PolicySigned})
	require.NoError(s.t, err)
	_, err = l.Answer(s.t.Context(), p.ID, consent.Answer{Agreed: agreed, Method: consent.Signed, Assertion: s.sign(p.Statement(agreed)), Site: testSite})
	require.NoError(s.t, err)
}

// signedLedger is a ledger with two passkeys and four signed answers, in which everything can be changed.
func signedLedger(t *testing.T) (*sqldb.DB, *consent.Ledger, *signer) {
	t.Helper()
	db := open(t, storetest.Memory(t))
	l := consent.New(db, func() time.Time { return monday })
	ada, grace := newSigner(t, "Ada Byron"), newSigner(t, "Grace Hopper")
	ada.add(l, nil)
	grace.add(l, ada)
	ada.answer(l, "a", true)
	ada.answer(l, "bb", false)
	grace.answer(l, "ccc", true)
	for _, statement := range disarming(db) {
		require.NoError(t, db.Raw(t.Context(), statement), statement)
	}
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	require.Equal(t, consent.Report{Entries: 8, Unsealed: 8, Oldest: sqldb.Text(monday), Signatures: 4}, report)
	return db, l, grace
}

// rewritten is an entry as its forger sees it.
type rewritten struct {
	Seq                              int64
	Kind, Digest, Salt, Details, Act string
}

// rewrite changes entries as the owner of the database can, who computes all hashes anew: the ledger has no
// secret key.
func rewrite(t *testing.T, db *sqldb.DB, change func(e *rewritten, details map[string]any)) {
	t.Helper()
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	rows, err := db.Texts(t.Context(), `SELECT e.tenant || '
' || e.chain || '
' || e.n || '|' || e.at || '|' || e.kind || '|' || e.digest || '|' || d.salt || '|' || COALESCE(d.act, '') || '|' || d.json
		FROM entries e JOIN details d ON d.seq = e.seq ORDER BY e.seq`)
	require.NoError(t, err)
	ends := map[string]string{} // by chain
	for i, row := range rows {
		part := strings.SplitN(row, "|", 7)
		chain := strings.Split(part[0], "\n")[1]
		prev := cmp.Or(ends[chain], beginning)
		e := rewritten{Seq: int64(i + 1), Kind: part[2], Digest: part[3], Salt: part[4], Act: part[5], Details: part[6]}
		var details map[string]any
		require.NoError(t, json.Unmarshal([]byte(e.Details), &details))
		change(&e, details)
		raw, err := json.Marshal(details)
		require.NoError(t, err)
		commitment := hash(e.Salt + string(raw))
		own := hash(strings.Join([]string{prev, part[0], part[1], e.Kind, e.Digest, commitment}, "\n"))
		require.NoError(t, db.Raw(t.Context(), `UPDATE details SET json = ? WHERE seq = ?`, string(raw), e.Seq))
		require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET kind = ?, digest = ?, commitment = ?, prev = ?, hash = ? WHERE seq = ?`, e.Kind, e.Digest, commitment, prev, own, e.Seq))
		ends[chain] = own
	}
}

// signature is the signature in the details of an entry.
func signature(details map[string]any) map[string]any { return details["signature"].(map[string]any) }

// forgeries change what was signed, or claim a signature.
var forgeries = map[string]func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any){
	"a byte of the act": func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any) {
		act, ok := details["act"].(string)
		if !ok || !strings.Contains(act, "Meeting a") {
			return
		}
		forged := strings.Replace(act, "Meeting a", "Meeting x", 1)
		details["act"] = forged
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(forged)))
		salt, err := db.Texts(t.Context(), `SELECT salt FROM acts WHERE id = ?`, e.Act)
		require.NoError(t, err)
		e.Digest = hex.EncodeToString(tenant.SaltedHash(salt[0], digest))
		require.NoError(t, db.Raw(t.Context(), `UPDATE acts SET json = ?, digest = ? WHERE id = ?`, forged, digest, e.Act))
	},
	"the act of the signed entry only": func(_ *testing.T, _ *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "approved" {
			details["act"] = strings.Replace(details["act"].(string), "Meeting", "Gathering", 1)
		}
	},
	"the person on record": func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "approved" {
			details["by"] = "Eve"
			require.NoError(t, db.Raw(t.Context(), `UPDATE grants SET given_by = 'Eve' WHERE id = ?`, details["grant"]))
		}
	},
	"the owner of a passkey": func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "passkey_added" {
			details["passkey"] = strings.Replace(details["passkey"].(string), "Grace Hopper", "Eve", 1)
			require.NoError(t, db.Raw(t.Context(), `UPDATE passkeys SET name = 'Eve' WHERE name = 'Grace Hopper'`))
		}
	},
	"a refusal that becomes an approval": func(_ *testing.T, _ *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "declined" {
			e.Kind, details["expires"], details["grant"] = "approved", sqldb.Text(monday), "G"
		}
	},
	"no signature": func(_ *testing.T, _ *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "approved" {
			delete(details, "signature")
		}
	},
	"another method": func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "approved" {
			details["rung"] = "approved on the page"
			delete(details, "signature")
			require.NoError(t, db.Raw(t.Context(), `UPDATE grants SET rung = 'approved on the page' WHERE id = ?`, details["grant"]))
		}
	},
	"a byte of the signature": func(_ *testing.T, _ *sqldb.DB, _ *rewritten, details map[string]any) {
		if details["signature"] != nil {
			text := signature(details)["signature"].(string)
			signature(details)["signature"] = text[:20] + map[bool]string{true: "B", false: "A"}[text[20] == 'A'] + text[21:]
		}
	},
	"another nonce": func(_ *testing.T, _ *sqldb.DB, _ *rewritten, details map[string]any) {
		if details["signature"] != nil {
			signature(details)["nonce"] = strings.Repeat("A", 43)
		}
	},
	"another subject": func(_ *testing.T, _ *sqldb.DB, _ *rewritten, details map[string]any) {
		if details["signature"] != nil {
			signature(details)["subject"] = "other"
		}
	},
	"another expiry": func(_ *testing.T, _ *sqldb.DB, _ *rewritten, details map[string]any) {
		if details["signature"] != nil {
			signature(details)["expires"] = sqldb.Text(monday.Add(time.Hour))
		}
	},
	"another passkey": func(t *testing.T, db *sqldb.DB, _ *rewritten, details map[string]any) {
		if details["signature"] != nil {
			ids, err := db.Texts(t.Context(), `SELECT id FROM passkeys WHERE id <> ?`, signature(details)["credential"])
			require.NoError(t, err)
			signature(details)["credential"] = ids[0]
		}
	},
	"a later passkey that claims to be the first": func(_ *testing.T, _ *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "passkey_added" && details["how"] == "signed" {
			details["how"] = "first use"
			delete(details, "signature")
		}
	},
	"a passkey that was added without a signature": func(t *testing.T, db *sqldb.DB, e *rewritten, details map[string]any) {
		if e.Kind == "passkey_added" && details["how"] == "signed" {
			details["how"] = "unsigned"
			delete(details, "signature")
			require.NoError(t, db.Raw(t.Context(), `UPDATE passkeys SET how = 'unsigned' WHERE name = 'Grace Hopper'`))
		}
	},
}

// req: C13
// sealLast seals all entries but one, and then that one, as if it had been added with an earlier number.
func sealLast(t *testing.T, db *sqldb.DB, l *consent.Ledger, seq int64) {
	t.Helper()
	require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET seal = -1 WHERE seq = ?`, seq))
	require.NoError(t, l.Seal(t.Context()))
	require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET seal = NULL WHERE seq = ?`, seq))
	require.NoError(t, l.Seal(t.Context()))
}

// field: entry added later with the number of an earlier one
// req: C13. A removed passkey signs nothing, and a consent without a signature is reported.
func TestReq_C13_AnEntryThatIsAddedLaterIsNotEarlier(t *testing.T) {
	t.Parallel()
	db, l, grace := signedLedger(t)
	require.NoError(t, l.RemoveLostPasskey(t.Context(), "", grace.passkey.ID))
	_, err := l.Verify(t.Context())
	require.NoError(t, err)
	sealLast(t, db, l, 8)
	_, err = l.Verify(t.Context())
	require.ErrorContains(t, err, "broken at entry 8: its signature is by a passkey that the tenant did not have")

	db = open(t, storetest.Memory(t))
	l = consent.New(db, func() time.Time { return monday })
	attestedAs(t, l, "s1")
	signer := newSigner(t, "Ada Byron")
	signer.add(l, nil)
	signer.answer(l, "a", true)
	for _, statement := range disarming(db) {
		require.NoError(t, db.Raw(t.Context(), statement), statement)
	}
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"": 1}, report.EarlierConsents)
	sealLast(t, db, l, 1)
	report, err = l.Inspect(t.Context())
	require.NoError(t, err)
	require.Len(t, report.UnsignedConsents, 1)
	assert.EqualValues(t, 1, report.UnsignedConsents[0].Seq)
}

// field: ledger that its owner rewrites, all hashes included
// Without the device nobody can change what was signed, or claim a signature.
func TestReq_C13_ARewrittenLedgerHasNoValidSignatures(t *testing.T) {
	t.Parallel()
	for name, change := range forgeries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l, _ := signedLedger(t)
			rewrite(t, db, func(*rewritten, map[string]any) {})
			_, err := l.Inspect(t.Context())
			require.NoError(t, err, "other hashes alone are not a mistake")
			rewrite(t, db, func(e *rewritten, details map[string]any) { change(t, db, e, details) })
			_, err = l.Inspect(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, err)
		})
	}
}

// req: C13
// field: passkeys and counters changed on disk
func TestReq_C13_AChangedPasskeyIsFound(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		`UPDATE passkeys SET tenant = 'acme'`, `UPDATE passkeys SET name = 'Eve'`, `UPDATE passkeys SET rp = 'evil.example'`, `UPDATE passkeys SET how = 'signed'`,
		`UPDATE passkeys SET public_key = (SELECT MIN(p.public_key) FROM passkeys p)`, `UPDATE passkeys SET added = 3 WHERE added = 2`, `UPDATE passkeys SET removed = 8`,
		`DELETE FROM passkeys WHERE added = 2`, `DELETE FROM passkeys`, `UPDATE passkeys SET id = 'x' WHERE added = 2`,
		`INSERT INTO passkeys SELECT 'x', tenant, public_key, name, rp, how, added, removed FROM passkeys WHERE added = 2`,
		`UPDATE passkey_counters SET counter = 0`, `DELETE FROM passkey_counters`,
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			db, l, _ := signedLedger(t)
			require.NoError(t, db.Raw(t.Context(), statement))
			_, err := l.Inspect(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, err)
		})
	}
}

// req: C13
// field: process with a weaker policy that erases its traces
// The erasure keeps the method of each consent and the policy of each request, so the consent is still found.
func TestReq_C13_AnErasureHidesNoUnsignedConsent(t *testing.T) {
	t.Parallel()
	db, l, _ := signedLedger(t)
	_, _, err := l.Erase(t.Context(), "Bob") // of all signed requests
	require.NoError(t, err)
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Empty(t, report.UnsignedConsents)
	later := consent.New(db, func() time.Time { return monday.Add(time.Minute) })
	g, err := later.Statement(t.Context(), consent.Act{Tool: "book_slot", SlotID: "weak", Start: monday.Add(99 * time.Hour)}, "Mallory", "yes")
	require.NoError(t, err)
	_, err = later.SendWithin(t.Context(), g, consent.Quota{})
	require.NoError(t, err)
	for _, erased := range []bool{false, true} {
		report, err = l.Inspect(t.Context())
		require.NoError(t, err)
		require.Len(t, report.UnsignedConsents, 1)
		assert.Equal(t, consent.Attested, report.UnsignedConsents[0].Method)
		assert.Equal(t, erased, report.UnsignedConsents[0].Seq == 0)
		_, _, err = later.Erase(t.Context(), "Mallory")
		require.NoError(t, err)
	}
}

// req: C13
// field: passkey that its forger puts into the database
// It signs nothing, and a grant whose signature is not valid is not sent.
func TestReq_C13_AForgedPasskeyOrSignatureDoesNotCount(t *testing.T) {
	t.Parallel()
	db, l, grace := signedLedger(t)
	eve := newSigner(t, "Grace Hopper")
	require.NoError(t, db.Raw(t.Context(), `INSERT INTO passkeys SELECT ?, tenant, ?, name, rp, how, added, removed FROM passkeys WHERE name = 'Grace Hopper'`, eve.passkey.ID, eve.passkey.PublicKey))
	act := consent.Act{Tool: "book_slot", SlotID: "forged", Start: monday.Add(99 * time.Hour)}
	p, err := l.Ask(t.Context(), act, consent.Asker{Policy: consent.PolicySigned})
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, Method: consent.Signed, Assertion: eve.sign(p.Statement(true)), Site: testSite})
	require.ErrorIs(t, err, consent.ErrTampered)
	_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, Method: consent.Signed, Assertion: grace.sign(p.Statement(true)), Site: testSite})
	require.NoError(t, err)
	rewrite(t, db, func(e *rewritten, details map[string]any) {
		if e.Kind == "approved" {
			details["signature"].(map[string]any)["nonce"] = strings.Repeat("A", 43)
		}
	})
	g, _, err := l.FindConsent(t.Context(), act)
	require.NoError(t, err)
	_, err = l.SendWithin(t.Context(), *g, consent.Quota{})
	require.ErrorIs(t, err, consent.ErrTampered)
}

// req: C13
// field: removed passkey that is restored in the table of passkeys alone, or whose removal is dated later
func TestReq_C13_ARestoredPasskeySignsNothing(t *testing.T) {
	t.Parallel()
	for removed, refusal := range map[int]error{0: consent.ErrTampered, 100: consent.ErrNoPasskey} {
		db, l, grace := signedLedger(t)
		require.NoError(t, l.RemoveLostPasskey(t.Context(), "", grace.passkey.ID))
		p, err := l.Ask(t.Context(), consent.Act{Tool: "book_slot", SlotID: "restored", Start: monday.Add(99 * time.Hour)}, consent.Asker{Policy: consent.PolicySigned})
		require.NoError(t, err)
		require.NoError(t, db.Raw(t.Context(), `UPDATE passkeys SET removed = ? WHERE id = ?`, removed, grace.passkey.ID))
		_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, Method: consent.Signed, Assertion: grace.sign(p.Statement(true)), Site: testSite})
		require.ErrorIs(t, err, refusal, removed)
	}
}

// req: C13
// field: passkey taken out of use in the settings file
// It signs nothing from then on, and what it signed before is still valid; without its entry it would not be.
func TestReq_C13_APinnedPasskeyEnds(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	clock := monday
	l := consent.New(db, func() time.Time { return clock })
	ada, grace := newSigner(t, "Ada Byron"), newSigner(t, "Grace Hopper")
	l.Pin(map[string][]passkey.Credential{"": {ada.passkey, grace.passkey}})
	ada.answer(l, "a", true)
	ended := ada.passkey
	ended.Until = monday.Add(time.Hour)
	l.Pin(map[string][]passkey.Credential{"": {ended, grace.passkey}})
	clock = ended.Until.Add(-time.Millisecond)
	ada.answer(l, "bb", true)
	clock = ended.Until
	p, err := l.Ask(t.Context(), consent.Act{Tool: "book_slot", SlotID: "late", Start: monday.Add(99 * time.Hour)}, consent.Asker{Policy: consent.PolicySigned})
	require.NoError(t, err)
	late := consent.Answer{Agreed: true, Method: consent.Signed, Assertion: ada.sign(p.Statement(true)), Site: testSite}
	_, err = l.Answer(t.Context(), p.ID, late)
	require.ErrorIs(t, err, consent.ErrNoPasskey)
	grace.answer(l, "ccc", true)
	left, err := l.Passkeys(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, grace.passkey.ID, left[0].ID)
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, report.Signatures)

	without := consent.New(db, nil).Pin(map[string][]passkey.Credential{"": {grace.passkey}})
	_, err = without.Inspect(t.Context())
	require.ErrorContains(t, err, "by a passkey that the tenant did not have")
	l.Pin(map[string][]passkey.Credential{"": {ada.passkey, grace.passkey}}) // a process with older settings
	_, err = l.Answer(t.Context(), p.ID, late)
	require.NoError(t, err)
	_, err = l.Pin(map[string][]passkey.Credential{"": {ended, grace.passkey}}).Inspect(t.Context())
	require.ErrorContains(t, err, "by a passkey that the tenant did not have")
	l.Pin(map[string][]passkey.Credential{"": {ended}})
	_, err = l.NewPasskeyLink(t.Context(), consent.PasskeyLink{Name: "Eve"})
	require.ErrorIs(t, err, consent.ErrPinned, "a tenant whose passkeys have ended enrols none")
}

// req: C5
// field: tenant whose browser reports the id of a passkey that is pinned for another tenant
// Counters are stored by id: its signatures could make those of the pinned passkey invalid.
func TestReq_C5_AnotherTenantCannotUseThePinnedID(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	ada, eve := newSigner(t, "Ada Byron"), newSigner(t, "Eve")
	l := consent.New(db, func() time.Time { return monday }).Pin(map[string][]passkey.Credential{"": {ada.passkey}})
	eve.passkey.ID = ada.passkey.ID
	token, err := l.NewPasskeyLink(t.Context(), consent.PasskeyLink{Tenant: "acme", Name: "Eve"})
	require.NoError(t, err)
	require.ErrorIs(t, l.AddPasskey(t.Context(), token, eve.passkey, nil, testSite), consent.ErrKnown)
	ada.answer(l, "a", true)
}

// req: C13
// field: erased owner of a passkey
// Afterwards nothing names them, the passkey signs nothing, and what it had confirmed still verifies.
func TestReq_C13_AnErasedOwnerLeavesValidSignatures(t *testing.T) {
	t.Parallel()
	db, l, grace := signedLedger(t)
	n, removed, err := l.Erase(t.Context(), "ada byron")
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, []int{n, removed})
	var export strings.Builder
	require.NoError(t, l.Export(t.Context(), &export))
	assert.NotContains(t, export.String(), "Ada Byron")
	names, err := db.Texts(t.Context(), `SELECT name FROM passkeys ORDER BY added`)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "Grace Hopper"}, names)
	left, err := l.Passkeys(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, left, 1)
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, report.Signatures, "of Grace's approval, and of Ada's over Grace's passkey")
	grace.answer(l, "dddd", true)
	_, _, err = l.Erase(t.Context(), "Grace Hopper")
	require.NoError(t, err)
	newSigner(t, "Eve").add(l, nil)
	report, err = l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Unsigned, 1, "after passkeys were there, a new one is not the first")
}
