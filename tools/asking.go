package tools

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// asker is the caller as the ledger counts their requests: by a keyed hash, so that the ledger does
// not say who they are. While the signing secret is rotated, counting begins anew.
func (d Deps) asker(ctx context.Context) consent.Asker {
	caller := ""
	if d.Caller != nil {
		caller = d.Caller(ctx)
	}
	h := hmac.New(sha256.New, d.Secret)
	_, _ = h.Write([]byte("vennio-mcp caller v1\x00" + d.Tenant + "\x00" + caller))
	return consent.Asker{Caller: hex.EncodeToString(h.Sum(nil)[:16]), Client: clientName(ctx), Limits: d.Limits.Asking, Account: d.Account, Policy: d.Policy}
}

// declined is the error of an act that a person declined.
func (d Deps) declined(ctx context.Context, act consent.Act) error {
	if err := d.Ledger.Refused(ctx, act); err != nil {
		return ledgerRefused(err)
	}
	return refuse(schemas.CodeConsentDeclined, "", "")
}

// refusedByPerson says for how long a refusal holds, and what a person may still be asked.
func refusedByPerson(err error) error {
	r := &Refusal{Code: schemas.CodeConsentDeclined, Cause: err}
	refused, ok := errors.AsType[*consent.RefusedError](err)
	if !ok {
		return r
	}
	what, other := "time", "another time"
	if refused.Booking {
		what, other = "booking", "something else"
	}
	r.Message = fmt.Sprintf("%s The refusal holds for this %s, however the request is worded, for another %s.", table[r.Code].message, what, inWords(refused.Wait))
	r.Next = fmt.Sprintf("Do not ask for this again. Ask the person whether %s would do, or stop.", other)
	if refused.Changeable {
		r.Next += fmt.Sprintf(" If they want this %s with something changed, such as another title or guest, one changed request is possible.", what)
	}
	return r
}

// askedTooOften says which limit on asking is reached, and how long to wait.
func askedTooOften(err error) error {
	e, _ := errors.AsType[*consent.TooManyError](err)
	who := map[bool]string{true: "all callers of this account together", false: "one caller"}[e.Tenant]
	r := &Refusal{Code: schemas.CodeRateLimited, Wait: e.Wait, Cause: err}
	again := fmt.Sprintf("make exactly the same call again in %s", inWords(e.Wait))
	if e.Open {
		r.Message = fmt.Sprintf("This call changed nothing and asked nobody: %s may have %s open that wait for a person.", who, requests(e.Most))
		r.Next = "Have the person answer the requests that are open, then make exactly the same call again; otherwise " + again + ", when one has expired."
		return r
	}
	r.Message = fmt.Sprintf("This call changed nothing and asked nobody: %s may have people asked %d times an hour.", who, e.Most)
	r.Next = "Tell the person that no further request is possible for now, and " + again + "."
	return r
}

func requests(n int) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

// inWords is a duration that is rounded up: "45 seconds", "10 minutes", "3 hours".
func inWords(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d > 3*time.Hour:
		unit, name = time.Hour, "hour"
	case d > 2*time.Minute:
		unit, name = time.Minute, "minute"
	}
	n := max(1, (d+unit-1)/unit)
	if n > 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}
