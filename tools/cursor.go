package tools

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// place is a position in a list of bookings: by start, then by a digest of the
// id. It means the same whatever was booked or cancelled meanwhile.
type place struct {
	start time.Time // whole seconds
	id    [8]byte
}

func (p place) compare(q place) int {
	return cmp.Or(p.start.Compare(q.start), bytes.Compare(p.id[:], q.id[:]))
}

func digest(id string) (short [8]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(short[:], sum[:])
	return short
}

var cursors = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding) // as in slot ids

const seal = 8 // bytes of a cursor's MAC

// cursor carries a place through the model: 39 letters and digits, authenticated
// and bound to the filters, so that a page never goes on in another list.
func (d Deps) cursor(q listing, p place) string {
	raw := append(binary.BigEndian.AppendUint64(nil, uint64(p.start.Unix())), p.id[:]...) //nolint:gosec // G115: turned back as it came
	return cursors.EncodeToString(append(raw, sealed(d.Secret, q, raw)...))
}

// placeIn opens a cursor; of none it is the place before all others.
func (d Deps) placeIn(q listing, cursor string) (p place, err error) {
	if cursor = strings.ToLower(strings.TrimSpace(cursor)); cursor == "" {
		return place{}, nil
	}
	raw, err := cursors.DecodeString(cursor)
	if err != nil || len(raw) != 16+seal || !d.verified(func(secret []byte) bool { return hmac.Equal(raw[16:], sealed(secret, q, raw[:16])) }) {
		return p, refuse(schemas.CodeInvalidArguments, "cursor: not one that list_bookings gave for these arguments.",
			"Copy next_cursor whole and send the other arguments as they were; or leave cursor out to begin anew.")
	}
	p.start = time.Unix(int64(binary.BigEndian.Uint64(raw)), 0) //nolint:gosec // G115: as it was put in
	copy(p.id[:], raw[8:])
	return p, nil
}

func sealed(secret []byte, q listing, raw []byte) []byte {
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write([]byte("vennio-mcp list cursor v1"))
	for _, part := range append([]string{string(raw)}, q.asked...) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		_, _ = h.Write([]byte(part))
	}
	return h.Sum(nil)[:seal]
}
