package sanitize_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

const jwt = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2xvZ2luIn0.c2lnbmF0dXJl"

// field: keys, tokens, secrets and passwords in messages
func TestWhateverLooksLikeAKeyIsMasked(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"vennio_sk_live_c4n4ry":                               "vennio_sk_live_****",
		"x vennio_sk_test_c4n4ry, y":                          "x vennio_sk_test_****, y",
		"vennio_pk_live_c4n4ry vennio_at_c4n4ry":              "vennio_pk_live_**** vennio_at_****",
		"VENNIO_SK_LIVE_C4N4RY":                               "VENNIO_SK_LIVE_****",
		"Xvennio_rt_c4n4ry":                                   "Xvennio_rt_****",
		"/v1?k=vennio%5Fsk%5Flive%5Fc4n4ry&x=1":               "/v1?k=vennio%5Fsk%5Flive%5F****&x=1",
		`{\"a\":\"vennio\u005fsk\\u005Flive\\u005fc4n4ry\"}`:  `{\"a\":\"vennio\u005fsk\\u005Flive\\u005f****\"}`,
		"dmVubmlvX3NrX2xpdmVfYzRuNHJ5":                        "dmVubmlvX****",
		"ADp2ZW5uaW9fc2tfbGl2ZV9jNG40cnk= is the password":    "ADp2ZW5uaW9f**** is the password",
		"eDp2ZW5uaW9fc2tfbGl2ZV9jNG40cnk=,":                   "eDp2ZW5uaW9f****,",
		"AAAAdmVubmlvX3NrX2xpdmVfYzRuNHJ5":                    "AAAAdmVubmlvX****",
		"OnZlbm5pb19za19saXZlX2M0bjRyeQ==":                    "OnZlbm5pb1****",
		"aws_secret_access_key=c4n4ry42":                      "aws_secret_access_key=****",
		"secret_key: c4n4ry42 auth-token=c4n4ry42":            "secret_key: **** auth-token=****",
		`"privateKey":"c4n4ry42","id_token":"c4n4ry42"`:       `"privateKey":"****","id_token":"****"`,
		"(vennio_sk_live_c4n.4ry/+=)":                         "(vennio_sk_live_****)",
		"sk_live_c4n4ry":                                      "sk_live_****",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==.":           "whsec_****",
		"the secret whsec_c4n4ry.":                            "the secret whsec_****",
		"vmcp_C4N4RYC4N4RYC4N4RYC4N4RYC4":                     "vmcp_****",
		"Authorization: Bearer c4n4ry42":                      "Authorization: Bearer ****",
		"authorization=Basic dXNlcjpjNG40cnk=":                "authorization=Basic ****",
		"bearer c4n4ry-of-many-letters":                       "bearer ****",
		`{"Authorization":"c4n4ry42"}`:                        `{"Authorization":"****"}`,
		"X-Vennio-Api-Key: c4n4ry42":                          "X-Vennio-Api-Key: ****",
		"VENNIO_API_KEY=c4n4ry42 is odd":                      "VENNIO_API_KEY=**** is odd",
		"?access_token=c4n4ry42&x=1":                          "?access_token=****&x=1",
		"user=ada password=c4n4ry host=db":                    "user=ada password=**** host=db",
		"postgres://ada:c4n4ry@db.example.com/x":              "postgres://ada:****@db.example.com/x",
		"postgresql://ada:c4n@4ry/#?@db:5432/x?sslmode=off":   "postgresql://ada:****@db:5432/x?sslmode=off",
		"https://:c4n4ry@example.com/":                        "https://:****@example.com/",
		"postgres://ada:12345@db":                             "postgres://ada:****@db",
		"is postgres://ada:c4n4…":                             "is postgres://ada:****…",
		`dial "redis://ada:c4n4ry@h"`:                         `dial "redis://ada:****@h"`,
		"token " + jwt + " expired":                           "token eyJ**** expired",
		"https://hooks.slack.com/services/T0/B0/c4n4ry":       "https://hooks.slack.com/services/****",
		"ghp_c4n4ryc4n4ryc4n4ryc4n4ry":                        "ghp_****",
		"xoxb-12345678901-c4n4ryc4n4ry":                       "xoxb-****",
		"-----BEGIN EC PRIVATE KEY-----\nc4n4ry\n-----END EC": "-----BEGIN EC PRIVATE KEY-----****-----END EC",
		"vennio_sk_live_a vennio_sk_live_b":                   "vennio_sk_live_**** vennio_sk_live_****",
	} {
		assert.Equal(t, want, sanitize.Mask(in))
		assert.Equal(t, want, sanitize.Mask(want), "masked text does not change again")
	}
	for _, text := range []string{
		"", "Use a secret key (vennio_sk_live_…).", "the key has none of Vennio's prefixes (vennio_sk_, vennio_pk_, vennio_at_)", "vennio_sk_test", "vennio_unavailable",
		"want one header Authorization: Bearer TOKEN", "bearer tokens, basic settings", "begins with whsec_ but is no base64 after it", "sk_test",
		"set VENNIO_API_KEY (or VENNIO_API_KEY_FILE)", "VENNIO_API_KEY=… vennio-mcp", "api_key: is missing; want ${NAME} of the environment, or api_key_file", "password: is missing",
		"api_key: ${SALES_VENNIO_KEY}", "postgres://user:password/x", "http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/@ada", "http://127.0.0.1:8080…", "http://127.0.0.1:8080/mcp…", "vennio://bookings/7b0c1a2e a@b.example", "Ada <ada@example.com>: hello",
		"https://zoom.example.com/j/123?pwd=abc123", "https://meet.example.com/x?token=abc123", "7b0c1a2e-6d52-4c1b-9a77-0d8e1f2a3b4c", "12:30 a@b", "eyJ.x", "task-force sk-i",
		"slot_9f2c6d0be1a84735.9f2c6d0be1a84735",
	} {
		assert.Equal(t, text, sanitize.Mask(text))
	}
}

func TestJSONStaysJSONWhenItIsMasked(t *testing.T) {
	t.Parallel()
	keep := func(depth int, name string) bool { return depth == 1 && name == "id" }
	for in, want := range map[string]string{
		`{"id":"vennio_sk_live_x","a":{"id":"vennio_sk_live_x"},"vennio_sk_live_y":1}`: `{"id":"vennio_sk_live_x","a":{"id":"vennio_sk_live_****"},"vennio_sk_live_****":1}`,
		`{"a" : [ "x\"whsec_y\"", 7, "b" ] }` + "\n":                                   `{"a" : [ "x\"whsec_****\"", 7, "b" ] }` + "\n",
		`{"a":"postgres://u:p\u0026\"q@h"}`:                                            `{"a":"postgres://u:p\u0026\"q@h"}`,
		`{"a":"postgres://u:p\u0026q@h"}`:                                              `{"a":"postgres://u:****@h"}`,
		`{"a":"vennio\u005fsk_live_x"}`:                                                `{"a":"vennio_sk_live_****"}`,
		`{}`:                                                                           `{}`, ``: ``, `"`: `"`, `{"a":"\`: `{"a":"\`, `not JSON`: `not JSON`,
	} {
		assert.Equal(t, want, string(sanitize.MaskJSON([]byte(in), keep)))
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"vennio_sk_live_C4N4RY", `"`, `\`, " ", "{", "}", ":", "@", "://u:C4N4RYC4N4RY@", "\n", "ü", "x"})).Draw(t, "parts")
		raw, err := json.Marshal(map[string][]string{"a": parts, strings.Join(parts, ""): nil})
		require.NoError(t, err)
		got := sanitize.MaskJSON(raw, func(int, string) bool { return false })
		assert.True(t, json.Valid(got), "%s", got)
		assert.NotContains(t, string(got), "vennio_sk_live_C4N4RY")
	})
}

func BenchmarkMaskJSON(b *testing.B) {
	for name, piece := range map[string]string{"clean": `"name":"find_slots","text":"Times that suit, few and spread out"`, "keys": `"key":"value","url":"https://example.com/x","e-mail":"a@example.com"`} {
		text := []byte("[{" + strings.Repeat(piece+"},{", 100) + `"id":1}]`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				sanitize.MaskJSON(text, func(int, string) bool { return false })
			}
		})
	}
}
