package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// digest is fresh at each call, the same in each sandbox of one seed and start,
// and different after a restart, so that ids remembered elsewhere are not met again.
func (s *Server) digest() [sha256.Size]byte {
	s.serial++
	return sha256.Sum256(fmt.Appendf(nil, "%d/%d/%d", s.seed, s.born.UnixNano(), s.serial))
}

// uuid needs s.mu.
func (s *Server) uuid() string {
	d := s.digest()
	d[6], d[8] = d[6]&0x0f|0x40, d[8]&0x3f|0x80 // version 4, variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

// tag is an id of 24 hexadecimal digits after what it is the id of. It needs s.mu.
func (s *Server) tag(kind string) string {
	d := s.digest()
	return kind + hex.EncodeToString(d[:12])
}
