// Package lazyregexp compiles regular expressions when they are first used. A process that starts up
// needs few of them, and to compile them all would delay its first answer.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function that compiles the pattern at its first call, and panics then if it is invalid.
func New(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
