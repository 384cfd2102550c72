package webhook_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// The vector is RFC 4231's second test case, so that both sides cannot be wrong alike.
func TestSignIsHMACSHA256(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		webhook.Sign([]byte("what do ya want for nothing?"), "Jefe"))
}

func TestReq_W1_VerifyOnRawBytesWithTwoSecrets(t *testing.T) {
	t.Parallel()
	body := []byte(`{"id":"evt_1", "type":"booking.created"}`)
	signed := webhook.Sign(body, "whsec_current")
	for name, row := range map[string]struct {
		body      string
		signature string
		secrets   []string
		want      error
	}{
		"fits":                 {string(body), signed, []string{"whsec_current"}, nil},
		"fits the second":      {string(body), signed, []string{"whsec_next", "whsec_current"}, nil},
		"fits the first":       {string(body), signed, []string{"whsec_current", "whsec_next"}, nil},
		"upper case":           {string(body), strings.ToUpper(signed), []string{"whsec_current"}, nil},
		"no header":            {string(body), "", []string{"whsec_current"}, webhook.ErrUnsigned},
		"cut short":            {string(body), signed[:63], []string{"whsec_current"}, webhook.ErrMisshapen},
		"cut to whole bytes":   {string(body), signed[:62], []string{"whsec_current"}, webhook.ErrMisshapen},
		"too long":             {string(body), signed + "00", []string{"whsec_current"}, webhook.ErrMisshapen},
		"with a prefix":        {string(body), "sha256=" + signed, []string{"whsec_current"}, webhook.ErrMisshapen},
		"no digits":            {string(body), strings.Repeat("z", 64), []string{"whsec_current"}, webhook.ErrMisshapen},
		"other secret":         {string(body), signed, []string{"whsec_other"}, webhook.ErrMismatch},
		"other body":           {string(body) + " ", signed, []string{"whsec_current"}, webhook.ErrMismatch},
		"one bit off":          {string(body), flip(signed), []string{"whsec_current"}, webhook.ErrMismatch},
		"no secret":            {string(body), signed, nil, webhook.ErrMismatch},
		"signed with nothing":  {string(body), webhook.Sign(body, ""), []string{""}, webhook.ErrMismatch},
		"nothing among others": {string(body), webhook.Sign(body, ""), []string{"whsec_current", ""}, webhook.ErrMismatch},
	} {
		assert.ErrorIs(t, webhook.Verify([]byte(row.body), row.signature, row.secrets...), row.want, name)
	}
}

// flip changes the last digit.
func flip(signature string) string {
	last := "0"
	if strings.HasSuffix(signature, last) {
		last = "1"
	}
	return signature[:len(signature)-1] + last
}
