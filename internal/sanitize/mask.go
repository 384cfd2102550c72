package sanitize

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

const stars = "****"

// Mask replaces everything in s that looks like a credential by stars, and keeps the
// prefix that tells its kind: keys of Vennio and other services, webhook secrets,
// tokens of this server, bearer and basic credentials, JWTs, private keys, passwords
// in URLs, and values assigned to the name of a secret. Use it for messages, not for
// data that is forwarded.
func Mask(s string) string { return maskBy(masks, s) }

func maskBy(all []mask, s string) string {
	lower := strings.ToLower(s)
	for _, m := range all {
		if m.in(lower) {
			s = m.apply(s)
		}
	}
	return s
}

// mask is one form of credentials.
type mask struct {
	markers []string              // in lower case; every text with such a credential contains one of them
	pattern func() *regexp.Regexp // compiled at its first use: most are never needed
	// Only the pattern's second group is masked. If secret is set, it reports whether
	// the second group is a secret at all.
	secret func(string) bool
}

// in reports whether a text in lower case may contain such a credential.
func (m mask) in(lower string) bool {
	return slices.ContainsFunc(m.markers, func(marker string) bool { return strings.Contains(lower, marker) })
}

func (m mask) apply(s string) string {
	var out strings.Builder
	last := 0
	for _, at := range m.pattern().FindAllStringSubmatchIndex(s, -1) {
		from, to := at[4], at[5]
		if m.secret != nil && !m.secret(s[from:to]) {
			continue
		}
		out.WriteString(s[last:from])
		out.WriteString(stars)
		last = to
	}
	if last == 0 {
		return s
	}
	out.WriteString(s[last:])
	return out.String()
}

// Characters of keys and tokens (RFC 6750, 2.1: b64token), and percent signs, as
// keys in URLs may be encoded.
const value = `[A-Za-z0-9_\-.~+/=%*]+`

// named matches names to which secrets are assigned. It excludes the parameters pwd and
// token of links to video calls, because people need those links.
const named = `(?:api[_-]?key|(?:secret|private)[_-]?(?:access[_-]?)?key|(?:access|refresh|auth|id)[_-]?token|(?:api|client|signing|webhook)[_-]?secret|password|passwd)`

// vennioPrefix begins the keys of Vennio (docs/vennio-api.md, Hosts and
// authentication), also in a URL and in JSON that is quoted in JSON.
const vennioPrefix = `vennio` + underscore + `(?:sk|pk|at|rt)` + underscore

const underscore = `(?:_|%5f|\\+u005f)`

var vennioKey = lazyregexp.New(`(?i)` + vennioPrefix)

// VennioKey reports whether s contains the beginning of a Vennio key.
func VennioKey(s string) bool {
	return strings.Contains(strings.ToLower(s), "vennio") && vennioKey().MatchString(s)
}

var masks = []mask{
	{[]string{"private key"}, lazyregexp.New(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)([^-]*)`), nil},
	{[]string{"vennio_", "vennio%5f", `vennio\`}, lazyregexp.New(`(?i)(` + vennioPrefix + `(?:(?:live|test)` + underscore + `)?)(` + value + `)`), notJustAKind},
	{ // such a key in base64, wherever it begins in a group of three bytes
		[]string{"dmvubmlvx", "zlbm5pb1", "2zw5uaw9f"}, lazyregexp.New(`(dmVubmlvX|Zlbm5pb1|2ZW5uaW9f)([A-Za-z0-9_\-+/]{8,}=*)`), nil,
	},
	{[]string{"whsec_", "vmcp_"}, lazyregexp.New(`(?i)(whsec_|vmcp_)(` + value + `)`), nil},
	{
		[]string{"sk_", "pk_", "rk_"}, // Stripe, and Vennio's guide
		lazyregexp.New(`(?i)(\b[spr]k_(?:live|test)_)(` + value + `)`), nil,
	},
	{
		[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "xapp-", "sk-", "akia", "aiza", "glpat-"},
		lazyregexp.New(`(\b(?:gh[pousr]_|github_pat_|xox[a-z]-|xapp-|sk-|AKIA|AIza|glpat-))([A-Za-z0-9_\-]{16,})`), nil,
	},
	{[]string{"hooks.slack.com/"}, lazyregexp.New(`(?i)(hooks\.slack\.com/[a-z]+/)(` + value + `)`), nil},
	{[]string{"eyj"}, lazyregexp.New(`(\beyJ)([A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)*)`), nil},
	{
		[]string{"bearer", "basic", "authorization"},
		lazyregexp.New(`(?i)(\b(?:authorization["']?\s*[:=]\s*["']?(?:[a-z]+ )?|(?:bearer|basic)[ :=]+))(` + value + `)`), likely,
	},
	{
		[]string{"key", "token", "secret", "passw"},
		lazyregexp.New(`(?i)(` + named + `["']? ?: ?["']?)([^\s"'<>&,;\\{}$…]+)`), likely,
	},
	{[]string{"key=", "token=", "secret=", "passw"}, lazyregexp.New(`(?i)(` + named + `=["']?)([^\s"'<>&,;\\{}$…]+)`), nil},
	{[]string{"://"}, lazyregexp.New(`(\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#"'<>:@\\]*:)([^\s"'<>\\]+)@`), notAPort},
	{[]string{"://"}, lazyregexp.New(`(\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?#"'<>:@\\]*:)([^\s"'<>\\/@]+)…`), notANumber}, // cut before its @
}

// notJustAKind excludes a prefix without a key, as in "keys begin with vennio_sk_live_".
func notJustAKind(value string) bool {
	kind := strings.TrimRight(strings.ToLower(value), "_")
	return kind != "live" && kind != "test"
}

// likely distinguishes a credential from a word, as in "bearer token" and "basic settings".
func likely(value string) bool {
	const certain, short = 20, 6
	return len(value) >= certain || len(value) >= short && strings.ContainsAny(value, "0123456789_~+/=")
}

// notAPort excludes the port of an address such as http://host:8080/@name.
func notAPort(value string) bool {
	port, _, path := strings.Cut(value, "/")
	return !path || notANumber(port)
}

func notANumber(value string) bool { return strings.Trim(value, "0123456789") != "" }

// MaskJSON applies [Mask] to every string in a JSON text, except the values of members
// for which keep returns true; depth is the number of objects and arrays around the
// member. It returns text itself if nothing is masked.
func MaskJSON(text []byte, keep func(depth int, name string) bool) []byte {
	all, source := masks, string(text)   // the literals are parts of source, so that they are not copied one by one
	if !strings.Contains(source, `\u`) { // without escapes the markers are visible
		lower := strings.ToLower(source)
		all = slices.DeleteFunc(slices.Clone(all), func(m mask) bool { return !m.in(lower) })
	}
	if len(all) == 0 {
		return text
	}
	var out []byte
	var name string
	depth, last := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(text, i)
			isName := bytes.HasPrefix(bytes.TrimLeft(text[end:], " \t\r\n"), []byte(":"))
			if isName {
				name = source[i+1 : end-1]
			}
			if isName || !keep(depth, name) {
				if masked := maskLiteral(all, source[i:end]); masked != nil {
					out = append(append(out, text[last:i]...), masked...)
					last = end
				}
			}
			i = end - 1
		}
	}
	if last == 0 {
		return text
	}
	return append(out, text[last:]...)
}

// stringEnd returns the index after the string literal that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// maskLiteral masks a string literal. It returns nil if there is nothing to mask.
func maskLiteral(all []mask, literal string) []byte {
	s := literal[1:max(1, len(literal)-1)]
	if strings.Contains(s, `\`) && json.Unmarshal([]byte(literal), &s) != nil {
		return nil
	}
	masked := maskBy(all, s)
	if masked == s {
		return nil
	}
	raw, err := json.Marshal(masked)
	if err != nil {
		return nil
	}
	return raw
}

// Secret is a text that packages fmt and encoding/json, and every logger, write as stars.
type Secret string

// String hides the secret.
func (Secret) String() string { return stars }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return stars }

// MarshalText hides the secret from JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// Reveal returns the secret. It is the only way to read it.
func (s Secret) Reveal() string { return string(s) }
