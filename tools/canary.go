package tools

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Canary is how much of the world this server writes for: in hundredths of a
// per cent of tenants, or of hosts where there is one tenant, that it does not
// write for. The zero value writes for all.
type Canary struct{ withheld int }

const wholeWorld = 100 * 100

// ParseCanary reads "5%", "0.5%" or "100%": the share that is live.
func ParseCanary(s string) (Canary, error) {
	number, isShare := strings.CutSuffix(strings.TrimSpace(s), "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !isShare || err != nil || !(share >= 0 && share <= 100) {
		return Canary{}, errors.New("want a share from 0% to 100%, such as 5%")
	}
	return Canary{wholeWorld - int(share*100+0.5)}, nil
}

// String is the live share: "5%".
func (c Canary) String() string {
	return strconv.FormatFloat(float64(wholeWorld-c.withheld)/100, 'f', -1, 64) + "%"
}

// live tells whether an act is written: the same tenant or host always is, or
// never, and stays live when the share grows.
func (c Canary) live(a consent.Act) bool {
	who := a.Tenant
	if len(a.Hosts) > 0 {
		who = cmp.Or(who, strings.ToLower(a.Hosts[0].ID))
	}
	return c.Live(who)
}

// Live tells whether c writes for a tenant or host of this id.
func (c Canary) Live(who string) bool {
	sum := sha256.Sum256([]byte("vennio-mcp canary v1\x00" + who))
	return binary.BigEndian.Uint64(sum[:])%wholeWorld < uint64(wholeWorld-c.withheld) //nolint:gosec // G115: from 0 to 10,000
}

// preview is what a call is told whose act is not written.
func (c Canary) preview(to deed) error {
	r := refuse(schemas.CodePreview, fmt.Sprintf("This call changed nothing: this server writes for %s of its hosts so far, and this one is not among them. What it would have written is shown.", c), "")
	r.Instead.Proposal = to.asked
	return r
}
