package vennioclient

// Secret is a text that is neither printed nor marshalled, not even as an
// unexported field of what is.
type Secret struct{ text secret }

func secretOf(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the text, "" where there is none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// String says whether there is a secret, and nothing of it.
func (s Secret) String() string {
	if s.text == nil {
		return "[no secret]"
	}
	return "[secret]"
}

// GoString is String: %#v shows no more than %v.
func (s Secret) GoString() string { return s.String() }
