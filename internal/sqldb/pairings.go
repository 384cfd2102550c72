package sqldb

import "time"

// PairedBrowser is a browser in which a person may answer for a tenant.
type PairedBrowser struct {
	ID          string
	Hash        string // of its cookie
	Tenant      string
	Name        string // of the person: as they typed it, or as the issuer at which they signed in says it
	Subject     string // what that issuer calls them; empty: the browser was paired by a link
	At, Expires time.Time
}

func (b *PairedBrowser) columns() []any {
	return []any{&b.ID, &b.Hash, &b.Tenant, &b.Name, &b.Subject, Instant{&b.At}, Instant{&b.Expires}}
}

const pairedBrowsers = `SELECT id, hash, tenant, name, subject, at, expires FROM paired_browsers WHERE `

// AddPairingLink keeps a single-use link by its hash, and forgets those that have expired.
func (tx *Tx) AddPairingLink(hash, tenant string, now, expires time.Time) error {
	if err := tx.Exec(`DELETE FROM pairing_links WHERE expires <= ?`, Text(now)); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO pairing_links (hash, tenant, expires) VALUES (?, ?, ?)`, hash, tenant, Text(expires))
}

// pairingTenant is a tenant of a link.
type pairingTenant string

func (t *pairingTenant) columns() []any { return []any{(*string)(t)} }

// PairingLink returns the tenant of a link that can be used, and whether there is one.
func (tx *Tx) PairingLink(hash string, now time.Time) (tenant string, ok bool, err error) {
	t, err := One(tx, (*pairingTenant).columns, `SELECT tenant FROM pairing_links WHERE hash = ? AND expires > ?`, hash, Text(now))
	return string(deref(t)), t != nil, err
}

// DropPairingLink forgets a link.
func (tx *Tx) DropPairingLink(hash string) error {
	return tx.Exec(`DELETE FROM pairing_links WHERE hash = ?`, hash)
}

// AddPairedBrowser keeps a pairing; a browser that is paired with the tenant already is renewed. Pairings
// that have expired are forgotten.
func (tx *Tx) AddPairedBrowser(b PairedBrowser) error {
	if err := tx.Exec(`DELETE FROM paired_browsers WHERE expires <= ?`, Text(b.At)); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO paired_browsers (id, hash, tenant, name, subject, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash, tenant) DO UPDATE SET name = excluded.name, subject = excluded.subject, at = excluded.at, expires = excluded.expires`,
		b.ID, b.Hash, b.Tenant, b.Name, b.Subject, Text(b.At), Text(b.Expires))
}

// PairingsOf returns the pairings of one browser that have not expired, in the order of their tenants.
func (tx *Tx) PairingsOf(hash string, now time.Time) ([]PairedBrowser, error) {
	return All(tx, (*PairedBrowser).columns, pairedBrowsers+`hash = ? AND expires > ? ORDER BY tenant`, hash, Text(now))
}

// PairedBrowsers returns all pairings of a tenant that have not expired, the newest first.
func (tx *Tx) PairedBrowsers(tenant string, now time.Time) ([]PairedBrowser, error) {
	return All(tx, (*PairedBrowser).columns, pairedBrowsers+`tenant = ? AND expires > ? ORDER BY at DESC, id`, tenant, Text(now))
}

// AllPairedBrowsers returns the pairings of all tenants.
func (tx *Tx) AllPairedBrowsers() ([]PairedBrowser, error) {
	return All(tx, (*PairedBrowser).columns, pairedBrowsers+`hash <> ''`)
}

// MovePairings gives the pairings of one browser another cookie.
func (tx *Tx) MovePairings(from, to string) error {
	return tx.Exec(`UPDATE paired_browsers SET hash = ? WHERE hash = ?`, to, from)
}

// DropPairedBrowser forgets a pairing of a tenant.
func (tx *Tx) DropPairedBrowser(tenant, id string) error {
	return tx.Exec(`DELETE FROM paired_browsers WHERE tenant = ? AND id = ?`, tenant, id)
}
