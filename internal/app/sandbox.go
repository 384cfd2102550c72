package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// storeLocation returns the location of the store. The sandbox can also be tried where no folder can be
// written: it then keeps its data in memory, as it does where there is no state folder.
func storeLocation(cfg config.Config, log zerolog.Logger) string {
	if cfg.Real() {
		return cfg.Store()
	}
	return UsableSandboxDir(cfg.SandboxDir(), log)
}

// UsableSandboxDir returns location, the folder of the sandbox, or "" if it cannot be written.
func UsableSandboxDir(location string, log zerolog.Logger) string {
	if location == "" {
		return ""
	}
	err := files.MakeWritable(location)
	_, insecure := errors.AsType[*files.InsecureError](err)
	if err != nil && !insecure && sqldb.FaultOf(err) != sqldb.Full { // in these cases the first call returns the error
		log.Warn().Err(err).Msg("the sandbox keeps its data in memory, because its folder cannot be written: other processes do not see the data, and it ends with this process. " +
			"Let the user of this program write to the folder, or set VENNIO_STATE_DIR to another")
		return ""
	}
	return location
}

// ResetSandbox deletes everything that the built-in sandbox has stored in dir (config.SandboxDir): its account, and its
// ledger, events and paired browsers. Processes that use the sandbox continue with a new one. It returns what it
// deleted, or nil if there was nothing. It does not touch what is stored for accounts of Vennio.
func ResetSandbox(ctx context.Context, dir string) (deleted *Reset, err error) {
	if dir == "" {
		return nil, sqldb.ErrNoFolder
	}
	db := sqldb.Open(dir)
	defer func() { _ = db.Close() }()
	if !db.Exists() {
		return nil, nil
	}
	if err := checkSandboxFolder(dir); err != nil {
		return nil, err
	}
	deleted = &Reset{Dir: dir}
	err = db.Check(ctx)
	if fault := sqldb.FaultOf(err); fault == sqldb.Damaged || fault == sqldb.TooNew {
		deleted.Unreadable = err
		return deleted, errors.Join(db.Close(), removeFolder(dir))
	}
	if err == nil {
		err = deleted.count(ctx, db)
	}
	if err == nil {
		err = db.Empty(ctx)
	}
	return deleted, explainSandbox(err)
}

// removeFolder moves a folder away before it deletes it, so that a process that makes a new database at that
// moment does not find files of the old one, and makes it again, in case a link leads to it.
func removeFolder(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	old := dir + ".deleted"
	if err := errors.Join(os.RemoveAll(old), os.Rename(dir, old)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(old), os.MkdirAll(dir, 0o700))
}

// sandboxFile matches the files in the folder of the sandbox: those of SQLite, and temporary ones of a process
// that was killed.
var sandboxFile = lazyregexp.New(`^(` + regexp.QuoteMeta(sqldb.DatabaseFile) + `(\.\d+)?(-wal|-shm|-journal)?|\.probe\.\d+)$`)

// checkSandboxFolder returns an error if there are files that the sandbox does not create: VENNIO_STATE_DIR may
// once have named the folder, which then has the ledger of an account.
func checkSandboxFolder(dir string) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range all {
		if !sandboxFile().MatchString(file.Name()) {
			return fmt.Errorf("%s contains %s, which the sandbox did not create: move that file elsewhere. If it is the signing secret or the key of an account, the folder contains that account's ledger: then set VENNIO_STATE_DIR to another folder", dir, sanitize.Quote(file.Name(), 100))
		}
	}
	return nil
}

// Reset is what ResetSandbox deleted.
type Reset struct {
	Dir                       string
	Bookings, Entries, Events int
	Unreadable                error // why the database could not be read; its file is deleted. nil if it could
}

// count counts the entries before they are deleted.
func (r *Reset) count(ctx context.Context, db *sqldb.DB) error {
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		for into, query := range map[*int]string{
			&r.Bookings: `SELECT COALESCE(SUM(json_array_length(account, '$.Bookings')), 0) FROM sandbox WHERE json_valid(account)`,
			&r.Entries:  `SELECT COUNT(*) FROM entries`,
			&r.Events:   `SELECT COUNT(*) FROM events`,
		} {
			n, err := sqldb.One(tx, sqldb.Column[int], query)
			if err != nil {
				return err
			}
			*into = *n
		}
		return nil
	})
}

// flushTime is how long a sandbox that stops still sends the events of its last calls.
const flushTime = time.Second

// Sandbox is a running sandbox of Vennio.
type Sandbox struct {
	*sandbox.Server
	URL   string
	Close func()
}

// StartSandbox serves a sandbox on addr, which must be on loopback. Its account is stored in db, where
// other processes find it too. It is kept in memory if db is nil or in memory.
func StartSandbox(ctx context.Context, addr string, now func() time.Time, db *sqldb.DB) (*Sandbox, error) {
	o := sandbox.Options{Now: now}
	if db != nil && !db.Volatile() {
		o.Storage = sandboxStorage{db}
	}
	vennio := sandbox.New(o)
	address, stop, err := Listen(ctx, addr, vennio)
	if err != nil {
		vennio.Close()
		return nil, err
	}
	return &Sandbox{Server: vennio, URL: address, Close: func() {
		stop()
		flush, done := context.WithTimeout(context.Background(), flushTime) // to other processes
		defer done()
		vennio.Flush(flush)
		vennio.Close()
	}}, nil
}

// SandboxHosts returns the hosts of the sandbox.
func SandboxHosts() (hosts scheduling.Directory) {
	for _, h := range sandbox.Hosts() {
		hosts = append(hosts, scheduling.Host{Name: h.Name, ID: h.ID, Price: h.Price})
	}
	return hosts
}

// sandboxStorage implements sandbox.Storage with the only row of a table.
type sandboxStorage struct{ db *sqldb.DB }

// Load implements sandbox.Storage. It creates no database.
func (s sandboxStorage) Load(known string) (revision string, account []byte, err error) {
	if !s.db.Exists() {
		return "", nil, nil
	}
	err = s.db.Read(context.Background(), func(tx *sqldb.Tx) error {
		revision, account, err = loadSandbox(tx, known)
		return err
	})
	return revision, account, explainSandbox(err)
}

// Update implements sandbox.Storage.
func (s sandboxStorage) Update(known string, change func(string, []byte) ([]byte, error)) (revision string, err error) {
	err = s.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		var account []byte
		if revision, account, err = loadSandbox(tx, known); err != nil {
			return err
		}
		if account, err = change(revision, account); err != nil || account == nil {
			return err
		}
		revision = rand.Text()
		return tx.Exec(`INSERT INTO sandbox (id, revision, account) VALUES (1, ?, ?)
			ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, account = excluded.account`, revision, account)
	})
	return revision, explainSandbox(err)
}

// loadSandbox reads the account unless its revision is known.
func loadSandbox(tx *sqldb.Tx, known string) (revision string, account []byte, err error) {
	found, err := sqldb.One(tx, sqldb.Column[string], `SELECT revision FROM sandbox`)
	if err != nil || found == nil {
		return "", nil, err
	}
	if *found == known {
		return known, nil, nil
	}
	stored, err := sqldb.One(tx, sqldb.Column[[]byte], `SELECT account FROM sandbox`)
	if err != nil {
		return "", nil, err
	}
	return *found, *stored, nil
}

// explainSandbox adds the next step to an error of the store.
func explainSandbox(err error) error {
	if err == nil {
		return nil
	}
	do := ""
	switch sqldb.FaultOf(err) {
	case sqldb.Full:
		do = "free space on the disk of the state folder"
	case sqldb.ReadOnly, sqldb.NoAccess:
		do = "let the user of this program write to the state folder, or set VENNIO_STATE_DIR to another"
	case sqldb.Locked:
		do = "another process has kept the database locked: try again"
	case sqldb.TooNew:
		do = "run the newer version, or delete the sandbox's data with vennio-mcp sandbox reset"
	case sqldb.Failing:
		do = "the disk fails to read or write: see the system's log"
	case sqldb.Damaged:
		do = "delete the sandbox's data with vennio-mcp sandbox reset"
	}
	if do == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, do)
}

// receiveSandbox subscribes to the events of the sandbox, whichever process they come from, for a server
// that is reached at address. It subscribes again after the sandbox was reset, and deletes the subscriptions of
// servers that were killed. stop deletes the subscription.
func (a *App) receiveSandbox(ctx context.Context, address string) (stop func()) {
	err := a.subscribeSandbox(ctx, address)
	if vennioclient.KindOf(err) == vennioclient.KindInvalid { // the address, which stays the same
		a.log.Warn().Err(err).Msg("the sandbox's events are not received: to receive them, listen at 127.0.0.1, or at 0.0.0.0 for all addresses")
		return func() {}
	}
	if err != nil {
		a.log.Error().Err(err).Msg("the sandbox's events are not received")
	} else {
		a.log.Info().Str("at", address).Msg("receiving the sandbox's events")
	}
	stopChecking := inBackground(ctx, func(ctx context.Context) {
		atIntervals(ctx, a.options.Settlement.withDefaults().Sweep, func() {
			if err := a.subscribeSandbox(ctx, address); err != nil && ctx.Err() == nil {
				a.log.Warn().Err(err).Msg("the subscription to the sandbox's events cannot be checked")
			}
		})
	})
	return func() {
		stopChecking()
		last, done := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer done()
		_ = a.unsubscribeSandbox(last, func(w vennioclient.Webhook) bool { return w.URL == address }) // otherwise the next server does
	}
}

// sandboxSubscription is the description of the subscriptions that receiveSandbox makes. Others stay, whether
// their receiver can be reached or not.
const sandboxSubscription = "vennio-mcp serve"

// subscribeSandbox subscribes unless the subscription exists and the store has its secret.
func (a *App) subscribeSandbox(ctx context.Context, address string) error {
	stored, err := a.webhooks.Of("").Subscriptions(ctx)
	if err != nil {
		return err
	}
	subscribed := false
	err = a.unsubscribeSandbox(ctx, func(w vennioclient.Webhook) bool {
		known := slices.ContainsFunc(stored, func(s webhooks.Subscription) bool { return s.ID == w.ID })
		if w.URL == address && known && !subscribed {
			subscribed = true
			return false
		}
		return w.URL == address || w.Description == sandboxSubscription && !listens(ctx, w.URL)
	})
	if err != nil || subscribed {
		return err
	}
	_, err = subscribe(ctx, a.Vennio, a.webhooks.Of(""), vennioclient.WebhookRequest{URL: address, Events: DocumentedEvents(a.Vennio.Dialect()), Description: sandboxSubscription})
	return err
}

// unsubscribeSandbox deletes the subscriptions to the sandbox's events for which obsolete returns true.
func (a *App) unsubscribeSandbox(ctx context.Context, obsolete func(vennioclient.Webhook) bool) error {
	all, err := a.Vennio.ListWebhooks(ctx)
	if err != nil {
		return err
	}
	for _, w := range all {
		if !obsolete(w) {
			continue
		}
		err := a.Vennio.DeleteWebhook(ctx, NewIdempotencyKey(), w.ID)
		if err == nil || vennioclient.KindOf(err) == vennioclient.KindNotFound { // another process was faster
			err = a.webhooks.Of("").Unregister(ctx, w.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listens reports whether a program listens at a URL of this machine.
func listens(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	c, err := (&net.Dialer{Timeout: flushTime}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
