package approve

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
)

// tokens binds a form to the browser that opened it (OWASP, signed double-submit
// cookie): the cookie is random, the form carries its MAC together with the id.
type tokens struct{ keys [][]byte } // the first signs, all verify

const cookieName = "vennio-approve"

func newTokens(secrets [][]byte) (t tokens) {
	for _, secret := range secrets {
		h := hmac.New(sha256.New, secret)
		_, _ = h.Write([]byte("vennio-mcp approval form v1"))
		t.keys = append(t.keys, h.Sum(nil))
	}
	return t
}

// issue returns the token of a form, and gives the browser its cookie.
func (t tokens) issue(w http.ResponseWriter, r *http.Request, id string, https bool) string {
	cookie, err := r.Cookie(cookieName)
	if err != nil || len(cookie.Value) != 64 {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		cookie = &http.Cookie{   //nolint:gosec // G124: Secure where there is TLS; on loopback there is none
			Name: cookieName, Value: hex.EncodeToString(secret), Path: Path,
			HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: https || r.TLS != nil, MaxAge: 3600,
		}
		http.SetCookie(w, cookie)
	}
	return token(t.keys[0], cookie.Value, id)
}

// fits reports whether a POST came from a form of ours in the same browser.
func (t tokens) fits(r *http.Request, id string) bool {
	cookie, err := r.Cookie(cookieName)
	site := r.Header.Get("Sec-Fetch-Site") // Fetch Metadata: what the browser says of where the request came from
	if err != nil || site != "" && site != "same-origin" {
		return false
	}
	given := []byte(r.PostForm.Get("token"))
	return slices.ContainsFunc(t.keys, func(key []byte) bool { return hmac.Equal([]byte(token(key, cookie.Value, id)), given) })
}

func token(key []byte, cookie, id string) string {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(cookie + "\x00" + id))
	return hex.EncodeToString(h.Sum(nil))
}

// guard sets the headers of a page that must not be framed, cached, sniffed or
// named to other sites: its address is a secret. Its own form may name it: with
// no-referrer a browser sends Origin: null, which serve refuses.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
