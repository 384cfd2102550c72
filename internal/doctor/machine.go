package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// zones checks that every time zone loads. The zones are embedded in the program, but ZONEINFO overrides them.
func (t Target) zones() Finding {
	all := times.Zones()
	for _, name := range all {
		if _, err := times.Zone(name); err != nil {
			return problem("time zones", name+" cannot be loaded", "The time zone data of this machine is damaged: unset ZONEINFO, or repair it.")
		}
	}
	return ok("time zones", "%d zones, all load", len(all))
}

// zone reports the default time zone of calls and its source.
func (t Target) zone() Finding {
	const check = "default zone"
	from := ""
	if t.Config.ZoneFrom != "" {
		from = " (from " + t.Config.ZoneFrom + ")"
	}
	switch name := t.Config.Zone.String(); {
	case t.Config.ZoneWarning != "":
		return warn(check, t.Config.ZoneWarning, "Set "+t.setting("VENNIO_TIMEZONE")+" to the zone of the people here, such as Europe/London.")
	case strings.HasSuffix(name, "UTC"):
		return warn(check, "UTC, for calls that name none"+from, "Set "+t.setting("VENNIO_TIMEZONE")+", such as Europe/London, unless UTC is right.")
	default:
		return ok(check, "%s, for calls that name none%s; now %s there", name, from, t.Now().In(t.Config.Zone).Format("Mon 15:04"))
	}
}

// state checks the store: the state folder or the database on a server.
func (t Target) state(ctx context.Context) []Finding {
	const check = "store"
	dir := t.Config.StateDir
	switch {
	case t.Sandbox && dir == "":
		return []Finding{ok(check, "there is no folder for it: the sandbox keeps its data in memory")}
	case t.Sandbox && !t.Store.Exists():
		return append([]Finding{ok(check, "the sandbox has not stored anything yet in %s", t.Config.SandboxDir())}, t.secret()...)
	case t.Sandbox:
		dir = t.Config.SandboxDir()
	case t.Config.DatabaseURL != "":
		return t.database(ctx)
	case dir == "":
		return []Finding{problem(check, "there is no folder for it", "Set VENNIO_STATE_DIR, or HOME to an absolute path: without it no consent can be recorded, and nothing booked.")}
	}
	if unfit := t.secret(); unfit != nil {
		return unfit
	}
	if err := t.Store.Check(ctx); err != nil {
		if sqldb.FaultOf(err) == sqldb.Damaged {
			_ = t.Store.Close() // so that no later check changes data that can still be recovered
		}
		unfit := unusable(dir, err)
		if fault := sqldb.FaultOf(err); t.Sandbox && (fault == sqldb.Damaged || fault == sqldb.TooNew) {
			unfit.Do = "Delete the sandbox's data with vennio-mcp sandbox reset."
		}
		return []Finding{unfit}
	}
	return []Finding{ok(check, "%s is undamaged and can be written", dir), private(dir), t.ledger(ctx)}
}

// secret checks that nobody else can write to the state folder and, if no signing
// secret is configured, that the stored one is secure.
func (t Target) secret() []Finding {
	const check = "store"
	dir := t.Config.StateDir
	err := files.CheckPrivate(dir)
	if err == nil && dir != "" && len(t.Config.SigningSecrets) == 0 {
		_, err = tenant.SigningSecret(dir)
	}
	if insecure, is := errors.AsType[*files.InsecureError](err); is {
		return []Finding{problem(check, insecure.Why, "The server does not start with it: "+insecure.Do+".")}
	}
	return nil
}

// unusable reports a state folder that cannot be used, with the remedy for its fault.
func unusable(dir string, err error) Finding {
	do := "Give the folder back to the user of the server, or set VENNIO_STATE_DIR to another."
	switch fault := sqldb.FaultOf(err); fault {
	case sqldb.Damaged:
		do = "Stop every vennio-mcp and keep a copy of the folder. Then put vennio-mcp.db back from a backup, without the files ending in -wal and -shm, or save what can be read with: sqlite3 vennio-mcp.db .recover. " +
			"Without either, move the three files away: an empty ledger begins, which does not know what was agreed or booked before."
	case sqldb.ReadOnly:
		do = "Let the user of the server write to the folder and the files in it (chmod u+rwX, chown), and mount the disk for writing."
	case sqldb.NoAccess:
		do = "Let the user of the server open the folder and the files in it: they must be regular files that belong to that user (chown -R, chmod -R u+rwX)."
	case sqldb.Full:
		do = "Free space on the disk, or raise the quota: until then no consent can be recorded, and nothing booked."
	case sqldb.Locked:
		do = "Another process has the database locked: find it (fuser vennio-mcp.db), end a backup or sqlite3 that is still open, and try again."
	case sqldb.Failing:
		do = "The disk fails to read or write: look at the system's log, keep a copy of the folder, and move it to another disk."
	case sqldb.TooNew:
		do = "Run the newer version that wrote it, or set VENNIO_STATE_DIR to another folder."
	}
	return problem("store", sanitize.Line(fmt.Sprintf("%s cannot be used: %v", dir, err), 400), do)
}

func (t Target) database(ctx context.Context) []Finding {
	const check = "store"
	if err := t.Store.Check(ctx); err != nil {
		return []Finding{problem(check, fmt.Sprintf("the database cannot be used: %v", err), "See that VENNIO_MCP_DATABASE_URL leads to a PostgreSQL database that is up, and whose tables this user may make and change. If a newer version made them, run that.")}
	}
	return []Finding{ok(check, "the database of VENNIO_MCP_DATABASE_URL opens and can be written"), t.databaseClock(ctx), t.ledger(ctx)}
}

// databaseClock compares this machine's clock with the database's, which all processes
// use for the expiry of consents and for follow-ups.
func (t Target) databaseClock(ctx context.Context) Finding {
	const check = "database clock"
	ahead, err := t.Store.Skew(ctx)
	switch {
	case err != nil:
		return problem(check, fmt.Sprintf("it cannot be read: %v", err), "See the line above.")
	case ahead.Abs() > sqldb.MaxSkew:
		return warn(check, sqldb.SkewText(ahead), "Run NTP on both machines. Consents and follow-ups go by the database's clock, so nothing is lost; tokens, TLS and the times in logs go by this machine's.")
	}
	return ok(check, "within %s of this machine's", sqldb.MaxSkew)
}

// private checks that only the owner can read the ledger and the signing secret.
func private(dir string) Finding {
	const check = "store"
	if runtime.GOOS == "windows" {
		return ok(check, "its permissions are those of the user's folder")
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 == 0 {
		return ok(check, "nobody else can read it") // and therefore nobody else can open the files in it
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return problem(check, err.Error(), "Correct the permissions of the folder.")
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			return warn(check, "others on this machine can reach "+filepath.Join(dir, f.Name()), "chmod -R go= "+dir+": people's data and the signing secret are there.")
		}
	}
	return ok(check, "nobody else can read its files")
}

func (t Target) openLedger() *consent.Ledger {
	return consent.New(t.Store, t.Now).Pin(t.Config.Passkeys)
}

// passkeys checks whether people can approve where only a passkey counts; nil where other methods count.
func (t Target) passkeys(ctx context.Context) []Finding {
	const check = "passkeys"
	if t.Config.Consent != consent.PolicySigned || t.Store == nil {
		return nil
	}
	if _, err := passkey.SiteOf(cmp.Or(t.Config.Serve.PublicURL, "http://"+passkey.Local)); err != nil {
		return []Finding{problem(check, "they cannot be used at "+t.Config.Serve.PublicURL, "Set VENNIO_MCP_PUBLIC_URL to https with a host name, or to http://localhost with a port.")}
	}
	var all []consent.Passkey
	var err error
	if !t.Sandbox || t.Store.Exists() { // otherwise reading would create the sandbox's store
		all, err = t.openLedger().Passkeys(ctx, t.Tenant)
	}
	switch add := "vennio-mcp passkeys add" + t.flag(); {
	case err != nil:
		return nil // reported by ledger
	case len(all) == 0 && len(t.Config.Passkeys[t.Tenant]) > 0:
		return []Finding{problem(check, "those in the settings file sign nothing any more (until)", "Add another one under passkeys in the settings file.")}
	case len(all) == 0:
		return []Finding{problem(check, "none was added, so nobody can approve anything", add)}
	case slices.ContainsFunc(all, func(p consent.Passkey) bool { return p.How == consent.Unsigned }):
		return []Finding{warn(check, "one was added without a signature, after all others were removed", "See vennio-mcp passkeys list"+t.flag()+".")}
	}
	return []Finding{ok(check, "%d can sign", len(all))}
}

func (t Target) ledger(ctx context.Context) Finding {
	const check = "consent ledger"
	n, err := t.openLedger().Verify(ctx)
	if broken, is := errors.AsType[*consent.BrokenError](err); is {
		return problem(check, fmt.Sprintf("it does NOT hold: %v", broken), "It was changed from outside. Keep a copy of the folder and find the cause; vennio-mcp ledger export shows what is left.")
	}
	if err != nil {
		return problem(check, fmt.Sprintf("it cannot be read: %v", err), "See the line above.")
	}
	return ok(check, "%d entries, none changed, deleted or inserted, and every consent matches its entries", n)
}
